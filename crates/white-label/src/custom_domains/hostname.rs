//! Host names as they are stored and compared: A-labels in lower case.

use std::fmt;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use serde::{Serialize, Serializer};
use tenants::directory::BaseDomain;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

use super::model::CHALLENGE_LABEL;

/// A host name that a tenant may bring.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, sqlx::Type)]
#[sqlx(transparent)]
pub struct Hostname(String);

/// The text is no host name that a tenant may bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHostname {
    /// It is no host name at all, or no valid international one.
    #[error("must be a host name like app.example.com, without scheme, port and path")]
    Shape,
    /// With the label of the challenge before it, it would be no name any more (RFC 1035 section 2.3.4).
    #[error("must be at most {MOST} characters long")]
    TooLong,
    /// Addresses cannot be proved to be somebody's.
    #[error("must be a name, not an IP address")]
    Address,
    /// The name has no domain above it.
    #[error("must have at least two labels")]
    SingleLabel,
    /// Everybody's names end with it.
    #[error("is a public suffix")]
    PublicSuffix,
    /// It can never be reached from the internet (RFC 6761, 6762, 7686, 9476).
    #[error("is reserved for special use")]
    SpecialUse,
    /// The platform gives these names out itself.
    #[error("belongs to the platform")]
    OwnZone,
}

const MOST: usize = 253 - CHALLENGE_LABEL.len() - 1;
const SPECIAL_USE: [&str; 7] = [
    "alt",
    "arpa",
    "internal",
    "invalid",
    "local",
    "localhost",
    "onion",
];

impl PartialSchema for Hostname {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::Custom("idn-hostname".to_owned())))
            .description(Some(
                "A host name of at least two labels, in any script; not a public suffix.",
            ))
            .examples(["app.acme.com"])
            .into()
    }
}
impl ToSchema for Hostname {}

impl Hostname {
    /// Reads a name as a person writes it: in any script, with or without a dot at its end. `own` is the domain that
    /// the platform serves its tenants under.
    pub fn parse(text: &str, own: &BaseDomain) -> Result<Self, InvalidHostname> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let processed = Uts46::new().to_ascii(
            text.as_bytes(),
            AsciiDenyList::STD3,
            Hyphens::Check,
            DnsLength::Verify,
        );
        let name = processed.map_err(|_| InvalidHostname::Shape)?.into_owned();
        let (above, last) = name.rsplit_once('.').unwrap_or(("", &name));
        if is_numeric(last) {
            Err(InvalidHostname::Address)
        } else if name.len() > MOST {
            Err(InvalidHostname::TooLong)
        } else if SPECIAL_USE.contains(&last) {
            Err(InvalidHostname::SpecialUse)
        } else if above.is_empty() {
            Err(InvalidHostname::SingleLabel)
        } else if is_within(&name, own.as_str()) {
            Err(InvalidHostname::OwnZone)
        } else if psl::domain_str(&name).is_none() {
            Err(InvalidHostname::PublicSuffix)
        } else {
            Ok(Self(name))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is what one registers, like `example.co.uk`, so that it cannot have a CNAME (RFC 1034 section 3.6.2).
    pub fn is_apex(&self) -> bool {
        psl::domain_str(&self.0) == Some(self.as_str())
    }
}

/// Whether a name that ends so is read as an IPv4 address (WHATWG URL, "ends in a number").
fn is_numeric(label: &str) -> bool {
    let hexadecimal = label.strip_prefix("0x");
    label.bytes().all(|byte| byte.is_ascii_digit())
        || hexadecimal.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn is_within(name: &str, zone: &str) -> bool {
    name.strip_suffix(zone)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

impl Serialize for Hostname {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}
impl fmt::Display for Hostname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for Hostname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<String, InvalidHostname> {
        let own = "tenantry.example.com".parse().expect("a domain");
        Hostname::parse(text, &own).map(|name| name.0)
    }

    #[test]
    fn reads_names_in_any_script() {
        for (text, name) in [
            ("newco.com", "newco.com"),
            ("App.Acme.COM.", "app.acme.com"),
            ("a-b.co.uk", "a-b.co.uk"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
            ("faß.de", "xn--fa-hia.de"),
            ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
            ("ＡＣＭＥ．com", "acme.com"),
            ("me.github.io", "me.github.io"),
            ("other.example.com", "other.example.com"),
            ("nottenantry.example.com", "nottenantry.example.com"),
        ] {
            assert_eq!(parse(text), Ok(name.to_owned()), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_name() {
        let long_label = format!("{}.com", "a".repeat(64));
        for text in [
            "",
            ".",
            "..",
            "a..com",
            ".com",
            "acme.com..",
            "https://acme.com",
            "acme.com:443",
            "acme.com/x",
            "a b.com",
            "a_b.com",
            "*.acme.com",
            "-a.com",
            "a-.com",
            "ab--cd.com",
            "xn--a.com",
            "acme.com\n",
            "acme\0.com",
            "user@acme.com",
            "[::1]",
            "::1",
            "a\u{200b}\u{202e}.com\u{202e}",
            &long_label,
        ] {
            assert_eq!(parse(text), Err(InvalidHostname::Shape), "{text:?}");
        }
    }

    #[test]
    fn refuses_names_that_cannot_be_a_tenants() {
        for (text, error) in [
            ("127.0.0.1", InvalidHostname::Address),
            ("acme.1", InvalidHostname::Address),
            ("1.0x7f", InvalidHostname::Address),
            ("１２７.0.0.1", InvalidHostname::Address),
            ("acme", InvalidHostname::SingleLabel),
            ("com", InvalidHostname::SingleLabel),
            ("co.uk", InvalidHostname::PublicSuffix),
            ("github.io", InvalidHostname::PublicSuffix),
            ("公司.cn", InvalidHostname::PublicSuffix),
            ("localhost", InvalidHostname::SpecialUse),
            ("printer.local", InvalidHostname::SpecialUse),
            ("x.onion", InvalidHostname::SpecialUse),
            ("1.0.0.127.in-addr.arpa", InvalidHostname::SpecialUse),
            ("tenantry.example.com", InvalidHostname::OwnZone),
            ("Acme.Tenantry.Example.com", InvalidHostname::OwnZone),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn leaves_room_for_the_challenge() {
        let name =
            |length: usize| format!("{}.com", vec!["a".repeat(49); 5].join(".").split_at(length - 4).0);
        assert_eq!(parse(&name(MOST)).map(|name| name.len()), Ok(MOST));
        assert_eq!(parse(&name(MOST + 1)), Err(InvalidHostname::TooLong));
        assert_eq!(format!("{CHALLENGE_LABEL}.{}", name(MOST)).len(), 253);
    }

    #[test]
    fn knows_what_one_registers() {
        let own: BaseDomain = "localhost".parse().expect("a domain");
        for (text, apex) in [("acme.com", true), ("acme.co.uk", true), ("app.acme.com", false)] {
            assert_eq!(Hostname::parse(text, &own).expect(text).is_apex(), apex, "{text}");
        }
    }
}
