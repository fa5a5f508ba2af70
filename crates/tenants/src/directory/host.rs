//! Host names under the platform's own domain: `<slug>.<base domain>`.

use std::str::FromStr;

use super::Resolved;
use crate::tenants::{Slug, is_reserved};

/// The domain that the platform serves its tenants under, e.g. `example.com` for `acme.example.com`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseDomain(String);

/// The text is no domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a domain in lower-case ASCII without port or trailing dot")]
pub struct InvalidBaseDomain;

/// Whom a host name addresses.
#[derive(Debug, Clone)]
pub enum Host {
    /// The platform itself.
    Platform,
    /// A tenant.
    Tenant(Resolved),
    /// Nobody, but under the platform's domain.
    NoTenant,
    /// Something outside the platform's domain, lower-case and without port: perhaps a tenant's own name.
    Elsewhere(String),
}

pub(super) enum Reading {
    Platform,
    Slug(Slug),
    NoSlug,
    Elsewhere(String),
}

impl BaseDomain {
    /// The domain itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn read(&self, host: &str) -> Reading {
        let name = bare(host);
        if name == self.0 {
            return Reading::Platform;
        }
        match name
            .strip_suffix(self.0.as_str())
            .and_then(|rest| rest.strip_suffix('.'))
        {
            None => Reading::Elsewhere(name),
            Some(label) if is_reserved(label) => Reading::Platform,
            Some(label) => label.parse().map_or(Reading::NoSlug, Reading::Slug),
        }
    }
}

/// A `Host` header's name alone: without port and trailing dot, in lower case.
fn bare(host: &str) -> String {
    let name = match host.rsplit_once(':') {
        // Within brackets a colon belongs to the address.
        Some((name, port)) if !port.contains(']') => name,
        _ => host,
    };
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

impl FromStr for BaseDomain {
    type Err = InvalidBaseDomain;
    fn from_str(text: &str) -> Result<Self, InvalidBaseDomain> {
        let is_label = |label: &str| {
            let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            (1..=63).contains(&label.len())
                && label.bytes().all(inner)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        // A slug of 63 characters and a dot must still fit before it (RFC 1035 section 2.3.4).
        if text.len() <= 253 - 64 && text.split('.').all(is_label) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidBaseDomain)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(host: &str) -> String {
        let base: BaseDomain = "example.com".parse().expect("a domain");
        match base.read(host) {
            Reading::Platform => "platform".to_owned(),
            Reading::NoSlug => "nobody".to_owned(),
            Reading::Slug(slug) => format!("slug {slug}"),
            Reading::Elsewhere(name) => format!("elsewhere {name}"),
        }
    }

    #[test]
    fn reads_hosts() {
        for (host, reading) in [
            ("example.com", "platform"),
            ("EXAMPLE.com.:8080", "platform"),
            ("www.example.com", "platform"),
            ("api.example.com:443", "platform"),
            ("acme.example.com", "slug acme"),
            ("Acme.Example.COM.:3000", "slug acme"),
            ("a.example.com", "nobody"),
            ("x.acme.example.com", "nobody"),
            (".example.com", "nobody"),
            ("notexample.com", "elsewhere notexample.com"),
            ("acme.example.com.evil.org", "elsewhere acme.example.com.evil.org"),
            ("127.0.0.1:3000", "elsewhere 127.0.0.1"),
            ("[::1]:3000", "elsewhere [::1]"),
            ("[::1]", "elsewhere [::1]"),
            ("", "elsewhere "),
        ] {
            assert_eq!(read(host), reading, "{host}");
        }
    }

    #[test]
    fn a_base_domain_is_a_domain() {
        for text in ["example.com", "localhost", "a.b-c.d"] {
            assert_eq!(text.parse().map(|base: BaseDomain| base.0), Ok(text.to_owned()));
        }
        let too_long = ["a"; 100].join(".");
        for text in [
            "", ".", "a.", ".a", "A.com", "a..b", "-a.com", "a-.com", "a:80", "ä.com", &too_long,
        ] {
            assert_eq!(text.parse::<BaseDomain>(), Err(InvalidBaseDomain), "{text}");
        }
    }
}
