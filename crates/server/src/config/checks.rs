//! What is wrong with a configuration as a whole: options that contradict each other, and what a production server
//! must not have.

use ipnet::IpNet;
use url::Url;

use super::options::Config;

/// What keeps the product from running, and what somebody should know.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    pub(super) errors: Vec<String>,
    pub(super) warnings: Vec<String>,
}

/// Checks everything, so that every error is found at once.
pub(super) fn check(config: &Config) -> Findings {
    let mut findings = Findings::default();
    let parts = [
        config.storage().err(),
        config.mail_transport().err(),
        config.deletion_grace().err(),
        config.provider().err(),
        config.metering().err(),
        config.outbound().err(),
    ];
    for error in parts.into_iter().flatten() {
        findings.errors.push(error.0);
    }
    findings
        .errors
        .extend(config.server.public_url.as_ref().and_then(wrong_with_public_url));
    for (option, time) in times(config) {
        if time.is_zero() {
            findings
                .errors
                .push(format!("{option} must be more than nothing"));
        }
    }
    findings.warnings.extend(super::collecting::warnings(config));
    if config.is_production() {
        refuse_in_production(config, &mut findings.errors);
        warn_in_production(config, &mut findings.warnings);
    }
    findings
}

fn wrong_with_public_url(url: &Url) -> Option<String> {
    let is_origin = matches!(url.scheme(), "http" | "https")
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    (!is_origin)
        .then(|| "server.public_url must be https://host or https://host:port, and nothing more".to_owned())
}

fn times(config: &Config) -> [(&'static str, std::time::Duration); 8] {
    let limits = &config.limits;
    [
        ("limits.body_time", limits.body_time),
        ("limits.request_time", limits.request_time),
        ("limits.head_time", limits.head_time),
        ("mail.smtp_timeout", config.mail.smtp_timeout),
        ("stripe.connect_time", config.stripe.connect_time),
        ("stripe.exchange_time", config.stripe.exchange_time),
        ("outbound.connect_time", config.outbound.connect_time),
        ("outbound.total_time", config.outbound.total_time),
    ]
}

fn refuse_in_production(config: &Config, errors: &mut Vec<String>) {
    if config.database.url.is_none() {
        errors.extend(config.databases().err().map(|error| error.0));
    }
    match config.hex_key() {
        Err(error) => errors.push(error.0),
        Ok(key) if key.is_made_up() => errors.push(
            "the master key was made up, so others can guess it: make one with `openssl rand -hex 32`".into(),
        ),
        Ok(_) => {}
    }
    for network in config
        .security
        .trusted_header_networks
        .iter()
        .filter(|network| is_anywhere(network))
    {
        errors.push(format!(
            "security.trusted_header_networks: {network} is more or less everybody, who could then be any user of any \
             tenant: name the gateway's network"
        ));
    }
    if config.development.faults.is_some() {
        errors.push(
            "development.faults (TENANTRY_FAULTS) is for tests: a production server does not fail on purpose"
                .into(),
        );
    }
}

fn warn_in_production(config: &Config, warnings: &mut Vec<String>) {
    match &config.server.public_url {
        None => warnings.push(format!(
            "server.public_url is not set: links in mails lead to {}",
            config.public_url()
        )),
        Some(url) if url.scheme() == "http" => warnings.push(
            "server.public_url is http: credentials travel in the clear unless something in front adds TLS"
                .into(),
        ),
        Some(_) => {}
    }
    for network in config
        .server
        .trusted_proxies
        .iter()
        .filter(|network| is_anywhere(network))
    {
        warnings.push(format!(
            "server.trusted_proxies: {network} lets everybody say what address he comes from"
        ));
    }
    if config.mail.smtp_host.is_some() && config.mail.from.address().ends_with("@localhost") {
        warnings.push("mail.from is not set: servers refuse mail from a sender at localhost".into());
    }
}

/// A network that no single owner has: the largest private ones are 10.0.0.0/8 and fc00::/7 (RFC 1918, RFC 4193).
fn is_anywhere(network: &IpNet) -> bool {
    match network {
        IpNet::V4(network) => network.prefix_len() < 8,
        IpNet::V6(network) => network.prefix_len() < 7,
    }
}
