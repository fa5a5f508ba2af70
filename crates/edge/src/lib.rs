//! The HTTP edge that the admin API and the tenant API share: problems, strict request parsing, pages,
//! preconditions, the layers around every route, the server loop, the OpenAPI document and its page.
//!
//! Invariants: nothing here knows a table, a tenant or a business rule; every refusal leaves as a
//! [`ProblemResponse`], so that no internal text can reach a caller; what a request says is refused where it is
//! not understood, never ignored.

pub mod body;
pub mod docs_page;
pub mod etag;
pub mod headers;
pub mod json;
pub mod layers;
pub mod openapi;
pub mod page;
pub mod path;
pub mod problem;
pub mod query;
pub mod serve;
pub mod validate;

#[cfg(test)]
mod answer;
mod html_page;
mod serde_errors;

pub use etag::{ETag, IfMatch};
pub use headers::{IdempotencyKey, prefers_async};
pub use html_page::HtmlPage;
pub use json::{Json, Patch, parse_json, parse_optional_json};
pub use layers::{Edge, Limits, Received, RequestId};
pub use page::{Cursor, Limit, Page};
pub use path::Path;
pub use problem::{ProblemBody, ProblemResponse};
pub use query::Query;
pub use serve::serve;
pub use validate::{Checks, Validate};
