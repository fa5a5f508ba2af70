//! Where links in mails lead: to the tenant's own verified domain, else to its subdomain, else to the platform. Which
//! host a request claimed to ask has no part in it, so nobody can have somebody else's secret sent to a host of his.

use isolation::ControlTx;
use kernel::TenantId;
use tenants::directory::BaseDomain;
use url::Url;
use white_label::custom_domains::{self, DomainStatus};

/// The addresses that links begin with. Scheme and port are those under which the platform is reached.
#[derive(Debug, Clone)]
pub struct LinkBase {
    public_url: Url,
    base_domain: Option<BaseDomain>,
}

impl LinkBase {
    /// Links below the platform's own address, and below the domain that tenants have their subdomains under.
    pub const fn new(public_url: Url, base_domain: Option<BaseDomain>) -> Self {
        Self {
            public_url,
            base_domain,
        }
    }

    /// The link to this page (`/…`), whose secret part stands behind the `#` and is not sent to servers.
    pub async fn link(
        &self,
        tx: &mut ControlTx,
        tenant: Option<TenantId>,
        page: &str,
        secret: &str,
    ) -> Result<String, sqlx::Error> {
        let host = match tenant {
            Some(tenant) => self.host_of(tx, tenant).await?,
            None => None,
        };
        Ok(self.at(host.as_deref(), page, secret))
    }

    /// The tenant's host; none without a base domain, and for a tenant that is gone.
    async fn host_of(&self, tx: &mut ControlTx, tenant: TenantId) -> Result<Option<String>, sqlx::Error> {
        let domains = custom_domains::list(tx, tenant).await?;
        let mut verified = domains
            .iter()
            .filter(|domain| domain.status == DomainStatus::Verified);
        if let Some(first) = verified.next() {
            return Ok(Some(first.domain.as_str().to_owned()));
        }
        let Some(base) = &self.base_domain else {
            return Ok(None);
        };
        let tenant = tenants::get(tx, tenant).await?;
        Ok(tenant.map(|tenant| format!("{}.{}", tenant.slug, base.as_str())))
    }

    fn at(&self, host: Option<&str>, page: &str, secret: &str) -> String {
        let mut url = self.public_url.clone();
        if host.is_some() && url.set_host(host).is_err() {
            // Stored names are host names; should one not be, the platform's own address serves as well.
            url = self.public_url.clone();
        }
        url.set_path(page);
        url.set_fragment(Some(secret));
        url.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_host_is_the_tenants() {
        let base = |url: &str| LinkBase::new(url.parse().expect("a URL"), None);
        for (url, host, link) in [
            (
                "https://app.example.com",
                None,
                "https://app.example.com/password-reset#T",
            ),
            (
                "https://app.example.com",
                Some("acme.example.org"),
                "https://acme.example.org/password-reset#T",
            ),
            (
                "http://127.0.0.1:3000",
                Some("demo.localhost"),
                "http://demo.localhost:3000/password-reset#T",
            ),
        ] {
            assert_eq!(base(url).at(host, "/password-reset", "T"), link);
        }
    }
}
