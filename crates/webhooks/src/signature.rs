//! Secrets and signatures as the specification has them: `v1`, HMAC-SHA-256 over `id.timestamp.body`.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kernel::{Seams, Secret, Timestamp};

use crate::event::EventId;

/// What every secret begins with.
const TAG: &str = "whsec_";
const BYTES: usize = 32;

/// What an endpoint's deliveries are signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SigningSecret(Secret<Vec<u8>>);

impl SigningSecret {
    pub(crate) fn mint(seams: &Seams) -> Self {
        Self(Secret::new(seams.random::<BYTES>().to_vec()))
    }

    pub(crate) fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(Secret::new(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.expose()
    }

    /// As its owner gets it.
    pub(crate) fn text(&self) -> Secret<String> {
        Secret::new(format!("{TAG}{}", STANDARD.encode(self.0.expose())))
    }

    fn sign(&self, id: &str, seconds: i64, body: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.expose());
        let signed = hmac::sign(&key, format!("{id}.{seconds}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(signed))
    }
}

/// The headers of one attempt.
pub(crate) fn headers(
    secrets: &[SigningSecret],
    event: EventId,
    now: Timestamp,
    body: &str,
) -> [(&'static str, String); 3] {
    let (id, seconds) = (event.to_string(), now.as_micros().div_euclid(1_000_000));
    let signatures: Vec<_> = secrets
        .iter()
        .map(|secret| secret.sign(&id, seconds, body))
        .collect();
    [
        ("webhook-id", id),
        ("webhook-timestamp", seconds.to_string()),
        ("webhook-signature", signatures.join(" ")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector that the specification's reference libraries are tested with.
    #[test]
    fn signs_as_the_reference_libraries_do() {
        let secret = STANDARD
            .decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
            .expect("base64");
        let signature = SigningSecret::from_bytes(secret).sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_is_32_bytes_and_each_signs_for_itself() {
        let seams = Seams::real();
        let (one, other) = (SigningSecret::mint(&seams), SigningSecret::mint(&seams));
        let text = one.text().expose().clone();
        let encoded = text.strip_prefix("whsec_").expect("the tag");
        assert_eq!(STANDARD.decode(encoded).expect("base64"), one.bytes());
        let (id, now) = (seams.new_id(), seams.now());
        let [_, _, (name, both)] = headers(&[one.clone(), other.clone()], id, now, "{}");
        let alone = |secret| headers(&[secret], id, now, "{}")[2].1.clone();
        assert_eq!(name, "webhook-signature");
        assert_eq!(both, format!("{} {}", alone(one), alone(other)));
    }
}
