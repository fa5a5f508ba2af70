//! What proxies say of the hops before them.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::HeaderMap;
use axum::http::header::FORWARDED;

use super::X_FORWARDED_FOR;

/// The one header that the configured proxies write. Which one has to be said: a proxy passes the other one on as its
/// caller sent it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ForwardingHeader {
    /// `X-Forwarded-For: client, proxy, …`
    #[default]
    XForwardedFor,
    /// `Forwarded: for=client;proto=https, for=proxy` (RFC 7239)
    Forwarded,
}

/// The hops that the header names, the furthest first; nothing for one that is no address.
pub(super) fn hops(headers: &HeaderMap, header: ForwardingHeader) -> Vec<Option<IpAddr>> {
    let values = match header {
        ForwardingHeader::XForwardedFor => headers.get_all(X_FORWARDED_FOR),
        ForwardingHeader::Forwarded => headers.get_all(FORWARDED),
    };
    let hops = values.iter().map(|value| match (value.to_str(), header) {
        (Ok(text), ForwardingHeader::XForwardedFor) => text.split(',').map(node).collect(),
        (Ok(text), ForwardingHeader::Forwarded) => unquoted(text, ',').map(forwarded_for).collect(),
        (Err(_), _) => vec![None],
    });
    hops.collect::<Vec<Vec<_>>>().concat()
}

/// The `for` of one element (RFC 7239 section 4); `unknown` and obfuscated names are no address.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut named = unquoted(element, ';').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value.trim())
    });
    let (value, more) = (named.next()?, named.next());
    let bare = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    // No address needs an escape within quotes.
    node(bare.unwrap_or(value)).filter(|_| more.is_none())
}

/// The parts between separators that do not stand within quotes.
fn unquoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c: char| {
        if c == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = quoted && !escaped && c == '\\';
        c == separator && !quoted
    })
}

/// An address, with or without brackets and port.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let with_port = || text.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    let bracketed = || {
        let inner = text.strip_prefix('[')?.strip_suffix(']')?;
        inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
    };
    let address = text
        .parse::<IpAddr>()
        .ok()
        .or_else(with_port)
        .or_else(bracketed)?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_rfc_7239() {
        for (value, expected) in [
            (
                "for=192.0.2.60;proto=http;by=203.0.113.43",
                &[Some("192.0.2.60")][..],
            ),
            ("For=\"[2001:db8:cafe::17]:4711\"", &[Some("2001:db8:cafe::17")]),
            (
                "for=192.0.2.43, for=198.51.100.17:99",
                &[Some("192.0.2.43"), Some("198.51.100.17")],
            ),
            ("proto=https;for=\"192.0.2.43\"", &[Some("192.0.2.43")]),
            ("for=\"[::ffff:192.0.2.43]\"", &[Some("192.0.2.43")]),
            ("for=unknown, for=_hidden, for=\"_a,b\"", &[None, None, None]),
            ("host=\"a;for=1.2.3.4,for=1.2.3.4\"", &[None]),
            ("host=\"\\\",for=1.2.3.4\"", &[None]),
            ("for=1.2.3.4;for=192.0.2.43", &[None]),
            ("", &[None]),
        ] {
            let headers = HeaderMap::from_iter([(FORWARDED, value.parse().expect("a header"))]);
            let read: Vec<_> = hops(&headers, ForwardingHeader::Forwarded)
                .into_iter()
                .map(|hop| hop.map(|address| address.to_string()))
                .collect();
            assert_eq!(
                read,
                expected
                    .iter()
                    .map(|hop| hop.map(str::to_owned))
                    .collect::<Vec<_>>(),
                "{value}"
            );
        }
    }
}
