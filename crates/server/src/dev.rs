//! The product on a developer's machine: everything in one folder, on a private PostgreSQL unless `DATABASE_URL`
//! names a server, with a first admin and a demo tenant.
//!
//! Order matters: what can be refused (the configuration, the folder, the port) comes before anything starts; the
//! credentials are announced last, when all of it works; PostgreSQL stops after the server.
//!
//! What may not enter: anything that a production server does too.

mod credentials;
mod data_folder;

use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitStatus;

use anyhow::{Context, Error, Result, bail};
use isolation::{BootstrapError, MigrationError};
use local_postgres::{Binaries, Cluster, Durability, Settings};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use url::Url;

pub use credentials::Credentials;

use crate::config::{Config, DatabaseUrl, Layers, Loaded, Setting};
use crate::wiring::{self, Development, ServeOptions};
use crate::{listener, logging, signals};
use credentials::CredentialsFile;
use data_folder::DataFolder;

/// The control plane's database on the private PostgreSQL.
const DATABASE: &str = "tenantry";

/// What `tenantry dev` can be asked for.
#[derive(Debug, clap::Args)]
pub struct DevArguments {
    /// The port to listen on; 0 takes a free one [default: that of server.listen, 3000].
    #[arg(long)]
    port: Option<u16>,
    /// The folder that everything is kept in; made when missing.
    #[arg(long, value_name = "DIR", default_value = ".data")]
    data: PathBuf,
    /// Removes what an earlier start left in the folder and begins anew.
    #[arg(long)]
    reset: bool,
    /// Callers on this machine without a credential may do everything.
    #[arg(long)]
    open: bool,
    /// The folder of PostgreSQL's programs [default: those on the PATH, or the newest installed].
    #[arg(long, value_name = "DIR", env = "TENANTRY_POSTGRES_BIN")]
    postgres_bin: Option<PathBuf>,
}

/// Runs the server until a signal ends it.
pub async fn run(arguments: DevArguments, layers: Layers) -> Result<()> {
    let path = std::path::absolute(&arguments.data)?;
    let mut config = configure(layers, &path)?;
    logging::start(&config);
    let stop = signals::stop_on_signal()?;
    let folder = DataFolder::claim(&path)?;
    let listener = bind(&mut config, arguments.port, arguments.open)?;
    if arguments.reset {
        folder.reset().await?;
        if config.database.url.is_some() {
            tracing::warn!("--reset leaves the database that database.url names as it is");
        }
    }
    if config.security.master_key.is_none() && config.security.master_key_file.is_none() {
        config.security.master_key_file = Some(folder.master_key_file(&config.seams())?);
    }
    let mut cluster = match &config.database.url {
        Some(_) => None,
        None => Some(start_postgres(&folder, arguments.postgres_bin.as_deref()).await?),
    };
    if let Some(cluster) = &cluster {
        config.database.url = DatabaseUrl::from_text(&cluster.url(DATABASE));
    }
    // A signal may have come while PostgreSQL started.
    let served = if stop.is_cancelled() {
        Ok(())
    } else {
        let serving = serve(config, &folder, listener, stop, arguments.open, cluster.as_mut());
        let served = Box::pin(serving).await;
        let is_ours = cluster.is_some();
        served.map_err(|error| if is_ours { with_advice(error, &path) } else { error })
    };
    if let Some(cluster) = cluster {
        cluster.stop().await?;
    }
    served
}

/// The configuration with a developer's defaults.
fn configure(mut layers: Layers, folder: &Path) -> Result<Config> {
    let text = |path: PathBuf| path.display().to_string();
    layers.presets = vec![
        ("server.base_domain", "localhost".to_owned()),
        ("limits.drain_time", "3s".to_owned()),
        ("storage.folder", text(data_folder::files(folder))),
        ("mail.folder", text(data_folder::mail(folder))),
        ("security.environment", "development".to_owned()),
        // What a developer tries webhooks out with runs on his machine.
        ("outbound.allowed_networks", "127.0.0.0/8,::1/128".to_owned()),
        ("outbound.allow_http", "true".to_owned()),
        (
            "security.trusted_header_networks",
            "127.0.0.0/8, ::1/128".to_owned(),
        ),
    ];
    let config = Loaded::of(&layers).valid()?;
    if config.is_production() {
        bail!(
            "security.environment is set to production: `tenantry dev` would put a demo tenant and an admin with a \
             known password into it; use `tenantry serve`"
        );
    }
    Ok(config)
}

/// Takes the port, before anything else starts.
fn bind(config: &mut Config, port: Option<u16>, open: bool) -> Result<TcpListener> {
    let listen = &mut config.server.listen;
    if let Some(port) = port {
        listen.set_port(port);
    }
    if open && !listen.ip().is_loopback() {
        bail!(
            "--open makes every caller an admin, so server.listen must be on this machine alone, not {listen}"
        );
    }
    let listener = listener::bind(*listen)?;
    *listen = listener.local_addr()?;
    Ok(listener)
}

async fn start_postgres(folder: &DataFolder, binaries: Option<&Path>) -> Result<Cluster> {
    let data_dir = folder.postgres();
    tracing::info!(folder = %data_dir.display(), "starting PostgreSQL");
    let settings = Settings {
        data_dir,
        binaries: Binaries::find(binaries)?,
        durability: Durability::Durable,
        port: None,
        extra: vec![],
    };
    Ok(Cluster::start(settings).await?)
}

/// Serves until stopped; an error when PostgreSQL ends first.
async fn serve(
    config: Config,
    folder: &DataFolder,
    listener: TcpListener,
    stop: CancellationToken,
    open: bool,
    mut cluster: Option<&mut Cluster>,
) -> Result<()> {
    let (ready, readied) = oneshot::channel();
    let file = folder.credentials();
    let known = file.put_aside()?;
    let mut announcement = pin!(announce(readied, file, config.public_url()));
    let development = Some(Development { open, known, ready });
    let options = ServeOptions {
        listener,
        stop,
        development,
    };
    let mut serving = pin!(wiring::serve(config, options));
    let mut announced = false;
    loop {
        tokio::select! {
            biased;
            outcome = serving.as_mut() => return outcome,
            outcome = announcement.as_mut(), if !announced => {
                outcome?;
                announced = true;
            }
            status = unexpected_end(cluster.as_deref_mut()) => {
                bail!("PostgreSQL ended unexpectedly ({}); postgres/postgres.log in the data folder says why", status?);
            }
        }
    }
}

/// While the product is developed its migrations are edited in place, and what an earlier one made cannot become what
/// the present one makes.
fn with_advice(error: Error, folder: &Path) -> Error {
    let at_start = error.downcast_ref().map(|error| match error {
        BootstrapError::Migration(inner) => Some(inner),
        _ => None,
    });
    let of_a_store = || error.downcast_ref::<MigrationError>();
    match at_start.flatten().or_else(of_a_store) {
        Some(MigrationError::Changed { .. }) => error.context(format!(
            "{} was made by another version of Tenantry; --reset removes all that is in it and begins anew",
            folder.display()
        )),
        _ => error,
    }
}

async fn unexpected_end(cluster: Option<&mut Cluster>) -> Result<ExitStatus, local_postgres::Error> {
    match cluster {
        Some(cluster) => cluster.exited().await,
        None => std::future::pending().await,
    }
}

/// Waits until the server is ready, then says so: the file first, then the one line on standard output.
async fn announce(ready: oneshot::Receiver<Credentials>, file: CredentialsFile, url: Url) -> Result<()> {
    let Ok(credentials) = ready.await else {
        return Ok(()); // serving ended before it was ready and says why
    };
    let url = url.as_str().trim_end_matches('/');
    file.announce(url, &credentials)
        .with_context(|| format!("writing {}", file.path().display()))?;
    // Not a log line: the developer's own secrets go to nothing but his terminal.
    eprintln!(
        "\n  admin          {} / {}\n  admin key      {}\n  demo tenant    {} ({})\n  demo owner     {} / {}\n  tenant key     {}\n  all of it      {}\n",
        credentials.admin_email,
        credentials.admin_password,
        credentials.admin_api_key,
        credentials.demo_tenant_slug,
        credentials.demo_tenant_id,
        credentials.demo_owner_email,
        credentials.demo_owner_password,
        credentials.demo_tenant_api_key,
        file.path().display()
    );
    // Whoever started us may not care to read it.
    let _ = writeln!(std::io::stdout(), "ready {url}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed() -> MigrationError {
        MigrationError::Changed {
            schema: "control".to_owned(),
            version: 7,
        }
    }

    #[test]
    fn a_folder_of_another_version_is_told_from_other_trouble() {
        for (error, outdated) in [
            (Error::new(BootstrapError::Migration(changed())), true),
            (
                Error::new(changed()).context("migrating tenants' own stores"),
                true,
            ),
            (Error::new(BootstrapError::Version(14)), false),
            (Error::msg("the port is taken"), false),
        ] {
            let said = format!("{:#}", with_advice(error, Path::new("/srv/data")));
            assert_eq!(
                said.contains("/srv/data") && said.contains("--reset"),
                outdated,
                "{said}"
            );
        }
    }
}
