//! An invitation.

use kernel::{Entity, Id, Secret, TenantId, Timestamp, UserId};
use serde::Serialize;

use crate::api_keys::ApiKey;
use crate::email::Email;
use crate::name::Name;
use crate::passwords::PasswordHash;
use crate::users::User;

/// Marker of invitations.
#[derive(Debug)]
pub enum InvitationEntity {}
impl Entity for InvitationEntity {
    const PREFIX: &'static str = "invitation";
}
/// An invitation's identifier.
pub type InvitationId = Id<InvitationEntity>;

/// An invitation, without its token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Invitation {
    /// Which.
    pub id: InvitationId,
    /// To which tenant.
    pub tenant_id: TenantId,
    /// Whom.
    pub user_id: UserId,
    /// Until when.
    pub expires_at: Timestamp,
    /// When it was used.
    pub accepted_at: Option<Timestamp>,
    /// Since when.
    pub created_at: Timestamp,
}

/// Somebody who accepts.
#[derive(Debug)]
pub struct Newcomer {
    /// What his link holds.
    pub token: Secret<String>,
    /// The address that he says is his, if he says one.
    pub email: Option<Email>,
    /// What he is called from now on; as he was invited unless given.
    pub name: Option<Name>,
    /// His password, if he chose one.
    pub password: Option<PasswordHash>,
    /// Whether he gets a key that acts as him. Not where his tenant demands a second factor: nobody would have passed
    /// one.
    pub with_key: bool,
}

/// What someone gets who accepts.
#[derive(Debug, Clone)]
pub struct Acceptance {
    /// He himself, active now.
    pub user: User,
    /// A key that acts as him, with what his role allows, and its secret, this once.
    pub key: Option<(ApiKey, Secret<String>)>,
}
