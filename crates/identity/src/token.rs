//! Secrets that callers present: 256 random bits in base64url (RFC 4648 §5) behind a tag. At rest only the SHA-256
//! of the whole text; a slow hash would add nothing to 256 bits that nobody can guess.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::{Seams, Secret};
use sha2::{Digest as _, Sha256};

/// What is stored of a secret, and what caches know it by.
pub type Hash = [u8; 32];

/// Characters of the random part that people see in lists, to tell keys apart.
const SHOWN: usize = 8;
const RANDOM_CHARACTERS: usize = 43;

/// A fresh secret.
pub fn mint(seams: &Seams, tag: &str) -> Secret<String> {
    let random = URL_SAFE_NO_PAD.encode(seams.random::<32>());
    Secret::new(format!("{tag}{random}"))
}

/// Whether the text is one that [`mint`] could have made.
pub fn is_minted(tag: &str, text: &str) -> bool {
    text.strip_prefix(tag).is_some_and(|random| {
        random.len() == RANDOM_CHARACTERS
            && URL_SAFE_NO_PAD
                .decode(random)
                .is_ok_and(|bytes| bytes.len() == 32)
    })
}

/// What is stored of it.
pub fn hash(text: &str) -> Hash {
    Sha256::digest(text.as_bytes()).into()
}

/// How the news name it.
pub fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The reverse of [`hex`].
pub fn from_hex(text: &str) -> Option<Hash> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut hash = [0; 32];
    for (slot, pair) in hash.iter_mut().zip(digits.chunks(2)) {
        *slot = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}

/// The part that may be shown: the tag and the first characters.
pub fn prefix(tag: &str, secret: &Secret<String>) -> String {
    secret.expose().chars().take(tag.len() + SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_256_bits_and_shows_little() {
        let seams = Seams::real();
        let (one, other) = (mint(&seams, "tny_"), mint(&seams, "tny_"));
        assert_ne!(one, other);
        assert_eq!(one.expose().len(), 47);
        assert!(is_minted("tny_", one.expose()));
        let shown = prefix("tny_", &one);
        assert_eq!(shown.len(), 12);
        assert!(one.expose().starts_with(&shown));
    }

    #[test]
    fn the_form_is_exact() {
        let good = format!("tny_admin_{}", "A".repeat(43));
        assert!(is_minted("tny_admin_", &good));
        for bad in [
            "",
            "tny_admin_",
            &good[..52],
            &good.replace('_', "-"),
            &format!("{good}A"),
            &format!("{good}="),
        ] {
            assert!(!is_minted("tny_admin_", bad), "{bad}");
        }
    }

    #[test]
    fn the_news_name_a_hash_there_and_back() {
        let hash = hash("tny_x");
        assert_eq!(from_hex(&hex(&hash)), Some(hash));
        assert_eq!(from_hex("zz"), None);
        assert_eq!(from_hex(&"zz".repeat(32)), None);
    }
}
