//! API keys over HTTP: what is asked for, what is shown once, and how failures become problems. Tenants' and
//! operators' keys are alike.

use std::collections::BTreeSet;
use std::time::Duration;

use edge::ProblemResponse;
use identity::admin_api_keys::NewAdminApiKey;
use identity::api_keys::NewApiKey;
use identity::{KeyError, Name, Overlap};
use kernel::permission::Registry;
use kernel::{AdminPermission, Code, FieldError, Permission, Problem, Secret, Timestamp, UserId, Validate};
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::failure::unexpected;

/// A key that is asked for.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"name": "CI", "scopes": ["projects:read", "files:*"], "expiresAt": "2030-01-01T00:00:00Z"}))]
pub struct KeyOrder {
    /// What it is called.
    #[schema(value_type = Name)]
    name: String,
    /// What it allows: permissions, `noun:*`, or `*`.
    #[schema(value_type = Vec<TenantScope>, min_items = 1)]
    scopes: Vec<String>,
    /// When it ends by itself.
    expires_at: Option<Timestamp>,
    /// The person of the tenant that it acts as.
    user_id: Option<UserId>,
}

impl Validate for KeyOrder {}

impl From<KeyOrder> for NewApiKey {
    fn from(order: KeyOrder) -> Self {
        Self {
            name: order.name,
            scopes: order.scopes,
            expires_at: order.expires_at,
            user_id: order.user_id,
        }
    }
}

/// An operator's key that is asked for.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"name": "Support", "scopes": ["tenants:list", "tenants:read"]}))]
pub struct AdminKeyOrder {
    /// What it is called.
    #[schema(value_type = Name)]
    name: String,
    /// What it allows: permissions, `noun:*`, or `*`.
    #[schema(value_type = Vec<AdminScope>, min_items = 1)]
    scopes: Vec<String>,
    /// When it ends by itself.
    expires_at: Option<Timestamp>,
}

impl Validate for AdminKeyOrder {}

impl From<AdminKeyOrder> for NewAdminApiKey {
    fn from(order: AdminKeyOrder) -> Self {
        Self {
            name: order.name,
            scopes: order.scopes,
            expires_at: order.expires_at,
            ..Self::default()
        }
    }
}

/// How a key is replaced.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"overlapSeconds": 3600}))]
pub struct RotationOrder {
    /// Seconds that the old key still works: at most 30 days, one day unless given.
    #[schema(minimum = 0, maximum = 2_592_000)]
    overlap_seconds: Option<u32>,
}

impl RotationOrder {
    /// How long both keys work.
    pub fn overlap(&self) -> Overlap {
        let given = self
            .overlap_seconds
            .and_then(|seconds| Overlap::of(Duration::from_secs(seconds.into())));
        given.unwrap_or_default()
    }
}

impl Validate for RotationOrder {
    fn check(&self, errors: &mut Vec<FieldError>) {
        let span = self
            .overlap_seconds
            .map(|seconds| Duration::from_secs(seconds.into()));
        if span.is_some_and(|span| Overlap::of(span).is_none()) {
            errors.push(FieldError::new("/overlapSeconds", "must be at most 2592000"));
        }
    }
}

/// What a tenant's key can allow, for the document.
struct TenantScope;
/// What an operator, or his key, can be allowed, for the document.
#[derive(Debug)]
pub struct AdminScope;

impl PartialSchema for TenantScope {
    fn schema() -> RefOr<Schema> {
        scopes::<Permission>()
    }
}
impl ToSchema for TenantScope {}

impl PartialSchema for AdminScope {
    fn schema() -> RefOr<Schema> {
        scopes::<AdminPermission>()
    }
}
impl ToSchema for AdminScope {}

fn scopes<P: Registry>() -> RefOr<Schema> {
    let names = P::ALL.iter().map(|permission| permission.name());
    let nouns: BTreeSet<&str> = names
        .clone()
        .filter_map(|name| Some(name.split_once(':')?.0))
        .collect();
    let groups = nouns.into_iter().map(|noun| format!("{noun}:*"));
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(
            names.map(str::to_owned).chain(groups).chain(["*".to_owned()]),
        ))
        .into()
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
        Self {
            key_record,
            key: secret.expose().clone(),
        }
    }
}

/// How the failures of operations on keys become problems.
pub fn failed(error: KeyError) -> ProblemResponse {
    match error {
        KeyError::Invalid(errors) => Problem::invalid(errors).into(),
        KeyError::BeyondCaller => Problem::new(
            Code::Forbidden,
            "The key allows more than the caller may himself.",
        )
        .into(),
        KeyError::ForSomebodyElse => Problem::new(
            Code::Forbidden,
            "Only the person that the key acts for is given it.",
        )
        .into(),
        KeyError::NotFound => Code::NotFound.into(),
        KeyError::Ended | KeyError::AlreadyRotated => {
            Problem::new(Code::Conflict, "The key has ended or was rotated already.").into()
        }
        KeyError::Database(error) => unexpected(error),
    }
}
