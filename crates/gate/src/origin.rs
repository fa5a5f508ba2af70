//! Where a request comes from, as far as anybody we trust vouches for it.

mod forwarding;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header::{FORWARDED, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use edge::RequestId;
use ipnet::IpNet;
use isolation::RequestInfo;

pub use forwarding::ForwardingHeader;
use forwarding::hops;

use crate::state::{AppState, GateSettings};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The two ends of a request: who opened the connection, and who is behind it.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// The other end of the TCP connection. Nobody, where a gateway asks about a request that it was sent itself.
    pub direct: Option<IpAddr>,
    /// The caller: the same, or whom a configured proxy names. Nobody, where that proxy does not know.
    pub client: Option<IpAddr>,
}

/// Marks a request that a gateway was sent and only asks about: the connection says nothing about its sender.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AskedAbout;

impl Peer {
    fn of(parts: &Parts, settings: &GateSettings) -> Self {
        let connection = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|info| info.0.ip().to_canonical());
        let client = connection.and_then(|direct| behind(direct, &parts.headers, settings));
        let direct = connection.filter(|_| parts.extensions.get::<AskedAbout>().is_none());
        Self { direct, client }
    }

    /// Whether tenant and user named in headers count.
    pub(crate) fn may_name_caller(self, settings: &GateSettings) -> bool {
        self.direct
            .is_some_and(|address| within(address, &settings.trusted_header_networks))
    }

    /// Whether the connection comes from a proxy whose word counts.
    pub(crate) fn is_proxy(self, settings: &GateSettings) -> bool {
        self.direct
            .is_some_and(|address| within(address, &settings.trusted_proxies))
    }

    /// Whether the connection comes from this machine and nobody says that it came further.
    pub(crate) fn is_local(self, headers: &HeaderMap) -> bool {
        let forwarded = headers.contains_key(FORWARDED) || headers.contains_key(X_FORWARDED_FOR);
        !forwarded && self.direct.is_some_and(|address| address.is_loopback())
    }
}

impl FromRequestParts<AppState> for Peer {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        Ok(Self::of(parts, &state.settings))
    }
}

pub(crate) fn within(address: IpAddr, networks: &[IpNet]) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

/// The nearest address that is no configured proxy, read from the right: what stands further left is only what a
/// caller claims. Nobody, where a proxy says that it does not know.
fn behind(direct: IpAddr, headers: &HeaderMap, settings: &GateSettings) -> Option<IpAddr> {
    let is_proxy = |address| within(address, &settings.trusted_proxies);
    if !is_proxy(direct) {
        return Some(direct);
    }
    for hop in hops(headers, settings.forwarding).into_iter().rev() {
        match hop {
            Some(address) if is_proxy(address) => {}
            other => return other,
        }
    }
    Some(direct)
}

/// What the trail records of the request.
pub(crate) fn request_info(parts: &Parts, settings: &GateSettings) -> RequestInfo {
    RequestInfo {
        id: RequestId::beside(parts).map(ToString::to_string),
        ip: Peer::of(parts, settings).client,
        user_agent: parts
            .headers
            .get(USER_AGENT)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned),
    }
}

pub(crate) fn peer(parts: &Parts, settings: &GateSettings) -> Peer {
    Peer::of(parts, settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(direct: &str, forwarding: ForwardingHeader, sent: &[(HeaderName, &str)]) -> Option<String> {
        let settings = GateSettings {
            trusted_proxies: vec![
                "10.0.0.0/8".parse().expect("a network"),
                "fd00::/8".parse().expect("a network"),
            ],
            forwarding,
            ..GateSettings::default()
        };
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.append(name, value.parse().expect("a header"));
        }
        behind(direct.parse().expect("an address"), &headers, &settings).map(|address| address.to_string())
    }

    fn by_list(direct: &str, values: &[&str]) -> Option<String> {
        let sent: Vec<_> = values.iter().map(|&value| (X_FORWARDED_FOR, value)).collect();
        client(direct, ForwardingHeader::XForwardedFor, &sent)
    }

    #[test]
    fn only_configured_proxies_are_believed() {
        for (direct, values, expected) in [
            ("203.0.113.9", &["198.51.100.1"][..], Some("203.0.113.9")),
            ("10.0.0.1", &["198.51.100.1"], Some("198.51.100.1")),
            (
                "10.0.0.1",
                &["1.2.3.4, 198.51.100.1, 10.0.0.2"],
                Some("198.51.100.1"),
            ),
            ("10.0.0.1", &["1.2.3.4", "198.51.100.1"], Some("198.51.100.1")),
            ("10.0.0.1", &["1.2.3.4, 198.51.100.1:4711"], Some("198.51.100.1")),
            ("fd00::1", &["::ffff:198.51.100.1"], Some("198.51.100.1")),
            ("fd00::1", &["[2001:db8::1]:4711, fd00::2"], Some("2001:db8::1")),
            ("10.0.0.1", &["1.2.3.4, nonsense"], None),
            ("10.0.0.1", &[], Some("10.0.0.1")),
        ] {
            assert_eq!(
                by_list(direct, values).as_deref(),
                expected,
                "{direct} {values:?}"
            );
        }
    }

    /// A proxy writes one of the two headers and passes the other on as its caller sent it.
    #[test]
    fn only_the_header_that_the_proxies_write_is_read() {
        let both = [
            (X_FORWARDED_FOR, "198.51.100.1"),
            (FORWARDED, "for=203.0.113.9;proto=https"),
        ];
        let read = |header| client("10.0.0.1", header, &both);
        assert_eq!(
            read(ForwardingHeader::XForwardedFor).as_deref(),
            Some("198.51.100.1")
        );
        assert_eq!(read(ForwardingHeader::Forwarded).as_deref(), Some("203.0.113.9"));
        let forged = [(FORWARDED, "for=203.0.113.9")];
        let seen = client("10.0.0.1", ForwardingHeader::XForwardedFor, &forged);
        assert_eq!(seen.as_deref(), Some("10.0.0.1"));
        let seen = client("192.0.2.1", ForwardingHeader::Forwarded, &forged);
        assert_eq!(seen.as_deref(), Some("192.0.2.1"));
    }
}
