//! A passkey as its person sees it.

use identity::Name;
use kernel::{Entity, Id, Timestamp};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::ceremony::CeremonyId;
use crate::recovery_codes::RecoveryCode;

/// Marker of passkeys.
#[derive(Debug)]
pub enum PasskeyEntity {}
impl Entity for PasskeyEntity {
    const PREFIX: &'static str = "passkey";
}
/// A passkey's identifier.
pub type PasskeyId = Id<PasskeyEntity>;

/// A registered authenticator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Passkey {
    /// Which.
    pub id: PasskeyId,
    /// What its person calls it.
    pub name: Name,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was used last.
    pub last_used_at: Option<Timestamp>,
}

/// What an authenticator has to answer to.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Challenge {
    /// To be sent back with the answer.
    pub ceremony_id: CeremonyId,
    /// What `PublicKeyCredential.parseCreationOptionsFromJSON()` or `.parseRequestOptionsFromJSON()` reads.
    #[schema(value_type = Object)]
    pub public_key: Value,
}

/// A passkey that was just added.
#[derive(Debug, Clone)]
pub struct Registration {
    /// It.
    pub passkey: Passkey,
    /// The codes that come with somebody's first factor, shown this once.
    pub recovery_codes: Option<Vec<RecoveryCode>>,
}
