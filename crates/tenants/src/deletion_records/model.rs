//! The record and its signature: pure.

use std::collections::BTreeMap;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use kernel::{Actor, MasterKey, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::tenants::Slug;

/// What a record says of itself, so that no other signed text can pass for one.
const KIND: &str = "tenantry.deletion_record/1";

/// What was removed with a tenant. The fields stand in the order of their JSON names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeletionRecord {
    /// When the removal was complete.
    pub executed_at: Timestamp,
    /// Who carried it out.
    pub executed_by: Actor,
    /// What was removed, and how much of it: `rows.projects`, `objects`, `apiKeys`, `database`, …
    pub removed: BTreeMap<String, u64>,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// SHA-256 of the slug, in hexadecimal.
    pub slug_sha256: String,
    /// Whose removal it was.
    pub tenant_id: TenantId,
    #[serde(rename = "type")]
    kind: String,
}

/// A record as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedDeletionRecord {
    /// The record as canonical JSON (RFC 8785: names sorted, no white space; it holds only strings and integers).
    pub text: String,
    /// Ed25519 (RFC 8032) over the text.
    pub signature: [u8; 64],
}

/// The record is not what was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDeletionRecord {
    /// The signature does not fit.
    #[error("the signature does not fit the record")]
    Signature,
    /// The text was signed, but is no deletion record.
    #[error("the text is no deletion record")]
    Shape,
}

/// The key that records are signed with; its public half verifies them.
pub fn signing_key(master: &MasterKey) -> SigningKey {
    master.derive_signing_key("deletion records")
}

impl DeletionRecord {
    /// A record of what was removed with this tenant.
    pub fn new(
        tenant: TenantId,
        slug: &Slug,
        requested_at: Timestamp,
        executed_at: Timestamp,
        executed_by: Actor,
        removed: BTreeMap<String, u64>,
    ) -> Self {
        let digest = Sha256::digest(slug.as_str().as_bytes());
        Self {
            executed_at,
            executed_by,
            removed,
            requested_at,
            slug_sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            tenant_id: tenant,
            kind: KIND.to_owned(),
        }
    }

    /// The record with its signature.
    pub fn sign(&self, key: &SigningKey) -> SignedDeletionRecord {
        let value = serde_json::to_value(self).expect("strings and integers become JSON");
        // A JSON value keeps its names sorted, also those of the actor within.
        let text = value.to_string();
        let signature = key.sign(text.as_bytes()).to_bytes();
        SignedDeletionRecord { text, signature }
    }
}

impl SignedDeletionRecord {
    /// The record, if it is what the holder of the key signed.
    pub fn verify(&self, key: &VerifyingKey) -> Result<DeletionRecord, InvalidDeletionRecord> {
        let signature = Signature::from_bytes(&self.signature);
        key.verify_strict(self.text.as_bytes(), &signature)
            .map_err(|_| InvalidDeletionRecord::Signature)?;
        let record: DeletionRecord =
            serde_json::from_str(&self.text).map_err(|_| InvalidDeletionRecord::Shape)?;
        if record.kind == KIND {
            Ok(record)
        } else {
            Err(InvalidDeletionRecord::Shape)
        }
    }
}
