//! Slugs: what a tenant is called in addresses.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// A tenant's name in addresses: a DNS label of 3 to 63 characters.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type)]
#[serde(try_from = "String", into = "String")]
#[sqlx(transparent)]
pub struct Slug(String);

/// The text cannot be a slug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSlug {
    /// It is not formed like one.
    #[error(
        "must be 3 to 63 lower-case letters, digits and hyphens, and begin and end with a letter or digit"
    )]
    Shape,
    /// `xn--` and its like announce an encoded name (RFC 5891 section 4.2.3.1).
    #[error("must not have hyphens in third and fourth place")]
    Encoded,
    /// The platform uses the name itself, or may.
    #[error("is reserved")]
    Reserved,
}

/// Names that the platform uses itself, that mail and network software give a meaning to, or that would let a
/// tenant pass for the platform.
const RESERVED: &[&str] = &[
    "abuse",
    "account",
    "accounts",
    "admin",
    "administrator",
    "api",
    "app",
    "apps",
    "assets",
    "auth",
    "autoconfig",
    "autodiscover",
    "billing",
    "blog",
    "cdn",
    "console",
    "dashboard",
    "dev",
    "docs",
    "download",
    "email",
    "files",
    "ftp",
    "gateway",
    "git",
    "graphql",
    "health",
    "help",
    "hostmaster",
    "imap",
    "info",
    "internal",
    "isatap",
    "localhost",
    "login",
    "logout",
    "mail",
    "media",
    "metrics",
    "mta-sts",
    "no-reply",
    "noreply",
    "ns1",
    "ns2",
    "oauth",
    "openapi",
    "operator",
    "platform",
    "pop3",
    "portal",
    "postmaster",
    "private",
    "proxy",
    "public",
    "register",
    "root",
    "saml",
    "scim",
    "secure",
    "security",
    "signin",
    "signup",
    "smtp",
    "sso",
    "staging",
    "static",
    "status",
    "support",
    "system",
    "tenant",
    "tenantry",
    "tenants",
    "vpn",
    "webhook",
    "webhooks",
    "webmail",
    "webmaster",
    "wpad",
    "www",
];

impl Slug {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands in the record of a removed tenant. It is in nobody's address.
    pub(super) fn of_removed(tenant: kernel::TenantId) -> Self {
        Self(format!("deleted-{}", tenant.hex()))
    }
}

/// Whether the platform keeps this name for itself.
pub(crate) fn is_reserved(name: &str) -> bool {
    RESERVED.binary_search(&name).is_ok()
}

impl FromStr for Slug {
    type Err = InvalidSlug;
    fn from_str(text: &str) -> Result<Self, InvalidSlug> {
        let bytes = text.as_bytes();
        let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
        let ends_well = !text.starts_with('-') && !text.ends_with('-');
        if !(3..=63).contains(&bytes.len()) || !bytes.iter().all(inner) || !ends_well {
            Err(InvalidSlug::Shape)
        } else if bytes.get(2..4) == Some(b"--") {
            Err(InvalidSlug::Encoded)
        } else if is_reserved(text) {
            Err(InvalidSlug::Reserved)
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

impl TryFrom<String> for Slug {
    type Error = InvalidSlug;
    fn try_from(text: String) -> Result<Self, InvalidSlug> {
        text.parse()
    }
}
impl From<Slug> for String {
    fn from(slug: Slug) -> Self {
        slug.0
    }
}
impl std::borrow::Borrow<str> for Slug {
    fn borrow(&self) -> &str {
        &self.0
    }
}
impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialSchema for Slug {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^[a-z0-9]([a-z0-9-]{1,61}[a-z0-9])$"))
            .examples(["acme"])
            .into()
    }
}
impl ToSchema for Slug {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserved_names_can_be_found() {
        assert!(RESERVED.is_sorted());
        for name in RESERVED {
            assert_eq!(name.parse::<Slug>(), Err(InvalidSlug::Reserved), "{name}");
        }
    }

    #[test]
    fn accepts_dns_labels() {
        let longest = "a".repeat(63);
        for text in [
            "acme", "newco", "testco", "a-b", "a1b", "123", "a--b", "abc--d", "admin1", &longest,
        ] {
            assert_eq!(text.parse::<Slug>().map(String::from), Ok(text.to_owned()));
        }
    }

    #[test]
    fn refuses_everything_else() {
        let too_long = "a".repeat(64);
        for text in [
            "", "a", "ab", "-ab", "ab-", "Acme", "a_b", "a.b", "a b", "äcme", "acme\n", "ac\0me", &too_long,
        ] {
            assert_eq!(text.parse::<Slug>(), Err(InvalidSlug::Shape), "{text:?}");
        }
        for text in ["xn--acme", "ab--cd"] {
            assert_eq!(text.parse::<Slug>(), Err(InvalidSlug::Encoded), "{text}");
        }
    }
}
