//! What PostgreSQL keeps of a derived password: its SCRAM verifier (RFC 5802, in PostgreSQL's own notation). Sent
//! instead of the password, so that no log of statements ever holds one.
//!
//! Iterations slow down the guessing of passwords that people think of. These have 256 random bits, so there is
//! nothing to be slowed down but our own logins: one iteration instead of PostgreSQL's 4096.

use hkdf::hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::Secret;

/// The verifier of a password that was derived from the installation's root key.
pub(crate) fn verifier(password: &Secret<String>, salt: [u8; 16]) -> String {
    verifier_of(password.expose().as_bytes(), salt, 1)
}

fn verifier_of(password: &[u8], salt: [u8; 16], iterations: u32) -> String {
    let mut last = hmac(password, &[&salt[..], &1_u32.to_be_bytes()].concat());
    let mut salted = last;
    for _ in 1..iterations {
        last = hmac(password, &last);
        salted
            .iter_mut()
            .zip(last)
            .for_each(|(byte, other)| *byte ^= other);
    }
    let stored = Sha256::digest(hmac(&salted, b"Client Key"));
    let server = hmac(&salted, b"Server Key");
    let [salt, stored, server] = [&salt[..], &stored, &server].map(|bytes| STANDARD.encode(bytes));
    format!("SCRAM-SHA-256${iterations}:{salt}${stored}:{server}")
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The client's proof and the server's signature of RFC 7677 §3 follow from what is kept.
    #[test]
    fn agrees_with_the_example_of_the_rfc() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").expect("base64");
        let verifier = verifier_of(b"pencil", salt.try_into().expect("16 bytes"), 4096);
        let (head, keys) = verifier.rsplit_once('$').expect("three parts");
        assert_eq!(head, "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==");
        let (stored, server) = keys.split_once(':').expect("two keys");
        let [stored, server] = [stored, server].map(|key| STANDARD.decode(key).expect("base64"));
        let exchange = "n=user,r=rOprNGfwEbeRWgbNEkqO,\
            r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,\
            c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let signature = STANDARD.encode(hmac(&server, exchange.as_bytes()));
        assert_eq!(signature, "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        let proof = STANDARD
            .decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
            .expect("base64");
        let client: Vec<u8> = hmac(&stored, exchange.as_bytes())
            .iter()
            .zip(proof)
            .map(|(a, b)| a ^ b)
            .collect();
        assert_eq!(Sha256::digest(client)[..], stored[..]);
    }
}
