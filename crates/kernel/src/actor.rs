//! Who does something: recorded with every change.

use serde::{Deserialize, Serialize};

/// What sort of caller acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum ActorKind {
    /// A person of a tenant.
    User,
    /// A person who operates the platform.
    Admin,
    /// The product itself: a job, the saga, a schedule.
    System,
    /// A machine that holds a key.
    ApiKey,
    /// A platform operator in the place of a tenant's person.
    Impersonator,
}

/// The one who acts, as the audit trail names him.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Actor {
    /// What sort of caller.
    #[serde(rename = "type")]
    pub kind: ActorKind,
    /// The caller's identifier in printed form.
    pub id: String,
    /// Whom he acts for, when that is somebody else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
}

impl Actor {
    /// The product acting by itself; `part` names which part of it.
    pub fn system(part: &str) -> Self {
        Self {
            kind: ActorKind::System,
            id: part.to_owned(),
            on_behalf_of: None,
        }
    }

    /// A caller of this kind with this printed identifier.
    pub fn new(kind: ActorKind, id: impl Into<String>) -> Self {
        Self {
            kind,
            id: id.into(),
            on_behalf_of: None,
        }
    }
}
