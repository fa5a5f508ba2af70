//! The cookies of sessions: what they are called, how they are set, and how they are read.
//!
//! Their names begin with `__Host-`, so that a browser takes them only over TLS, from the host itself, for all of it
//! (RFC 6265bis section 4.1.3.2): no neighbouring subdomain can plant one.

use std::time::Duration;

use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use edge::openapi::{ADMIN_COOKIE, TENANT_COOKIE};
use kernel::{Code, Secret};

/// Which of the two planes a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plane {
    /// The people of a tenant.
    Tenant,
    /// The operators of the platform.
    Platform,
}

impl Plane {
    /// The name of its cookie.
    pub const fn cookie(self) -> &'static str {
        match self {
            Self::Tenant => TENANT_COOKIE,
            Self::Platform => ADMIN_COOKIE,
        }
    }
}

/// The header that hands a browser its session's secret, until the session ends anyway.
pub fn set(plane: Plane, secret: &Secret<String>, lasts: Duration) -> [(HeaderName, HeaderValue); 1] {
    [header(plane, secret.expose(), lasts.as_secs())]
}

/// The header that has a browser forget it.
pub fn clear(plane: Plane) -> [(HeaderName, HeaderValue); 1] {
    [header(plane, "", 0)]
}

fn header(plane: Plane, value: &str, seconds: u64) -> (HeaderName, HeaderValue) {
    let name = plane.cookie();
    let text = format!("{name}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax");
    let mut header = HeaderValue::try_from(text).expect("a minted secret is ASCII");
    header.set_sensitive(true);
    (SET_COOKIE, header)
}

/// The secret that the request's cookie holds. Two cookies of the name are none: one of them is not ours.
pub fn read(headers: &HeaderMap, plane: Plane) -> Result<Option<&str>, Code> {
    let lines = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok());
    let mut named = lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == plane.cookie())
        .map(|(_, value)| value);
    match (named.next(), named.next()) {
        (Some(value), None) if !value.is_empty() => Ok(Some(value)),
        (Some(_), Some(_)) => Err(Code::Unauthenticated),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&'static str]) -> Result<Option<String>, Code> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, HeaderValue::from_static(line));
        }
        read(&headers, Plane::Tenant).map(|value| value.map(str::to_owned))
    }

    #[test]
    fn reads_its_own_cookie_only() {
        let own = Ok(Some("tny_session_a".to_owned()));
        assert_eq!(of(&["a=b; __Host-tenantry_session=tny_session_a; c=d"]), own);
        assert_eq!(of(&["a=b", "__Host-tenantry_session=tny_session_a"]), own);
        let others = [
            "a=b",
            "__Host-tenantry_admin=tny_session_a",
            "__host-tenantry_session=tny_session_a",
            "__Host-tenantry_session=",
            "",
        ];
        for line in others {
            assert_eq!(of(&[line]), Ok(None), "{line}");
        }
        let twice = "__Host-tenantry_session=x; __Host-tenantry_session=y";
        assert_eq!(of(&[twice]), Err(Code::Unauthenticated));
    }

    #[test]
    fn a_browser_keeps_it_to_the_host_and_from_scripts() {
        let secret = Secret::new("tny_session_a".to_owned());
        let [(_, value)] = set(Plane::Tenant, &secret, Duration::from_mins(1));
        assert_eq!(
            value,
            "__Host-tenantry_session=tny_session_a; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax"
        );
        assert!(!format!("{value:?}").contains("tny_session"));
        let [(_, value)] = clear(Plane::Platform);
        assert_eq!(
            value,
            "__Host-tenantry_admin=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"
        );
    }
}
