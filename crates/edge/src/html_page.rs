//! A page for people with its own style and script inside, and a content security policy that allows these two by their
//! hashes and nothing else.

use axum::http::HeaderValue;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// The page with its policy, made once.
#[derive(Debug)]
pub struct HtmlPage {
    html: String,
    policy: HeaderValue,
}

impl HtmlPage {
    /// The document with style and script in the places of `{{style}}` and `{{script}}`. The script may call the host
    /// that the page is from.
    pub fn new(document: &str, style: &str, script: &str) -> Self {
        let policy = format!(
            "default-src 'none'; script-src '{}'; style-src '{}'; connect-src 'self'; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'",
            source_hash(script),
            source_hash(style)
        );
        Self {
            html: document.replace("{{style}}", style).replace("{{script}}", script),
            policy: HeaderValue::try_from(policy).expect("base64 and our own words are visible ASCII"),
        }
    }

    /// The answer.
    pub fn answer(&self) -> Response {
        let headers = [
            (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
            (CONTENT_SECURITY_POLICY, self.policy.clone()),
        ];
        (headers, self.html.clone()).into_response()
    }

    /// What keeps a browser from showing it as it is meant, or is not meant to be in it: for the test of each page.
    pub fn flaws(&self) -> Vec<String> {
        let policy = self.policy.to_str().unwrap_or_default();
        let mut flaws = Vec::new();
        for (open, close) in [("<style>", "</style>"), ("<script>", "</script>")] {
            let parts: Vec<&str> = self.html.split(open).skip(1).collect();
            let [inside] = parts.as_slice() else {
                flaws.push(format!("there is not one {open}"));
                continue;
            };
            let text = inside.split(close).next().unwrap_or_default();
            if !policy.contains(&source_hash(text)) {
                flaws.push(format!("the policy does not allow what is in {open}"));
            }
        }
        let foreign = [" onclick=", " style=", "javascript:", "{{", "http://", "https://"];
        let found = foreign.iter().filter(|text| self.html.contains(**text));
        flaws.extend(found.map(|text| format!("{text} in the page")));
        flaws
    }
}

/// How a policy names an inline script or style (CSP Level 3 §2.3.1).
fn source_hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_own_script_and_nothing_else() {
        let document = "<style>{{style}}</style><script>{{script}}</script>";
        let page = HtmlPage::new(document, "p {}", "\nlet x = 1;\n");
        assert_eq!(page.flaws(), Vec::<String>::new());
        let policy = page.policy.to_str().expect("text");
        assert!(policy.starts_with("default-src 'none'; script-src 'sha256-") && !policy.contains("unsafe"));
        for wrong in [
            "<style>{{style}} </style><script>{{script}}</script>",
            "<style>{{style}}</style>",
            "<style>{{style}}</style><script>{{script}}</script><script>1</script>",
            "<style>{{style}}</style><script>{{script}}</script><p style='x'>",
        ] {
            assert_eq!(HtmlPage::new(wrong, "p {}", "1").flaws().len(), 1, "{wrong}");
        }
    }
}
