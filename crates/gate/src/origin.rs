//! Where a request comes from, as far as anybody we trust vouches for it.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header::{FORWARDED, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use edge::RequestId;
use ipnet::IpNet;
use isolation::RequestInfo;

use crate::state::{AppState, GateSettings};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The two ends of a request: who opened the connection, and who is behind it.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// The other end of the TCP connection.
    pub direct: Option<IpAddr>,
    /// The caller: the same, or whom a configured proxy names.
    pub client: Option<IpAddr>,
}

impl Peer {
    fn of(parts: &Parts, settings: &GateSettings) -> Self {
        let direct = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|info| info.0.ip().to_canonical());
        let client = direct.map(|direct| behind(direct, &parts.headers, &settings.trusted_proxies));
        Self { direct, client }
    }

    /// Whether tenant and user named in headers count.
    pub(crate) fn may_name_caller(self, settings: &GateSettings) -> bool {
        self.direct
            .is_some_and(|address| within(address, &settings.trusted_header_networks))
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

fn within(address: IpAddr, networks: &[IpNet]) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

/// The nearest address that is no configured proxy, read from the right: what stands further left is only what a
/// caller claims.
fn behind(direct: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    if !within(direct, proxies) {
        return direct;
    }
    let listed = headers
        .get_all(X_FORWARDED_FOR)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut hops: Vec<&str> = listed.flat_map(|value| value.split(',')).map(str::trim).collect();
    while let Some(hop) = hops.pop() {
        match hop.parse::<IpAddr>() {
            Ok(address) if within(address.to_canonical(), proxies) => {}
            Ok(address) => return address.to_canonical(),
            Err(_) => break,
        }
    }
    direct
}

/// What the trail records of the request.
pub(crate) fn request_info(parts: &Parts, settings: &GateSettings) -> RequestInfo {
    RequestInfo {
        id: parts.extensions.get::<RequestId>().map(ToString::to_string),
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

    fn client(direct: &str, forwarded: &[&str]) -> String {
        let proxies: Vec<IpNet> = vec!["10.0.0.0/8".parse().expect("a network")];
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(X_FORWARDED_FOR, value.parse().expect("a header"));
        }
        behind(direct.parse().expect("an address"), &headers, &proxies).to_string()
    }

    #[test]
    fn only_configured_proxies_are_believed() {
        assert_eq!(client("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(
            client("10.0.0.1", &["1.2.3.4, 198.51.100.1, 10.0.0.2"]),
            "198.51.100.1"
        );
        assert_eq!(client("10.0.0.1", &["1.2.3.4", "198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &["1.2.3.4, nonsense"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }
}
