//! Secrets: values that do not print, and the one key from which the installation's others are derived.

use std::fmt;

use ed25519_dalek::SigningKey;
use hkdf::Hkdf;
use sha2::Sha256;

/// A value that never reaches a log, an error or an answer by accident.
#[derive(Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(transparent)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Wraps it.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself; every call is a place where it could leak.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// The installation's root key: 32 bytes that live outside the database. Every other key and database password
/// is derived from it with HKDF-SHA-256 (RFC 5869), one `purpose` each, so that none of them is stored.
#[derive(Clone)]
pub struct MasterKey(Secret<[u8; 32]>);

impl MasterKey {
    /// From its 32 bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(Secret::new(bytes))
    }

    /// From 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let mut bytes = [0_u8; 32];
        for (slot, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            *slot = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self::new(bytes))
    }

    /// The key for one purpose.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        let mut key = [0_u8; 32];
        Hkdf::<Sha256>::new(Some(b"tenantry"), self.0.expose())
            .expand(purpose.as_bytes(), &mut key)
            .expect("32 bytes are within what SHA-256 can expand to");
        key
    }

    /// A password for one purpose: 256 bits as hexadecimal digits.
    pub fn derive_password(&self, purpose: &str) -> Secret<String> {
        Secret::new(
            self.derive(purpose)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        )
    }

    /// An Ed25519 key for one purpose.
    pub fn derive_signing_key(&self, purpose: &str) -> SigningKey {
        SigningKey::from_bytes(&self.derive(purpose))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[master key]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_do_not_share_keys_and_nothing_prints() {
        let master = MasterKey::new([7; 32]);
        assert_ne!(master.derive("a"), master.derive("b"));
        assert_eq!(master.derive("a"), MasterKey::new([7; 32]).derive("a"));
        assert_eq!(
            format!("{master:?} {:?}", Secret::new("hunter2")),
            "[master key] [secret]"
        );
    }

    #[test]
    fn reads_hexadecimal_only_when_whole() {
        assert!(MasterKey::from_hex(&"0f".repeat(32)).is_some());
        for text in ["", "0f", &"0g".repeat(32), &"+f".repeat(32), &"ä".repeat(32)] {
            assert!(MasterKey::from_hex(text).is_none(), "{text}");
        }
    }
}
