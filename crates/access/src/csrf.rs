//! What proves that a page of the session itself sent a request: a keyed hash of the cookie's secret, which only who was
//! answered by us has read. Nothing is stored for it.

use std::fmt;

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign, verify};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::MasterKey;

/// Makes and checks these proofs.
pub struct CsrfKey(Key);

impl fmt::Debug for CsrfKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[csrf key]")
    }
}

impl CsrfKey {
    /// The installation's.
    pub fn derive(master: &MasterKey) -> Self {
        Self(Key::new(HMAC_SHA256, &master.derive("csrf tokens")))
    }

    /// What a page that holds this cookie sends along as `X-CSRF-Token`.
    pub fn token(&self, cookie: &str) -> String {
        URL_SAFE_NO_PAD.encode(sign(&self.0, cookie.as_bytes()))
    }

    /// Whether this is the cookie's; in the same time wherever they differ.
    pub fn matches(&self, cookie: &str, token: &str) -> bool {
        URL_SAFE_NO_PAD
            .decode(token)
            .is_ok_and(|tag| verify(&self.0, cookie.as_bytes(), &tag).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_bound_to_the_cookie_and_the_installation() {
        let key = CsrfKey::derive(&MasterKey::new([1; 32]));
        let token = key.token("tny_session_a");
        assert!(key.matches("tny_session_a", &token));
        assert!(!key.matches("tny_session_b", &token));
        for wrong in ["", &token[1..], "ä", "tny_session_a"] {
            assert!(!key.matches("tny_session_a", wrong), "{wrong}");
        }
        let other = CsrfKey::derive(&MasterKey::new([2; 32]));
        assert!(!other.matches("tny_session_a", &token));
    }
}
