//! Path parameters: what cannot be an identifier answers the same 404 as one that nothing has, so that the
//! shape of an address tells nothing.

use axum::extract::FromRequestParts;
use axum::extract::rejection::PathRejection;
use axum::http::request::Parts;
use kernel::Code;
use serde::de::DeserializeOwned;

use crate::problem::ProblemResponse;

/// One parameter (`Path<ProjectId>`) or several in order (`Path<(TenantId, ApiKeyId)>`).
#[derive(Debug, Clone, Copy)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ProblemResponse;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ProblemResponse> {
        // PostgreSQL text cannot hold U+0000, so nothing has such a name.
        if parts.uri.path().contains("%00") {
            return Err(Code::NotFound.into());
        }
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(PathRejection::FailedToDeserializePathParams(failure))
                if failure.status().is_client_error() =>
            {
                Err(Code::NotFound.into())
            }
            Err(defect) => Err(ProblemResponse::internal(defect)),
        }
    }
}
