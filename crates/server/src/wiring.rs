//! Puts the rooms together: what there is, what runs beside the requests, and the loop that serves them.

mod background;
mod demo;
mod documentation_ids;
mod routes;

use std::net::TcpListener;
use std::sync::Arc;

use anyhow::Context;
use gate::{AppState, GateSettings};
use access::Authenticator;
use identity::Hasher;
use isolation::{Databases, MigrationError, Store};
use mail::Transport;
use provisioning::Provisioner;
use storage::Storage;
use tenants::GraceDays;
use tenants::directory::{BaseDomain, Directory};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use white_label::custom_domains::Domains;

use crate::config::Config;
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
    let background = Background::start(&state, transport, hints);
    let mut announce = None;
    if let Some(development) = options.development {
        let credentials = demo::prepare(&state, development.known)
            .await
            .context("preparing the demo tenant")?;
        let settings = demo::settings(&state.settings, &credentials, development.open)?;
        state.settings = Arc::new(settings);
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
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let hasher = Hasher::new(config.seams(), processors.div_ceil(2));
    let public_url = config.public_url();
    let provisioner = Provisioner::new(
        databases.clone(),
        storage.clone(),
        hasher.clone(),
        provisioning::Settings {
            mail_from: config.mail.from.clone(),
            public_url: public_url.as_str().trim_end_matches('/').to_owned(),
            cdn_url: None,
            base_domain: base_domain(config)?,
        },
    );
    let state = AppState {
        authenticator: Authenticator::new(databases.clone()),
        directory: Directory::new(databases.clone(), DIRECTORY_CAPACITY),
        domains: Domains::new(databases.clone(), DIRECTORY_CAPACITY),
        storage,
        provisioner,
        hasher,
        settings: Arc::new(gate_settings(config)?),
        databases,
    };
    Ok((state, Arc::new(transport), hints))
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

fn gate_settings(config: &Config) -> anyhow::Result<GateSettings> {
    let days = u16::try_from(config.tenants.deletion_grace_days).unwrap_or(u16::MAX);
    Ok(GateSettings {
        trusted_header_networks: config.security.trusted_header_networks.clone(),
        trusted_proxies: config.server.trusted_proxies.clone(),
        base_domain: config
            .server
            .base_domain
            .as_ref()
            .map(|_| base_domain(config))
            .transpose()?,
        upload_max_bytes: config.tenants.upload_max_bytes,
        deletion_grace: GraceDays::new(days).context("tenants.deletion_grace_days")?,
        development: None,
    })
}

/// The OpenAPI document, as it is committed.
pub fn openapi() -> String {
    edge::openapi::to_json(&routes::document())
}
