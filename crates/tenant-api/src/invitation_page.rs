//! `GET /invitation`: the page that an invitation's link leads to.
//!
//! The token stands behind the `#`, which browsers do not send, so it reaches no log. The page's script sends it to
//! `POST /api/invitations/accept` and shows the key of the answer, once. The content security policy allows this
//! script and this style by their hashes and nothing else; without scripts the page says what to do by hand.

use std::sync::Arc;

use axum::Extension;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gate::{AppState, public};
use sha2::{Digest as _, Sha256};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const DOCUMENT: &str = include_str!("invitation_page/page.html");
const STYLE: &str = include_str!("invitation_page/style.css");
const SCRIPT: &str = include_str!("invitation_page/script.js");

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(public(routes!(get)))
        .layer(Extension(Arc::new(Page::new())))
}

/// The page with its policy, made once.
#[derive(Debug)]
struct Page {
    html: String,
    policy: HeaderValue,
}

impl Page {
    fn new() -> Self {
        let policy = format!(
            "default-src 'none'; script-src '{}'; style-src '{}'; connect-src 'self'; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'",
            source_hash(SCRIPT),
            source_hash(STYLE)
        );
        Self {
            html: DOCUMENT.replace("{{style}}", STYLE).replace("{{script}}", SCRIPT),
            policy: HeaderValue::try_from(policy).expect("base64 and our own words are visible ASCII"),
        }
    }
}

/// How a policy names an inline script or style (CSP Level 3 §2.3.1).
fn source_hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

/// The page that an invitation leads to
#[utoipa::path(get, path = "/invitation", operation_id = "getInvitationPage", tag = "identity",
    responses((status = 200, description = "A page for people.", content_type = "text/html", body = String)))]
async fn get(Extension(page): Extension<Arc<Page>>) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, page.policy.clone()),
    ];
    (headers, page.html.clone()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands between the tags, as a browser hashes it.
    fn inside<'a>(html: &'a str, open: &str, close: &str) -> &'a str {
        let (_, rest) = html.split_once(open).expect("an opening tag");
        rest.split_once(close).expect("a closing tag").0
    }

    #[test]
    fn the_policy_allows_exactly_what_is_inside_the_page() {
        let page = Page::new();
        let policy = page.policy.to_str().expect("text");
        for (open, close) in [("<style>", "</style>"), ("<script>", "</script>")] {
            let hash = source_hash(inside(&page.html, open, close));
            assert!(policy.contains(&hash), "{open}");
            assert_eq!(page.html.matches(open).count(), 1, "{open}");
        }
        for forbidden in [" onclick=", " style=", "javascript:", "{{", "http://", "https://"] {
            assert!(!page.html.contains(forbidden), "{forbidden}");
        }
        assert!(!policy.contains("unsafe"));
    }
}
