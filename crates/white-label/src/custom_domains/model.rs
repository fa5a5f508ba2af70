//! A host name and how far it is: pure.

use kernel::{Entity, Id, Seams, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use super::hostname::Hostname;

/// Marker of custom domains.
#[derive(Debug)]
pub enum CustomDomainEntity {}
impl Entity for CustomDomainEntity {
    const PREFIX: &'static str = "domain";
}
/// A custom domain's identifier; a name that is claimed anew gets a new one.
pub type CustomDomainId = Id<CustomDomainEntity>;

/// The label under which the token is published.
pub(super) const CHALLENGE_LABEL: &str = "_tenantry-challenge";
/// Days that a name that was in use cannot be claimed by another.
pub(super) const QUARANTINE_DAYS: i64 = 30;

/// How far a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum DomainStatus {
    /// Its ownership is still to be proved.
    Pending,
    /// It leads to its tenant.
    Verified,
    /// It is given up and in quarantine.
    Released,
}

/// A host name that a tenant brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomDomain {
    /// Which claim of the name this is.
    pub id: CustomDomainId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The name.
    pub domain: Hostname,
    /// How far it is.
    pub status: DomainStatus,
    /// What the owner of the name publishes to prove that it is his: 160 random bits, as hexadecimal digits.
    pub verification_token: String,
    /// When it was registered.
    pub created_at: Timestamp,
    /// Since when it is verified.
    pub verified_at: Option<Timestamp>,
    /// When another may claim it.
    pub claimable_at: Option<Timestamp>,
}

impl CustomDomain {
    /// A name whose ownership is still to be proved.
    pub fn pending(tenant: TenantId, domain: Hostname, seams: &Seams) -> Self {
        let token = seams.random::<20>();
        Self {
            id: seams.new_id(),
            tenant,
            domain,
            status: DomainStatus::Pending,
            verification_token: token.iter().map(|byte| format!("{byte:02x}")).collect(),
            created_at: seams.now(),
            verified_at: None,
            claimable_at: None,
        }
    }

    /// Where the token is published, as a TXT record.
    pub fn challenge_name(&self) -> String {
        format!("{CHALLENGE_LABEL}.{}", self.domain)
    }
}
