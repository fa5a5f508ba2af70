//! For whom authenticators sign.

use std::time::Duration;

use url::Url;
use webauthn_rs::prelude::WebauthnError;
use webauthn_rs::{Webauthn, WebauthnBuilder};

/// The site that passkeys are made for and work on.
#[derive(Debug, Clone)]
pub struct RelyingParty {
    id: String,
    origin: Url,
    subdomains: bool,
}

impl RelyingParty {
    /// The site at this public address, and on the subdomains of `base_domain` where these lie below its host. None
    /// where the host is an address: WebAuthn knows only names.
    pub fn new(public_url: &Url, base_domain: Option<&str>) -> Option<Self> {
        let id = public_url.domain()?.to_owned();
        let below = |domain: &str| domain == id || domain.ends_with(&format!(".{id}"));
        Some(Self {
            subdomains: base_domain.is_some_and(below),
            origin: public_url.clone(),
            id,
        })
    }

    /// The library, set up for one ceremony.
    pub(super) fn library(&self, name: &str, patience: Duration) -> Result<Webauthn, WebauthnError> {
        WebauthnBuilder::new(&self.id, &self.origin)?
            .rp_name(name)
            .allow_subdomains(self.subdomains)
            .timeout(patience)
            .build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(public_url: &str, base_domain: Option<&str>) -> Option<(String, bool)> {
        let url = Url::parse(public_url).expect("an address");
        RelyingParty::new(&url, base_domain).map(|party| (party.id, party.subdomains))
    }

    #[test]
    fn is_the_host_of_the_public_address() {
        let app = Some(("app.example.com".to_owned(), true));
        assert_eq!(party("https://app.example.com", Some("app.example.com")), app);
        assert_eq!(
            party("https://app.example.com:8443", Some("eu.app.example.com")),
            app
        );
        for elsewhere in [
            None,
            Some("example.com"),
            Some("myapp.example.com"),
            Some("other.org"),
        ] {
            let alone = Some(("app.example.com".to_owned(), false));
            assert_eq!(
                party("https://app.example.com", elsewhere),
                alone,
                "{elsewhere:?}"
            );
        }
        assert_eq!(party("http://127.0.0.1:3000", None), None);
        assert_eq!(party("http://[::1]:3000", None), None);
    }
}
