//! The contract for people: `/openapi.json`, the page `/docs` made from it, and a page for each problem code.
//!
//! Rendered once on the server, without a script, so that it works without the internet under a content security
//! policy that allows nothing but its own style sheet.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::etag::{ETag, not_modified};
use crate::openapi::to_json;
use crate::path::Path;
use crate::problem::ProblemResponse;

mod example;
mod html;
mod operation;
mod page;
mod problem_pages;
mod schema;

/// What these routes are grouped under.
const OWN_TAG: &str = "documentation";
const PRESENT: &str = "The caller has this version.";
const STYLE: &str = include_str!("docs_page/style.css");
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The routes that show this document.
pub fn routes(document: &OpenApi) -> Router {
    let json = to_json(document);
    let value = serde_json::from_str(&json).expect("what was just written");
    let site = Site {
        page: Asset::new("text/html; charset=utf-8", page::render(&value)),
        json: Asset::new("application/json", json),
        style: Asset::new("text/css; charset=utf-8", STYLE.to_owned()),
        problems: Asset::new("text/html; charset=utf-8", problem_pages::index()),
    };
    Router::from(described_routes()).with_state(Arc::new(site))
}

/// What the document says about these routes themselves.
pub(crate) fn described() -> OpenApi {
    described_routes().into_openapi()
}

fn described_routes() -> OpenApiRouter<Arc<Site>> {
    OpenApiRouter::default()
        .routes(routes!(openapi_document))
        .routes(routes!(docs))
        .routes(routes!(docs_style))
        .routes(routes!(problem_index))
        .routes(routes!(problem_page))
}

/// Everything is rendered at start-up and never changes.
struct Site {
    json: Asset,
    page: Asset,
    style: Asset,
    problems: Asset,
}

struct Asset {
    media_type: &'static str,
    etag: ETag,
    text: String,
}

impl Asset {
    fn new(media_type: &'static str, text: String) -> Self {
        let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(&text));
        let etag = ETag::opaque(digest).expect("base64 is made of tag characters");
        Self {
            media_type,
            etag,
            text,
        }
    }

    fn answer(&self, headers: &HeaderMap) -> Response {
        let fixed = [(CONTENT_SECURITY_POLICY, POLICY), (CACHE_CONTROL, "no-cache")];
        if not_modified(headers, &self.etag) {
            return (StatusCode::NOT_MODIFIED, self.etag.clone(), fixed).into_response();
        }
        let content_type = [(CONTENT_TYPE, self.media_type)];
        (self.etag.clone(), fixed, content_type, self.text.clone()).into_response()
    }
}

/// The contract
///
/// This document (OpenAPI 3.1).
#[utoipa::path(get, path = "/openapi.json", tag = OWN_TAG,
    responses((status = 200, description = "The OpenAPI document.", body = serde_json::Value,
        headers(("ETag" = String))), (status = 304, description = PRESENT)))]
async fn openapi_document(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    site.json.answer(&headers)
}

/// The contract as a page
#[utoipa::path(get, path = "/docs", tag = OWN_TAG,
    responses((status = 200, description = "A page for people.", content_type = "text/html", body = String,
        headers(("ETag" = String))), (status = 304, description = PRESENT)))]
async fn docs(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    site.page.answer(&headers)
}

/// The page's style sheet
#[utoipa::path(get, path = "/docs/style.css", tag = OWN_TAG,
    responses((status = 200, description = "The style sheet.", content_type = "text/css", body = String,
        headers(("ETag" = String))), (status = 304, description = PRESENT)))]
async fn docs_style(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    site.style.answer(&headers)
}

/// Every problem code
#[utoipa::path(get, path = "/problems", tag = OWN_TAG,
    responses((status = 200, description = "A page for people.", content_type = "text/html", body = String,
        headers(("ETag" = String))), (status = 304, description = PRESENT)))]
async fn problem_index(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    site.problems.answer(&headers)
}

/// One problem code
///
/// What the `type` member of a problem points to.
#[utoipa::path(get, path = "/problems/{code}", tag = OWN_TAG,
    params(("code" = String, Path, example = "not_found")),
    responses((status = 200, description = "A page for people.", content_type = "text/html", body = String,
        headers(("ETag" = String))), (status = 304, description = PRESENT)))]
async fn problem_page(Path(code): Path<String>, headers: HeaderMap) -> Result<Response, ProblemResponse> {
    let page = problem_pages::of(&code).ok_or(kernel::Code::NotFound)?;
    Ok(Asset::new("text/html; charset=utf-8", page).answer(&headers))
}

#[cfg(test)]
mod tests;
