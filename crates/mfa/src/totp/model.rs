//! A secret, and the codes that follow from it.

use identity::Person;
use kernel::{Secret, Timestamp};
use totp_rs::{Algorithm, Builder, Totp};

/// 160 bits, as RFC 4226 §4 recommends.
pub(super) const SECRET_BYTES: usize = 20;
const DIGITS: u8 = 6;
const STEP_SECONDS: u64 = 30;
const STEPS_OFF: u16 = 1;

/// What the app shows beside the code.
#[derive(Debug, Clone, Copy)]
pub struct Label<'a> {
    /// Where it is for: the tenant's name.
    pub issuer: &'a str,
    /// Whose it is: his address.
    pub account: &'a str,
}

/// What has to get into the app; shown this once.
#[derive(Debug, Clone)]
pub struct Enrolment {
    /// In base32, to be typed.
    pub secret: Secret<String>,
    /// As a QR code carries it (`otpauth://totp/…`).
    pub uri: Secret<String>,
}

/// The codes of one secret.
#[derive(Debug)]
pub(super) struct Codes(Totp);

impl Codes {
    pub(super) fn new(secret: &[u8], label: Label<'_>) -> Self {
        // The URI's label is `issuer:account`, so neither may hold a colon.
        let plain = |text: &str| text.replace(':', " ");
        let totp = Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(DIGITS)
            .with_step_duration(STEP_SECONDS)
            .with_skew(STEPS_OFF)
            .with_secret(secret)
            .with_issuer(Some(plain(label.issuer)))
            .with_account_name(plain(label.account));
        Self(totp.build_noncompliant())
    }

    /// For checking only.
    pub(super) fn of(secret: &[u8]) -> Self {
        let nobody = Label {
            issuer: "",
            account: "",
        };
        Self::new(secret, nobody)
    }

    /// The time step that the code is of, if it is of one around now that is newer than `last`.
    pub(super) fn step(&self, code: &str, now: Timestamp, last: i64) -> Option<i64> {
        let step = self.0.check(&compact(code), seconds(now))?;
        i64::try_from(step).ok().filter(|step| *step > last)
    }

    pub(super) fn enrolment(&self) -> Enrolment {
        let uri = self.0.to_url().expect("the label was cleared of colons");
        Enrolment {
            secret: Secret::new(self.0.secret().to_base32()),
            uri: Secret::new(uri),
        }
    }
}

/// Whether it has the form of an app's code.
pub(crate) fn looks_like_a_code(text: &str) -> bool {
    let code = compact(text);
    code.len() == usize::from(DIGITS) && code.bytes().all(|byte| byte.is_ascii_digit())
}

/// Apps show codes in groups, and people type them so.
fn compact(code: &str) -> String {
    code.split_whitespace().collect()
}

fn seconds(now: Timestamp) -> u64 {
    u64::try_from(now.as_micros() / 1_000_000).unwrap_or(0)
}

/// What a sealed secret is bound to.
pub(super) fn place(person: Person) -> Vec<u8> {
    format!("totp {}", person.uuid()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    /// RFC 6238 appendix B, SHA-1; six digits are the last six of its eight.
    #[test]
    fn the_codes_are_those_of_the_rfc() {
        let codes = Codes::of(b"12345678901234567890");
        for (time, code) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            assert_eq!(codes.step(&code[2..], at(time), 0), Some(time / 30), "{time}");
            let spaced = format!(" {} {} ", &code[2..5], &code[5..]);
            assert_eq!(codes.step(&spaced, at(time), 0), Some(time / 30), "{time}");
        }
    }

    #[test]
    fn a_step_off_is_accepted_two_are_not_and_no_step_twice() {
        let codes = Codes::of(b"12345678901234567890");
        // Of step 37037036, which is [1111111080, 1111111110).
        let (code, step) = ("081804", 37_037_036);
        for (now, accepted) in [
            (1_111_111_049, false),
            (1_111_111_050, true),
            (1_111_111_080, true),
            (1_111_111_139, true),
            (1_111_111_140, false),
        ] {
            assert_eq!(codes.step(code, at(now), 0).is_some(), accepted, "{now}");
        }
        assert_eq!(codes.step(code, at(1_111_111_109), step - 1), Some(step));
        assert_eq!(codes.step(code, at(1_111_111_109), step), None);
        for wrong in ["", "081805", "81804", "0818040", "+81804", "०८१८०४", "-81804"] {
            assert_eq!(codes.step(wrong, at(1_111_111_109), 0), None, "{wrong}");
        }
    }

    #[test]
    fn the_uri_is_what_apps_read() {
        let label = Label {
            issuer: "Acme: Söhne & Co",
            account: "ada@example.com",
        };
        let enrolment = Codes::new(b"12345678901234567890", label).enrolment();
        assert_eq!(enrolment.secret.expose(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(
            enrolment.uri.expose(),
            "otpauth://totp/Acme%20%20S%C3%B6hne%20%26%20Co:ada%40example.com\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Acme%20%20S%C3%B6hne%20%26%20Co"
        );
    }
}
