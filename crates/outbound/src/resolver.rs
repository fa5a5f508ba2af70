//! Looking names up for a guarded client: it hands out only addresses that may be connected to, and the connection goes
//! to one of these. So a name that changes its mind between a check and the connection gains nothing.

use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::policy::{Policy, Refused};

pub(crate) struct Guard(pub(crate) Arc<Policy>);

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = Arc::clone(&self.0);
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(allowed(&policy, found)?)
        })
    }
}

/// All of them, if each may be connected to: one that may not shows that the name is not what it says.
fn allowed(policy: &Policy, found: Vec<SocketAddr>) -> Result<Addrs, Refused> {
    found
        .iter()
        .try_for_each(|address| policy.check_address(address.ip()))?;
    Ok(Box::new(found.into_iter()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_private_address_spoils_a_name() {
        let policy = Policy::default();
        let found = |texts: &[&str]| {
            let addresses = texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0));
            allowed(&policy, addresses.collect()).map(Iterator::count)
        };
        assert_eq!(found(&["1.1.1.1", "2606:4700::1"]), Ok(2));
        assert_eq!(found(&["1.1.1.1", "::1"]), Err(Refused::Address));
        assert_eq!(found(&["10.0.0.1"]), Err(Refused::Address));
    }
}
