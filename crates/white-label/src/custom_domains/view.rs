//! A custom domain as the APIs show it, with the DNS records that its owner has to set.

use kernel::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::model::{CustomDomain, CustomDomainId, DomainStatus};

/// A host name that a tenant brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CustomDomain)]
pub struct CustomDomainView {
    /// Which claim of the name this is.
    pub id: CustomDomainId,
    /// The name, as A-labels.
    #[schema(example = "app.acme.com")]
    pub domain: String,
    /// How far it is.
    pub status: DomainStatus,
    /// What its owner has to set.
    pub dns_records: Vec<DnsRecord>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// Since when it is verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<Timestamp>,
}

/// A record that the owner of a name has to set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DnsRecord {
    /// What it is for.
    pub purpose: RecordPurpose,
    /// The type. `ALIAS` stands for whatever the provider offers at the top of a zone: ALIAS, ANAME, a flattened CNAME.
    #[serde(rename = "type")]
    #[schema(example = "TXT")]
    pub kind: &'static str,
    /// Where.
    #[schema(example = "_tenantry-challenge.app.acme.com")]
    pub name: String,
    /// What.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b")]
    pub value: String,
}

/// What a record is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordPurpose {
    /// Proves that the name is the tenant's.
    Ownership,
    /// Leads requests for the name here.
    Routing,
}

impl CustomDomainView {
    /// The domain with the records to set; `target` is the host name that requests have to reach.
    pub fn new(domain: CustomDomain, target: &str) -> Self {
        let ownership = DnsRecord {
            purpose: RecordPurpose::Ownership,
            kind: "TXT",
            name: domain.challenge_name(),
            value: domain.verification_token,
        };
        let routing = DnsRecord {
            purpose: RecordPurpose::Routing,
            kind: if domain.domain.is_apex() { "ALIAS" } else { "CNAME" },
            name: domain.domain.to_string(),
            value: target.to_owned(),
        };
        Self {
            id: domain.id,
            domain: domain.domain.to_string(),
            status: domain.status,
            dns_records: vec![ownership, routing],
            created_at: domain.created_at,
            verified_at: domain.verified_at,
        }
    }
}
