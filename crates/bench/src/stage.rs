//! Where it is measured: a private PostgreSQL that waits for the disk as in production, and servers on it.
//!
//! Everything lies below `target/`, because a temporary folder may be in memory, where waiting for the disk costs
//! nothing.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use kernel::Seams;
use local_postgres::{Binaries, Cluster, Durability, Settings};
use serde_json::json;
use server::config::{Config, Layers, Loaded};
use server::wiring::{self, Development, ServeOptions};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::client::Client;

const FOLDER: &str = "target/bench";
/// A rate that no measurement reaches.
const FAST: &str = "1000000/s burst 1000000";

/// The private PostgreSQL.
pub(crate) struct Stage {
    cluster: Cluster,
    folder: PathBuf,
}

/// A running server with a database and files of its own.
pub(crate) struct Served {
    /// An operator who may do everything.
    pub(crate) admin: Client,
    address: SocketAddr,
    /// Its control plane, as the superuser.
    pub(crate) database_url: String,
    stop: CancellationToken,
    serving: JoinHandle<Result<()>>,
}

impl Stage {
    /// Starts PostgreSQL in a fresh folder.
    pub(crate) async fn start(postgres_bin: Option<&Path>) -> Result<Self> {
        let folder = std::path::absolute(FOLDER)?;
        Cluster::remove(&folder.join("postgres")).await?;
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        let settings = Settings {
            data_dir: folder.join("postgres"),
            binaries: Binaries::find(postgres_bin)?,
            durability: Durability::Durable,
            port: None,
            // Room enough that no checkpoint falls into one side's turn only.
            extra: [
                ("max_connections", "200"),
                ("shared_buffers", "256MB"),
                ("max_wal_size", "8GB"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        };
        Ok(Self {
            cluster: Cluster::start(settings).await?,
            folder,
        })
    }

    /// Starts a server, as it runs in production except that it has a first admin.
    pub(crate) async fn serve(&self, name: &str) -> Result<Served> {
        self.serve_with(name, &[]).await
    }

    /// The same, configured otherwise.
    pub(crate) async fn serve_with(&self, name: &str, settings: &[(&'static str, &str)]) -> Result<Served> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let url = format!("http://{address}");
        let database_url = self.cluster.url(name);
        let mut layers = self.layers(name, &database_url, &url);
        let settings = settings.iter().map(|(key, value)| (*key, (*value).to_owned()));
        // Not on the command line, which secrets may not be on.
        layers.presets.extend(settings);
        let config = Loaded::of(&layers).valid()?;
        let (ready, readied) = oneshot::channel();
        let stop = CancellationToken::new();
        let development = Some(Development {
            open: false,
            known: None,
            ready,
        });
        let options = ServeOptions {
            listener,
            stop: stop.clone(),
            development,
        };
        let serving = tokio::spawn(wiring::serve(config, options));
        let Ok(credentials) = readied.await else {
            serving.await??;
            bail!("the server ended before it was ready");
        };
        let admin = Client::new(&url, &credentials.admin_api_key)?;
        Ok(Served {
            admin,
            address,
            database_url,
            stop,
            serving,
        })
    }

    /// What such a server is configured with.
    pub(crate) fn config(&self, name: &str, url: &str) -> Result<Config> {
        Ok(Loaded::of(&self.layers(name, &self.cluster.url(name), url)).valid()?)
    }

    fn layers(&self, name: &str, database_url: &str, url: &str) -> Layers {
        let path = |kind: &str| self.folder.join(name).join(kind).display().to_string();
        let presets = [
            ("server.public_url", url.to_owned()),
            ("database.url", database_url.to_owned()),
            ("storage.folder", path("files")),
            ("mail.folder", path("mail")),
            ("security.environment", "development".to_owned()),
            ("security.master_key", "2b".repeat(32)),
            ("limits.drain_time", "2s".to_owned()),
            // The limits are asked, but all clients come from one address.
            ("rate_limits.enterprise", FAST.to_owned()),
            ("rate_limits.api_key", FAST.to_owned()),
            ("rate_limits.address", FAST.to_owned()),
        ];
        Layers {
            presets: presets.to_vec(),
            ..Layers::default()
        }
    }

    /// From here on log lines are written as in production, to a file.
    pub(crate) fn log_to_file(&self) -> Result<()> {
        let layers = Layers {
            command_line: vec![("logging.format".to_owned(), "json".to_owned())],
            ..self.layers("log", &self.cluster.url("log"), "http://127.0.0.1")
        };
        let file = std::fs::File::create(self.folder.join("log"))?;
        server::logging::start_to(&Loaded::of(&layers).valid()?, std::sync::Mutex::new(file), false);
        Ok(())
    }

    /// The machine, as far as the times depend on it.
    pub(crate) async fn describe(&self) -> Result<String> {
        let mut connection = connect(&self.cluster.url("postgres")).await?;
        let version: String = sqlx::query_scalar("show server_version")
            .fetch_one(&mut connection)
            .await?;
        connection.close().await?;
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let version = version.split(' ').next().unwrap_or_default().to_owned();
        let day = Seams::real().now().to_string();
        let day = day.split('T').next().unwrap_or_default();
        Ok(format!(
            "{day}, {processors} processors shared by clients, server and PostgreSQL {version}"
        ))
    }

    /// Stops PostgreSQL and removes everything.
    pub(crate) async fn end(self) -> Result<()> {
        self.cluster.stop().await?;
        Cluster::remove(&self.folder.join("postgres")).await?;
        Ok(std::fs::remove_dir_all(&self.folder)?)
    }
}

impl Served {
    /// A connection to its control plane without the product.
    pub(crate) async fn plain_connection(&self) -> Result<PgConnection> {
        connect(&self.database_url).await
    }

    /// Orders a tenant, whose owner is invited, and waits for it; answers its identifier and how long that took.
    pub(crate) async fn provision(&self, slug: &str, strategy: &str) -> Result<(String, Duration)> {
        let body = json!({
            "name": format!("Tenant {slug}"), "slug": slug, "plan": "enterprise", "isolationStrategy": strategy,
            "owner": {"email": format!("owner@{slug}.example.com"), "name": "Olga Owner"},
        });
        let made = self.admin.post("/admin/provision", &body).await?;
        if made.text("/status")? != "completed" {
            bail!("{slug} is not ready: {}", made.body);
        }
        Ok((made.text("/tenantId")?, made.took))
    }

    /// A caller inside the tenant who may do everything there.
    pub(crate) async fn tenant_client(&self, tenant: &str) -> Result<Client> {
        Ok(self.admin.with_key(&self.tenant_key(tenant).await?))
    }

    /// His key.
    pub(crate) async fn tenant_key(&self, tenant: &str) -> Result<String> {
        let body = json!({"name": "bench", "scopes": ["*"]});
        let made = self
            .admin
            .post(&format!("/admin/tenants/{tenant}/api-keys"), &body)
            .await?;
        made.text("/key")
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until nothing is left to be done in the background, so that one side's work does not burden the other's.
    pub(crate) async fn settle(&self) -> Result<()> {
        let mut connection = self.plain_connection().await?;
        let deadline = Instant::now() + Duration::from_mins(2);
        let left = "select (select count(*) from control.jobs where status in ('queued', 'running'))
                         + (select count(*) from tenant.outbox)";
        while sqlx::query_scalar::<_, i64>(left)
            .fetch_one(&mut connection)
            .await?
            > 0
        {
            if Instant::now() > deadline {
                bail!("the queue does not become empty");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(connection.close().await?)
    }

    /// Ends the server in order.
    pub(crate) async fn end(self) -> Result<()> {
        self.stop.cancel();
        self.serving.await?.context("the server")
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the bare side of a ratio is measured without the product"
)]
async fn connect(url: &str) -> Result<PgConnection> {
    Ok(PgConnection::connect(url).await?)
}

/// Runs statements that are made of our own names only.
pub(crate) async fn run(connection: &mut PgConnection, statements: String) -> Result<()> {
    connection
        .execute(sqlx::raw_sql(AssertSqlSafe(statements)))
        .await?;
    Ok(())
}
