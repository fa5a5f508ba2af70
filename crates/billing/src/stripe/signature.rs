//! Who sent a webhook: HMAC-SHA-256 over `t.rawbody`, in the header `Stripe-Signature: t=…,v1=…,v1=…`.
//! `https://docs.stripe.com/webhooks#verify-manually`.
//!
//! While a secret is being replaced Stripe signs with both, so there can be several `v1`, and several secrets can be
//! active here; any of one with any of the other will do. Comparing takes the same time whatever is wrong.

use aws_lc_rs::hmac;
use kernel::{Secret, Timestamp};

/// How far a signature's time may be from ours, either way: 300 s, as in Stripe's own libraries.
pub const TOLERANCE_SECONDS: i64 = 300;

/// More signatures than Stripe ever sends; a header with more is refused rather than computed.
const MOST_SIGNATURES: usize = 16;

/// The secrets that are active: one per endpoint, two while one is replaced.
#[derive(Debug, Clone, Default)]
pub struct Secrets(Vec<Secret<String>>);

/// Why a webhook is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    /// There is no header, or it is not of the form.
    #[error("the signature header is missing or malformed")]
    Malformed,
    /// No signature fits any secret.
    #[error("no signature fits")]
    Wrong,
    /// It was signed too long ago, or in the future.
    #[error("the signature's time is not within 300 s of ours")]
    Untimely,
    /// Nothing can be verified without a secret.
    #[error("no webhook secret is configured")]
    NoSecret,
}

impl Secrets {
    /// From a comma separated list.
    pub fn parse(text: &str) -> Self {
        let each = text.split(',').map(str::trim).filter(|secret| !secret.is_empty());
        Self(each.map(|secret| Secret::new(secret.to_owned())).collect())
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Passes when one of the header's signatures fits one of the secrets, and it was made about now.
    pub fn verify(&self, header: Option<&str>, body: &[u8], now: Timestamp) -> Result<(), BadSignature> {
        if self.0.is_empty() {
            return Err(BadSignature::NoSecret);
        }
        let header = Header::parse(header.ok_or(BadSignature::Malformed)?)?;
        let signed = [header.time_text.as_bytes(), b".", body].concat();
        let mut fits = false;
        for secret in &self.0 {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
            for signature in &header.signatures {
                // Every pair is tried, so that the time taken says nothing.
                fits |= hmac::verify(&key, &signed, signature).is_ok();
            }
        }
        if !fits {
            return Err(BadSignature::Wrong);
        }
        let seconds = now.as_micros().div_euclid(1_000_000);
        if seconds.abs_diff(header.time) > TOLERANCE_SECONDS.unsigned_abs() {
            return Err(BadSignature::Untimely);
        }
        Ok(())
    }
}

struct Header<'a> {
    time: i64,
    time_text: &'a str,
    signatures: Vec<[u8; 32]>,
}

impl<'a> Header<'a> {
    fn parse(text: &'a str) -> Result<Self, BadSignature> {
        let (mut time_text, mut signatures) = (None, Vec::new());
        for part in text.split(',') {
            match part.trim().split_once('=') {
                Some(("t", value)) => time_text = Some(value),
                Some(("v1", value)) => signatures.extend(digest(value)),
                // `v0` and whatever comes later prove nothing.
                _ => {}
            }
        }
        let time_text = time_text.ok_or(BadSignature::Malformed)?;
        let digits = !time_text.is_empty() && time_text.bytes().all(|byte| byte.is_ascii_digit());
        let time = time_text.parse().ok().filter(|_| digits);
        if signatures.is_empty() || signatures.len() > MOST_SIGNATURES {
            return Err(BadSignature::Malformed);
        }
        Ok(Self {
            time: time.ok_or(BadSignature::Malformed)?,
            time_text,
            signatures,
        })
    }
}

/// 64 hexadecimal digits.
fn digest(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0_u8; 32];
    for (slot, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *slot = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}
