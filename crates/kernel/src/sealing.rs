//! Sealing: authenticated encryption of what has to be kept in the database but must not be readable there.
//!
//! AES-256-GCM (NIST SP 800-38D). A sealed value is `version ‖ nonce ‖ ciphertext ‖ tag`; the associated data binds
//! it to its place, so that it cannot be moved to another row.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::seams::Seams;
use crate::secret::MasterKey;

const VERSION: u8 = 1;

/// A key for one purpose.
#[derive(Debug)]
pub struct SealingKey(LessSafeKey);

/// The value was changed, moved, or sealed with another key.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a sealed value cannot be opened")]
pub struct BrokenSeal;

impl SealingKey {
    /// The key for this purpose.
    pub fn derive(master: &MasterKey, purpose: &str) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, &master.derive(purpose)).expect("a key has 32 bytes");
        Self(LessSafeKey::new(key))
    }

    /// Seals `plain` for the place that `bound_to` names.
    pub fn seal(&self, seams: &Seams, bound_to: &[u8], plain: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = seams.random();
        let mut sealed = plain.to_vec();
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(bound_to),
                &mut sealed,
            )
            .expect("the value is far below 64 GiB");
        [&[VERSION][..], &nonce, &sealed].concat()
    }

    /// What was sealed for this place.
    pub fn open(&self, bound_to: &[u8], sealed: &[u8]) -> Result<Vec<u8>, BrokenSeal> {
        let rest = sealed.strip_prefix(&[VERSION]).ok_or(BrokenSeal)?;
        let (nonce, ciphertext) = rest.split_at_checked(NONCE_LEN).ok_or(BrokenSeal)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| BrokenSeal)?;
        let mut plain = ciphertext.to_vec();
        let opened = self
            .0
            .open_in_place(nonce, Aad::from(bound_to), &mut plain)
            .map_err(|_| BrokenSeal)?
            .len();
        plain.truncate(opened);
        Ok(plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_in_its_place_with_its_key_and_unchanged() {
        let (seams, master) = (Seams::real(), MasterKey::new([7; 32]));
        let key = SealingKey::derive(&master, "a");
        let sealed = key.seal(&seams, b"row 1", b"secret");
        assert_eq!(key.open(b"row 1", &sealed).as_deref(), Ok(&b"secret"[..]));
        assert_eq!(key.open(b"row 2", &sealed), Err(BrokenSeal));
        assert_eq!(
            SealingKey::derive(&master, "b").open(b"row 1", &sealed),
            Err(BrokenSeal)
        );
        for position in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[position] ^= 1;
            assert_eq!(key.open(b"row 1", &changed), Err(BrokenSeal), "byte {position}");
        }
        assert_eq!(key.open(b"row 1", &[]), Err(BrokenSeal));
        assert_ne!(
            sealed,
            key.seal(&seams, b"row 1", b"secret"),
            "a nonce is used once"
        );
    }
}
