//! The keys of one moment: which one signs, which ones are accepted and published.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, EncodingKey};
use kernel::{Entity, Id, MasterKey, Timestamp};
use serde::Serialize;

use super::{KEY_SET_LIFETIME, TOKEN_LIFETIME};

/// A key's private form (RFC 8410 section 7) but for its 32 bytes.
const PKCS8_HEAD: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
/// Clocks of two nodes, or of a verifier, may differ by so much.
const SKEW: Duration = Duration::from_mins(1);

/// Marker of signing keys.
#[derive(Debug)]
pub enum SigningKeyEntity {}
impl Entity for SigningKeyEntity {
    const PREFIX: &'static str = "signing_key";
}
/// A signing key's identifier: the `kid` of what it signs.
pub type SigningKeyId = Id<SigningKeyEntity>;

/// A key that access tokens are signed with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SigningKey {
    /// The `kid` of the tokens it signs.
    pub id: SigningKeyId,
    /// Since when it is published.
    pub created_at: Timestamp,
    /// Since when it signs, unless a newer one does.
    pub signs_from: Timestamp,
    /// From when on it is not published and not accepted any more; unset while none follows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retired_at: Option<Timestamp>,
}

impl SigningKey {
    /// How long a key is published before it signs: every cached key set has been fetched anew by then.
    pub(super) const LEAD: Duration = Duration::from_mins(15);

    /// When a key can be retired whose successor signs from then on: its last token has ended everywhere.
    pub(super) fn retirement(successor_signs: Timestamp) -> Timestamp {
        successor_signs.plus(TOKEN_LIFETIME + SKEW)
    }

    fn is_accepted(&self, now: Timestamp) -> bool {
        self.retired_at.is_none_or(|end| now < end)
    }
}

const _: () = assert!(SigningKey::LEAD.as_secs() > KEY_SET_LIFETIME.as_secs() + SKEW.as_secs());

/// A key with what it signs and checks with.
pub(super) struct Held {
    pub(super) record: SigningKey,
    pub(super) signer: EncodingKey,
    pub(super) verifier: DecodingKey,
    public: [u8; 32],
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.record.fmt(f)
    }
}

impl Held {
    pub(super) fn derive(master: &MasterKey, record: SigningKey) -> Self {
        let key = master.derive_signing_key(&format!("access token {}", record.id));
        let public = key.verifying_key().to_bytes();
        let private = [&PKCS8_HEAD[..], &key.to_bytes()].concat();
        Self {
            record,
            signer: EncodingKey::from_ed_der(&private),
            verifier: DecodingKey::from_ed_der(&public),
            public,
        }
    }
}

/// The keys of one moment.
#[derive(Debug, Default)]
pub(super) struct KeySet(pub(super) Vec<Held>);

impl KeySet {
    pub(super) fn signing(&self, now: Timestamp) -> Option<&Held> {
        let signs = |held: &&Held| held.record.signs_from <= now && held.record.is_accepted(now);
        self.0
            .iter()
            .filter(signs)
            .max_by_key(|held| (held.record.signs_from, held.record.id))
    }

    pub(super) fn accepted(&self, kid: SigningKeyId, now: Timestamp) -> Option<&Held> {
        self.0
            .iter()
            .find(|held| held.record.id == kid && held.record.is_accepted(now))
    }

    pub(super) fn published(&self, now: Timestamp) -> JwkSet {
        let published = self.0.iter().filter(|held| held.record.is_accepted(now));
        JwkSet {
            keys: published.map(Jwk::of).collect(),
        }
    }
}

/// The keys that tokens are checked with (RFC 7517 section 5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct JwkSet {
    /// Each of them.
    pub keys: Vec<Jwk>,
}

/// A public key (RFC 8037 section 2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Jwk {
    /// `OKP`.
    pub kty: &'static str,
    /// `Ed25519`.
    pub crv: &'static str,
    /// `EdDSA`.
    pub alg: &'static str,
    /// `sig`.
    #[serde(rename = "use")]
    pub purpose: &'static str,
    /// Which key.
    pub kid: SigningKeyId,
    /// The public key in base64url.
    #[schema(example = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")]
    pub x: String,
}

impl Jwk {
    fn of(held: &Held) -> Self {
        Self {
            kty: "OKP",
            crv: "Ed25519",
            alg: "EdDSA",
            purpose: "sig",
            kid: held.record.id,
            x: URL_SAFE_NO_PAD.encode(held.public),
        }
    }
}
