//! Who collects money, made from the options.

use billing::dunning::Letters;
use billing::providers::Provider;
use billing::stripe::{Client, Patience, Secrets, Settings};
use billing::{Terms, TermsOf};
use kernel::Secret;
use url::{Host, Url};

use super::options::Config;
use super::parts::Inconsistent;

impl Config {
    /// Stripe where a key is set, else nobody.
    pub fn provider(&self) -> Result<Provider, Inconsistent> {
        let stripe = &self.stripe;
        let Some(key) = &stripe.secret_key else {
            return Ok(Provider::Ledger);
        };
        if !is_secret(key) {
            return Err(Inconsistent(
                "stripe.secret_key is no secret key: one begins with sk_ or rk_; pk_ is the publishable one"
                    .to_owned(),
            ));
        }
        if stripe.base_url.scheme() != "https" && !is_this_machine(&stripe.base_url) {
            return Err(Inconsistent(
                "stripe.base_url is not https, so the secret key would travel in the clear".to_owned(),
            ));
        }
        let settings = Settings {
            base: stripe.base_url.clone(),
            key: key.clone(),
            patience: Patience {
                connect: stripe.connect_time,
                exchange: stripe.exchange_time,
                ..Patience::default()
            },
        };
        Ok(Provider::Stripe(Client::new(settings, self.seams())))
    }

    /// What Stripe's webhooks are signed with.
    pub fn webhook_secrets(&self) -> Secrets {
        let text = self.stripe.webhook_secret.as_ref();
        text.map_or_else(Secrets::default, |secrets| Secrets::parse(secrets.expose()))
    }

    /// The terms on which is billed.
    pub fn terms(&self) -> Result<Terms, Inconsistent> {
        Ok(Terms::new(TermsOf {
            provider: self.provider()?,
            payment_days: self.billing.payment_days,
            letters: Letters {
                from: self.mail.from.clone(),
                payment_page: self.billing.payment_page.clone(),
            },
            ..TermsOf::default()
        }))
    }
}

/// What of Stripe's configuration somebody should know.
pub(super) fn warnings(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    let Some(key) = &config.stripe.secret_key else {
        return warnings;
    };
    if config.webhook_secrets().count() == 0 {
        warnings.push(
            "stripe.webhook_secret is not set: what happens at Stripe is heard by looking only, hours later"
                .to_owned(),
        );
    }
    let is_test = !key.expose().starts_with("sk_live_") && !key.expose().starts_with("rk_live_");
    if is_test && config.is_production() {
        warnings.push("stripe.secret_key is for tests: no real money moves".to_owned());
    }
    warnings
}

fn is_secret(key: &Secret<String>) -> bool {
    let key = key.expose();
    (key.starts_with("sk_") || key.starts_with("rk_")) && key.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
