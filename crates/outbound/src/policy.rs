//! Where a guarded client may connect to.

use std::net::IpAddr;

use ipnet::IpNet;
use url::{Host, Url};

use crate::address::is_public;

/// The longest URL that is called.
const LONGEST_URL: usize = 2048;

/// Where a guarded client may connect to. By default: to public addresses, by `https`, at ports 443 and from 1024 on.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Networks that may be called although they are not public.
    pub allowed_networks: Vec<IpNet>,
    /// Whether `http` will do too, then also at port 80.
    pub allow_http: bool,
}

/// Why a URL, or what its host leads to, is not called.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum Refused {
    /// It is longer than 2048 characters.
    #[error("must be at most 2048 characters")]
    TooLong,
    /// It is no URL with a host.
    #[error("must be an absolute URL with a host")]
    NotAnUrl,
    /// Another scheme.
    #[error("must begin with https://")]
    Scheme,
    /// User name or password stand in it.
    #[error("must not contain a user name or password")]
    Credentials,
    /// A fragment stands in it.
    #[error("must not contain a fragment")]
    Fragment,
    /// The port is one that other protocols have.
    #[error("must be at port 443 or at one from 1024 on")]
    Port,
    /// The host is, or leads to, an address that is not public.
    #[error("must lead to a public address")]
    Address,
}

impl Policy {
    /// The URL, if it may be called as far as that is known before its host is looked up.
    pub fn check(&self, text: &str) -> Result<Url, Refused> {
        if text.len() > LONGEST_URL {
            return Err(Refused::TooLong);
        }
        let url: Url = text.parse().map_err(|_| Refused::NotAnUrl)?;
        self.check_url(&url)?;
        Ok(url)
    }

    pub(crate) fn check_url(&self, url: &Url) -> Result<(), Refused> {
        let default_port = match url.scheme() {
            "https" => 443,
            "http" if self.allow_http => 80,
            _ => return Err(Refused::Scheme),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused::Credentials);
        }
        if url.fragment().is_some() {
            return Err(Refused::Fragment);
        }
        let port = url.port_or_known_default().unwrap_or_default();
        if port != default_port && port != 443 && port < 1024 {
            return Err(Refused::Port);
        }
        match url.host() {
            Some(Host::Ipv4(address)) => self.check_address(address.into()),
            Some(Host::Ipv6(address)) => self.check_address(address.into()),
            Some(Host::Domain(name)) if self.is_this_machine(name) => Err(Refused::Address),
            Some(Host::Domain(name)) if !name.is_empty() => Ok(()),
            _ => Err(Refused::NotAnUrl),
        }
    }

    /// Whether this address may be connected to.
    pub(crate) fn check_address(&self, address: IpAddr) -> Result<(), Refused> {
        let allowed = |network: &IpNet| network.contains(&address);
        if is_public(address) || self.allowed_networks.iter().any(allowed) {
            Ok(())
        } else {
            Err(Refused::Address)
        }
    }

    /// A name that can only mean this machine (RFC 6761 §6.3), refused when it is given rather than when it is called.
    fn is_this_machine(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.');
        (name == "localhost" || name.ends_with(".localhost"))
            && self.check_address(std::net::Ipv4Addr::LOCALHOST.into()).is_err()
    }
}
