//! API keys over HTTP: what is asked for, what is shown once, and how failures become problems. Tenants' and
//! operators' keys are alike.

use std::time::Duration;

use edge::ProblemResponse;
use identity::admin_api_keys::NewAdminApiKey;
use identity::api_keys::NewApiKey;
use identity::{KeyError, Overlap};
use kernel::{Code, FieldError, Problem, Secret, Timestamp, UserId, Validate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::failure::unexpected;

/// A key that is asked for.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"name": "CI", "scopes": ["projects:read", "files:*"], "expiresAt": "2030-01-01T00:00:00Z"}))]
pub struct KeyOrder {
    /// What it is called: 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// What it allows: permissions, `noun:*`, or `*`.
    #[schema(min_items = 1)]
    scopes: Vec<String>,
    /// When it ends by itself.
    expires_at: Option<Timestamp>,
    /// The person of the tenant that it acts as.
    user_id: Option<UserId>,
}

impl Validate for KeyOrder {}

impl From<KeyOrder> for NewApiKey {
    fn from(order: KeyOrder) -> Self {
        Self { name: order.name, scopes: order.scopes, expires_at: order.expires_at, user_id: order.user_id }
    }
}

/// An operator's key that is asked for.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"name": "Support", "scopes": ["tenants:list", "tenants:read"]}))]
pub struct AdminKeyOrder {
    /// What it is called: 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// What it allows: permissions, `noun:*`, or `*`.
    #[schema(min_items = 1)]
    scopes: Vec<String>,
    /// When it ends by itself.
    expires_at: Option<Timestamp>,
}

impl Validate for AdminKeyOrder {}

impl From<AdminKeyOrder> for NewAdminApiKey {
    fn from(order: AdminKeyOrder) -> Self {
        Self { name: order.name, scopes: order.scopes, expires_at: order.expires_at, ..Self::default() }
    }
}

/// How a key is replaced.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RotationOrder {
    /// Seconds that the old key still works: at most 30 days, one day unless given.
    #[schema(minimum = 0, maximum = 2_592_000)]
    overlap_seconds: Option<u32>,
}

impl RotationOrder {
    /// How long both keys work.
    pub fn overlap(&self) -> Overlap {
        let given = self.overlap_seconds.and_then(|seconds| Overlap::of(Duration::from_secs(seconds.into())));
        given.unwrap_or_default()
    }
}

impl Validate for RotationOrder {
    fn check(&self, errors: &mut Vec<FieldError>) {
        let span = self.overlap_seconds.map(|seconds| Duration::from_secs(seconds.into()));
        if span.is_some_and(|span| Overlap::of(span).is_none()) {
            errors.push(FieldError::new("/overlapSeconds", "must be at most 2592000"));
        }
    }
}

/// A key that was made, with the key itself.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedKey<K> {
    #[serde(flatten)]
    key_record: K,
    /// The key itself. It is shown in this answer and nowhere else.
    #[schema(example = "tny_3fK9aB2xQ0mZ8r7tLw5vYp1sUe6nXd4hJc2gIkOoRbA")]
    key: String,
}

impl<K> From<(K, Secret<String>)> for CreatedKey<K> {
    fn from((key_record, secret): (K, Secret<String>)) -> Self {
        Self { key_record, key: secret.expose().clone() }
    }
}

/// How the failures of operations on keys become problems.
pub fn failed(error: KeyError) -> ProblemResponse {
    match error {
        KeyError::Invalid(errors) => Problem::invalid(errors).into(),
        KeyError::BeyondCaller | KeyError::ForSomebodyElse => {
            Problem::new(Code::Forbidden, "A key cannot allow more than its maker may.").into()
        }
        KeyError::NotFound => Code::NotFound.into(),
        KeyError::Ended | KeyError::AlreadyRotated => {
            Problem::new(Code::Conflict, "The key has ended or was rotated already.").into()
        }
        KeyError::Database(error) => unexpected(error),
    }
}
