//! `GET /password-reset` and `GET /admin/password-reset`: the page that the link in a mail leads to.
//!
//! The token stands behind the `#`, which browsers do not send, so it reaches no log. The page's script sends it, with
//! the new password, to the plane that the page's own address is of.

use std::sync::Arc;

use axum::Extension;
use axum::response::Response;
use edge::HtmlPage;
use gate::{AppState, public};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const DOCUMENT: &str = include_str!("password_reset_page/page.html");
const STYLE: &str = include_str!("password_reset_page/style.css");
const SCRIPT: &str = include_str!("password_reset_page/script.js");

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(public(routes!(get)))
        .routes(public(routes!(get_admin)))
        .layer(Extension(Arc::new(page())))
}

fn page() -> HtmlPage {
    HtmlPage::new(DOCUMENT, STYLE, SCRIPT)
}

/// The page where a password is replaced
#[utoipa::path(get, path = "/password-reset", operation_id = "getPasswordResetPage", tag = "auth",
    responses((status = 200, description = "A page for people.", content_type = "text/html", body = String)))]
async fn get(Extension(page): Extension<Arc<HtmlPage>>) -> Response {
    page.answer()
}

/// The page where an operator's password is replaced
#[utoipa::path(get, path = "/admin/password-reset", operation_id = "getAdminPasswordResetPage", tag = "auth",
    responses((status = 200, description = "A page for people.", content_type = "text/html", body = String)))]
async fn get_admin(Extension(page): Extension<Arc<HtmlPage>>) -> Response {
    page.answer()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_whole() {
        assert_eq!(page().flaws(), Vec::<String>::new());
    }
}
