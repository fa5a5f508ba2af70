//! Addresses that identify people.

use std::fmt;
use std::str::FromStr;

use email_address::{EmailAddress, Options};
use serde::{Deserialize, Serialize};

/// An address as RFC 5321 wants it: at most 254 octets, lower-cased, in ASCII with an international domain in its
/// ASCII form, so that one person is one text. (A local part is case-sensitive by the letter of the standard, and
/// nowhere in practice.)
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(try_from = "String")]
#[sqlx(transparent)]
pub struct Email(String);

/// The text is no address that a person can have.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be an email address")]
pub struct InvalidEmail;

const LONGEST: usize = 254;

impl Email {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = InvalidEmail;
    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        let (local, domain) = text.trim().rsplit_once('@').ok_or(InvalidEmail)?;
        let domain = idna::domain_to_ascii_strict(domain).map_err(|_| InvalidEmail)?;
        let address = format!("{local}@{domain}").to_lowercase();
        let options = Options::default()
            .with_required_tld()
            .without_domain_literal()
            .without_display_text();
        let valid = EmailAddress::parse_with_options(&address, options).is_ok();
        if valid && address.is_ascii() && address.len() <= LONGEST {
            Ok(Self(address))
        } else {
            Err(InvalidEmail)
        }
    }
}

impl TryFrom<String> for Email {
    type Error = InvalidEmail;
    fn try_from(text: String) -> Result<Self, InvalidEmail> {
        text.parse()
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_is_one_text() {
        for (given, kept) in [
            (" Ada@Example.COM ", "ada@example.com"),
            ("ada+work@bücher.example", "ada+work@xn--bcher-kva.example"),
            ("o'brien@example.co.uk", "o'brien@example.co.uk"),
        ] {
            assert_eq!(
                given.parse::<Email>().map(|email| email.to_string()),
                Ok(kept.to_owned())
            );
        }
    }

    #[test]
    fn refuses_what_is_no_address() {
        let long = format!("ada@{}.com", "a.".repeat(130));
        for text in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "ada@localhost",
            "ada@[127.0.0.1]",
            "ada@@example.com",
            "ada lovelace@example.com",
            "ada@exa mple.com",
            "ada\n@example.com",
            "Ada <ada@example.com>",
            "ada@example.com, bob@example.com",
            "ädä@example.com",
            "ada@-example.com",
            &long,
        ] {
            assert_eq!(text.parse::<Email>(), Err(InvalidEmail), "{text:?}");
        }
    }
}
