//! Puts the rooms together: what there is, what runs beside the requests, and the loop that serves them.

mod background;
pub(crate) mod coming_in;
mod demo;
mod documentation_ids;
mod routes;

use std::net::TcpListener;
use std::sync::Arc;

use access::Authenticator;
use access::access_tokens::SigningKeys;
use access::invitations::Letters;
use access::links::LinkBase;
use access::security_policies::Policies;
use anyhow::Context;
use billing::payments::Payments;
use gate::{AppState, GateSettings, RecordedRefusals, Rooms};
use isolation::{Databases, MigrationError, Store};
use mail::Transport;
use metering::Metering;
use mfa::SecondFactors;
use mfa::passkeys::RelyingParty;
use provisioning::Provisioner;
use storage::Storage;
use tenants::directory::{BaseDomain, Directory};
use tenants::records::Records;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use webhooks::Webhooks;
use white_label::custom_domains::Domains;

use crate::config::{Config, ForwardingHeader};
use crate::dev::Credentials;
use background::Background;

/// Tenants held in memory: under a kilobyte each.
const DIRECTORY_CAPACITY: u64 = 100_000;

/// What serving needs beside the configuration.
#[derive(Debug)]
pub struct ServeOptions {
    /// Where to serve; bound already and not blocking, so that a busy port is known before anything starts.
    pub listener: TcpListener,
    /// Ends serving in order.
    pub stop: CancellationToken,
    /// Present only under `tenantry dev`.
    pub development: Option<Development>,
}

/// What a developer's server does beyond serving.
#[derive(Debug)]
pub struct Development {
    /// Callers on loopback without a credential are the development admin. The listener is then on loopback.
    pub open: bool,
    /// What an earlier start on the same data folder announced; kept as far as it is still valid.
    pub known: Option<Credentials>,
    /// Told once, when the server listens and these credentials are valid.
    pub ready: oneshot::Sender<Credentials>,
}

/// Prepares the database and serves until asked to stop.
pub async fn serve(config: Config, options: ServeOptions) -> anyhow::Result<()> {
    let (mut state, transport, hints) = assemble(&config).await?;
    appear(&state).await?;
    let background = Background::start(&state, config.usage_retention(), transport, hints);
    let mut announce = None;
    if let Some(development) = options.development {
        let credentials = demo::prepare(&state, development.known)
            .await
            .context("preparing the demo tenant")?;
        let settings = demo::settings(&state.settings, &credentials, development.open)?;
        state = state.with_settings(settings);
        announce = Some((development.ready, credentials));
    }
    let limits = config.edge_limits();
    let router = routes::router(&state, &limits);
    let listener = tokio::net::TcpListener::from_std(options.listener)?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    if let Some((ready, credentials)) = announce {
        let _ = ready.send(credentials);
    }
    let drained = edge::serve(listener, router, &limits, options.stop.cancelled_owned()).await;
    tracing::info!(cut_off = drained.cut_off, "no more requests");
    background.stop().await;
    state.databases.close().await;
    Ok(())
}

/// Before the first request: learns of other nodes, and has them learn of this one. Redis may come later.
async fn appear(state: &AppState) -> anyhow::Result<()> {
    state.metering.appear().await.context("looking for other nodes")?;
    if let Some(redis) = state.metering.redis() {
        redis.try_connect().await;
    }
    Ok(())
}

/// Brings older stores to the newest version. A machine that starts many servers at once may not have a connection for
/// each within the pool's patience; that is no reason not to start.
async fn migrate_stores(databases: &Databases) -> Result<usize, MigrationError> {
    const ATTEMPTS: usize = 5;
    for _ in 1..ATTEMPTS {
        match databases.migrate_stores().await {
            Err(MigrationError::Database(sqlx::Error::PoolTimedOut)) => {}
            outcome => return outcome,
        }
    }
    databases.migrate_stores().await
}

/// Every room, opened and handed what it needs.
async fn assemble(config: &Config) -> anyhow::Result<(AppState, Arc<Transport>, UnboundedReceiver<Store>)> {
    let storage = Storage::open(&config.storage()?, config.seams()).context("opening the object store")?;
    let transport = Transport::open(config.mail_transport()?).context("opening the way out for mail")?;
    let (databases, hints) = Databases::open(config.databases()?, config.seams()).await?;
    let migrated = migrate_stores(&databases)
        .await
        .context("migrating tenants' own stores")?;
    tracing::debug!(migrated, "every store is of the newest version");
    let hasher = coming_in::hasher(config);
    let letters = letters(config)?;
    let provisioner = Provisioner::new(
        databases.clone(),
        storage.clone(),
        hasher.clone(),
        provisioning::Settings {
            letters: letters.clone(),
            cdn_url: None,
            base_domain: base_domain(config)?,
            terms: config.terms()?,
        },
    );
    let signing_keys = SigningKeys::new(databases.clone(), config.public_url().as_str());
    signing_keys
        .prepare()
        .await
        .context("preparing the signing keys")?;
    let policies = Policies::new(databases.clone(), DIRECTORY_CAPACITY);
    let directory = Directory::new(databases.clone(), DIRECTORY_CAPACITY);
    let rooms = Rooms {
        login: coming_in::login(config, &databases, &hasher, &policies, &signing_keys),
        webhooks: webhooks(config, &databases)?,
        password_resets: coming_in::password_resets(&databases, &hasher, &letters),
        authenticator: Authenticator::new(databases.clone(), signing_keys.clone()),
        signing_keys,
        metering: Metering::new(databases.clone(), directory.clone(), config.metering()?),
        directory,
        records: Records::new(databases.clone(), DIRECTORY_CAPACITY),
        domains: Domains::new(databases.clone(), DIRECTORY_CAPACITY),
        policies,
        recorded_refusals: RecordedRefusals::default(),
        payments: Payments::new(databases.clone(), config.terms()?, config.webhook_secrets()),
        storage,
        provisioner,
        letters,
        hasher,
        second_factors: Arc::new(second_factors(config, &databases)),
        settings: gate_settings(config)?,
        databases,
    };
    Ok((AppState::new(rooms), Arc::new(transport), hints))
}

/// The domain that tenants have their subdomains under; without one, a name that nobody can own.
fn base_domain(config: &Config) -> anyhow::Result<BaseDomain> {
    let configured = config
        .server
        .base_domain
        .as_ref()
        .map_or("localhost", |domain| domain.as_str());
    configured.parse().context("server.base_domain")
}

/// The way out for webhooks.
fn webhooks(config: &Config, databases: &Databases) -> anyhow::Result<Webhooks> {
    let (policy, limits) = config.outbound()?;
    Ok(Webhooks::new(databases.master(), policy, limits))
}

/// Where links in letters lead, and whom letters are from.
fn letters(config: &Config) -> anyhow::Result<Letters> {
    let own_subdomains = config.server.base_domain.as_ref();
    let base_domain = own_subdomains.map(|_| base_domain(config)).transpose()?;
    Ok(Letters {
        from: config.mail.from.clone(),
        links: LinkBase::new(config.public_url(), base_domain),
    })
}

/// Passkeys are for the host of the public address, and for tenants' subdomains where these lie below it.
fn second_factors(config: &Config, databases: &Databases) -> SecondFactors {
    let base_domain = config
        .server
        .base_domain
        .as_ref()
        .map(crate::config::Domain::as_str);
    let relying_party = RelyingParty::new(&config.public_url(), base_domain);
    if relying_party.is_none() {
        tracing::info!("server.public_url has no host name: passkeys cannot be used");
    }
    SecondFactors::new(databases.master(), relying_party)
}

fn gate_settings(config: &Config) -> anyhow::Result<GateSettings> {
    Ok(GateSettings {
        trusted_header_networks: config.security.trusted_header_networks.clone(),
        trusted_proxies: config.server.trusted_proxies.clone(),
        forwarding: match config.server.forwarding_header {
            ForwardingHeader::XForwardedFor => gate::ForwardingHeader::XForwardedFor,
            ForwardingHeader::Forwarded => gate::ForwardingHeader::Forwarded,
        },
        admin_networks: config.security.admin_networks.clone(),
        base_domain: config
            .server
            .base_domain
            .as_ref()
            .map(|_| base_domain(config))
            .transpose()?,
        upload_max_bytes: config.tenants.upload_max_bytes,
        deletion_grace: config.deletion_grace()?,
        time_can_be_moved: !config.is_production(),
        development: None,
    })
}

/// The OpenAPI document, as it is committed.
pub fn openapi() -> String {
    edge::openapi::to_json(&routes::document())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Layers, Loaded};

    /// 32 bytes that nobody made up.
    const KEY: &str = "8f3a1c5be2d94706aa17f0c35d6e9b8421c7d05f3be86a9470f2d1186c5eb39d";

    #[test]
    fn billings_time_is_moved_everywhere_but_in_production() {
        for (environment, moved) in [("production", false), ("development", true)] {
            let variables = [
                ("DATABASE_URL", "postgres://app:hunter2@db.example.com/app"),
                ("TENANTRY_SECURITY_MASTER_KEY", KEY),
                ("TENANTRY_SERVER_PUBLIC_URL", "https://app.example.com"),
                ("TENANTRY_SECURITY_ENVIRONMENT", environment),
            ];
            let layers = Layers {
                environment: variables.map(|(name, value)| (name.into(), value.into())).into(),
                ..Layers::default()
            };
            let config = Loaded::of(&layers).valid().expect("it is valid");
            let settings = gate_settings(&config).expect("they are made");
            assert_eq!(settings.time_can_be_moved, moved, "{environment}");
        }
        assert!(!GateSettings::default().time_can_be_moved);
    }
}
