//! Networks that a tenant's callers may come from.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};
use serde::{Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// A network in its one canonical form: no host bits, and IPv4 as IPv4 even where it was written inside IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network(IpNet);

/// The text is no network that callers can come from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNetwork {
    /// It cannot be read.
    #[error("is no network: write 192.0.2.0/24, 2001:db8::/32, or a single address")]
    Malformed,
    /// An address inside a network, of which nobody can tell which of the two is meant.
    #[error(
        "has bits set to the right of its prefix: write {network} for the network, {address} for the one address"
    )]
    HostBits {
        /// The network around it.
        network: IpNet,
        /// The address itself.
        address: IpAddr,
    },
    /// `::ffff:0:0/80`, say: all of IPv4 and something that no caller can have.
    #[error("spans more than the IPv4 addresses inside IPv6: write 0.0.0.0/0 if all of them are meant")]
    AroundMapped,
}

/// How many bits of `::ffff:192.0.2.1` stand before the IPv4 address (RFC 4291 section 2.5.5.2).
const MAPPED_PREFIX: u8 = 96;

impl Network {
    /// Whether the address is in it. The address must be canonical too.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }

    fn canonical(network: IpNet) -> Result<IpNet, InvalidNetwork> {
        let IpNet::V6(six) = network else {
            return Ok(network);
        };
        let Some(four) = six.network().to_ipv4_mapped() else {
            let mapped = Ipv4Addr::UNSPECIFIED.to_ipv6_mapped();
            let around = six.prefix_len() > 0 && six.contains(&mapped);
            return if around {
                Err(InvalidNetwork::AroundMapped)
            } else {
                Ok(network)
            };
        };
        let bits = six.prefix_len().checked_sub(MAPPED_PREFIX);
        let bits = bits.ok_or(InvalidNetwork::AroundMapped)?;
        Ipv4Net::new(four, bits)
            .map(IpNet::V4)
            .map_err(|_| InvalidNetwork::Malformed)
    }
}

/// As strictly as the standard library reads addresses: `192.0.2.010` is one thing here and another there.
fn read(text: &str) -> Option<IpNet> {
    let Some((address, bits)) = text.split_once('/') else {
        return text.parse::<IpAddr>().ok().map(IpNet::from);
    };
    let plain = bits.bytes().all(|byte| byte.is_ascii_digit());
    let bits = bits.parse().ok().filter(|_| plain)?;
    IpNet::new(address.parse().ok()?, bits).ok()
}

impl FromStr for Network {
    type Err = InvalidNetwork;
    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let given = read(text).ok_or(InvalidNetwork::Malformed)?;
        if given.addr() != given.network() {
            return Err(InvalidNetwork::HostBits {
                network: given.trunc(),
                address: given.addr(),
            });
        }
        Self::canonical(given).map(Self)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl PartialSchema for Network {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(
                "A network in CIDR notation (RFC 4632, RFC 4291), or a single address.",
            ))
            .examples(["192.0.2.0/24", "2001:db8::/32"])
            .into()
    }
}
impl ToSchema for Network {}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, InvalidNetwork> {
        text.parse::<Network>().map(|network| network.to_string())
    }

    #[test]
    fn has_one_form() {
        for (text, canonical) in [
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("192.0.2.7", "192.0.2.7/32"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("2001:DB8:0:0::/32", "2001:db8::/32"),
            ("2001:db8::1", "2001:db8::1/128"),
            ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
            ("::ffff:192.0.2.7", "192.0.2.7/32"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(canonical), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_none() {
        for text in [
            "",
            " ",
            "x",
            "192.0.2",
            "192.0.2.0/33",
            "192.0.2.0/-1",
            "192.0.2.0/+24",
            "192.0.2.0/24 ",
            "192.0.2.00/24",
            "192.0.2.0/",
            "2001:db8::/129",
            "fe80::1%eth0",
            "192.0.2.0/255.255.255.0",
            "192.0.2.1-192.0.2.9",
        ] {
            assert_eq!(read(text), Err(InvalidNetwork::Malformed), "{text}");
        }
        for text in ["::ffff:0:0/90", "::/80", "::ffff:0:0/95"] {
            let refused = read(text);
            assert!(refused.is_err(), "{text}: {refused:?}");
        }
    }

    #[test]
    fn says_what_was_meant_where_host_bits_are_set() {
        let refused = read("192.0.2.7/24").expect_err("host bits").to_string();
        assert!(
            refused.contains("192.0.2.0/24") && refused.contains("192.0.2.7"),
            "{refused}"
        );
        assert!(read("2001:db8::1/64").is_err() && read("::ffff:192.0.2.7/120").is_err());
    }

    #[test]
    fn an_address_of_the_other_family_is_never_inside() {
        let all: Network = "0.0.0.0/0".parse().expect("a network");
        assert!(all.contains("192.0.2.1".parse().expect("an address")));
        assert!(!all.contains("2001:db8::1".parse().expect("an address")));
    }
}
