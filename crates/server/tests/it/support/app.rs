//! A server of its own for one test.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kernel::MasterKey;
use reqwest::Method;
use serde_json::{Value, json};
use server::config::{Layers, Loaded};
use server::dev::Credentials;
use server::wiring::{self, Development, ServeOptions};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tempfile::TempDir;
use testkit::connect;
use tokio::sync::{OnceCell, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::installation::Installation;

/// A running server with a database, files and mails of its own.
pub(crate) struct App {
    /// Where it listens.
    pub(crate) url: String,
    /// The first admin and the demo tenant.
    pub(crate) credentials: Credentials,
    installation: Installation,
    stop: CancellationToken,
    serving: JoinHandle<anyhow::Result<()>>,
}

/// A tenant made over HTTP, with a key that may do everything in it.
#[derive(Debug, Clone)]
pub(crate) struct Tenant {
    /// Which one.
    pub(crate) id: String,
    /// A caller with the key.
    pub(crate) client: Client,
}

/// What a server is started with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Start {
    settings: Vec<(String, String)>,
    environment: Vec<(&'static str, String)>,
    open: bool,
}

/// A database with a demo tenant in it, to be cloned, and what belongs to it.
pub(super) struct Template {
    pub(super) database: String,
    pub(super) credentials: Credentials,
    pub(super) folder: Arc<TempDir>,
}

/// A rate that no test reaches.
pub(super) const FAST: &str = "1000000/s burst 1000000";

static TEMPLATE: OnceCell<Template> = OnceCell::const_new();

impl App {
    /// A server as `bin/dev` starts it.
    pub(crate) async fn start() -> Self {
        Self::with().start().await
    }

    /// To be started otherwise.
    pub(crate) fn with() -> Start {
        Start::default()
    }

    /// A caller without a credential.
    pub(crate) fn nobody(&self) -> Client {
        Client::new(&self.url)
    }

    /// An operator who may do everything.
    pub(crate) fn admin(&self) -> Client {
        self.nobody().with_key(&self.credentials.admin_api_key)
    }

    /// An operator with a key of these scopes.
    pub(crate) async fn limited_admin(&self, scopes: &[&str]) -> Client {
        let body = json!({"name": "limited", "scopes": scopes});
        let made = self.admin().post("/admin/api-keys", &body).await.expect(201);
        self.nobody().with_key(&made.text("/key"))
    }

    /// A fresh tenant on the enterprise plan, walled off so.
    pub(crate) async fn tenant(&self, slug: &str, strategy: &str) -> Tenant {
        let body = json!({
            "name": format!("Tenant {slug}"), "slug": slug, "plan": "enterprise", "isolationStrategy": strategy,
            "owner": {"email": format!("owner@{slug}.example.com"), "name": "Olga Owner"},
        });
        let made = self.admin().post("/admin/provision", &body).await.expect(201);
        assert_eq!(made.text("/status"), "completed", "{made:?}");
        let id = made.text("/tenantId");
        let key = self.tenant_key(&id, &["*"]).await;
        Tenant {
            client: self.nobody().with_key(&key),
            id,
        }
    }

    /// A key of these scopes for a tenant.
    pub(crate) async fn tenant_key(&self, tenant: &str, scopes: &[&str]) -> String {
        let path = format!("/admin/tenants/{tenant}/api-keys");
        let made = self
            .admin()
            .post(&path, &json!({"name": "test", "scopes": scopes}))
            .await;
        made.expect(201).text("/key")
    }

    /// The mails that left the server, oldest first.
    pub(crate) fn mails(&self) -> Vec<String> {
        self.installation.mails()
    }

    /// The folder that files are in.
    pub(crate) fn files(&self) -> PathBuf {
        self.installation.files()
    }

    /// The environment in which the command line works on the same installation.
    pub(crate) async fn environment(&self) -> [(&'static str, String); 3] {
        [
            ("DATABASE_URL", self.installation.database_url().await),
            ("TENANTRY_SECURITY_MASTER_KEY", master_key_text()),
            ("TENANTRY_SECURITY_ENVIRONMENT", "development".to_owned()),
        ]
    }

    /// A superuser's connection to its database.
    pub(crate) async fn superuser(&self) -> PgConnection {
        self.installation.superuser().await
    }

    /// Everything that still names the tenant where nothing should after its removal.
    pub(crate) async fn traces(&self, tenant: &str) -> Vec<String> {
        self.installation.traces(tenant).await
    }

    /// Waits until no job and no news is left, and asserts that everything that was to be done was done.
    pub(crate) async fn settle(&self) {
        self.installation.settle().await;
    }

    /// A second server on the same database and files, reached under the same name.
    pub(crate) async fn another_node(&self) -> Self {
        let start = Start::default().setting("server.public_url", &self.url);
        Self::launch(start, self.installation.clone()).await
    }

    /// Ends the server in order, after asserting that nothing is left to be done.
    pub(crate) async fn finish(self) {
        self.settle().await;
        self.stop().await;
    }

    /// Ends the server in order; what it served from stays.
    pub(crate) async fn stop(self) -> Installation {
        self.stop.cancel();
        self.serving
            .await
            .expect("the server does not panic")
            .expect("the server ends in order");
        self.installation
    }

    async fn launch(start: Start, installation: Installation) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a listener");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let layers = layers(&start, &installation, &url).await;
        let config = Loaded::of(&layers)
            .valid()
            .expect("the test's configuration is valid");
        let (ready, readied) = oneshot::channel();
        let stop = CancellationToken::new();
        let development = Some(Development {
            open: start.open,
            known: installation.credentials.clone(),
            ready,
        });
        let options = ServeOptions {
            listener,
            stop: stop.clone(),
            development,
        };
        let serving = tokio::spawn(wiring::serve(config, options));
        let Ok(credentials) = readied.await else {
            panic!("the server did not start: {:?}", serving.await);
        };
        Self {
            url,
            credentials,
            installation,
            stop,
            serving,
        }
    }
}

impl Start {
    /// With this option of the configuration.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "so that a number or a flag can be given as it is"
    )]
    pub(crate) fn setting(mut self, key: &str, value: impl ToString) -> Self {
        self.settings.push((key.to_owned(), value.to_string()));
        self
    }

    /// With this variable in its environment, which is where a secret belongs.
    #[must_use]
    pub(crate) fn variable(mut self, name: &'static str, value: String) -> Self {
        self.environment.push((name, value));
        self
    }

    /// As `bin/dev --open` starts it.
    #[must_use]
    pub(crate) fn open(mut self) -> Self {
        self.open = true;
        self
    }

    /// Starts it on a clone of the template.
    pub(crate) async fn start(self) -> App {
        self.start_on(Installation::new().await).await
    }

    /// Starts it where another one may have been before.
    pub(crate) async fn start_on(self, installation: Installation) -> App {
        App::launch(self, installation).await
    }
}

pub(super) async fn the_template() -> &'static Template {
    TEMPLATE.get_or_init(make_template).await
}

async fn make_template() -> Template {
    let app = App::launch(Start::default(), Installation::empty().await).await;
    app.settle().await;
    let credentials = app.credentials.clone();
    let (database, folder) = app.stop().await.into_parts();
    std::fs::remove_dir_all(folder.path().join("mail")).expect("the demo tenant's mail");
    Template {
        database,
        credentials,
        folder,
    }
}

async fn layers(start: &Start, installation: &Installation, url: &str) -> Layers {
    let path = |name: &str| installation.folder().join(name).display().to_string();
    let mut command_line = vec![
        ("server.public_url", url.to_owned()),
        ("server.base_domain", "tenantry.test".to_owned()),
        ("database.control_connections", "6".to_owned()),
        ("database.tenant_databases", "4".to_owned()),
        ("storage.folder", path("files")),
        ("mail.folder", path("mail")),
        ("security.environment", "development".to_owned()),
        ("security.trusted_header_networks", "127.0.0.0/8".to_owned()),
        ("limits.drain_time", "2s".to_owned()),
        ("outbound.allowed_networks", "127.0.0.0/8,::1/128".to_owned()),
        ("outbound.allow_http", "true".to_owned()),
        // Tests come as fast as they can.
        ("rate_limits.free", FAST.to_owned()),
        ("rate_limits.starter", FAST.to_owned()),
        ("rate_limits.pro", FAST.to_owned()),
        ("rate_limits.enterprise", FAST.to_owned()),
        ("rate_limits.api_key", FAST.to_owned()),
        ("rate_limits.address", FAST.to_owned()),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect::<Vec<_>>();
    for (key, value) in &start.settings {
        command_line.retain(|(given, _)| given != key);
        command_line.push((key.clone(), value.clone()));
    }
    let mut environment = vec![
        ("DATABASE_URL", installation.database_url().await),
        ("TENANTRY_SECURITY_MASTER_KEY", master_key_text()),
    ];
    environment.extend(start.environment.iter().cloned());
    Layers {
        presets: Vec::new(),
        file: None,
        environment: environment
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect(),
        command_line,
    }
}

/// The key that `testkit` uses too: role passwords of one server follow from it.
pub(super) fn master_key_text() -> String {
    let key: MasterKey = testkit::master_key();
    let text = "2a".repeat(32);
    assert_eq!(
        MasterKey::from_hex(&text).map(|same| same.derive("x")),
        Some(key.derive("x"))
    );
    text
}

pub(super) fn fresh_name() -> String {
    let mut bytes = [0_u8; 8];
    kernel::Seams::real().rng.fill(&mut bytes);
    format!("it_{:016x}", u64::from_be_bytes(bytes))
}

pub(super) fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir_all(&target).expect("a folder");
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a file");
        }
    }
}

pub(super) async fn administer(statement: &str) {
    let mut connection = connect(&testkit::server_url("postgres").await).await;
    let text = AssertSqlSafe(statement.to_owned());
    connection
        .execute(sqlx::raw_sql(text))
        .await
        .expect("the superuser may do this");
    let _ = connection.close().await;
}

/// The items of a list, over all its pages.
pub(crate) async fn all(client: &Client, path: &str) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = client
            .call(Method::GET, &format!("{path}{cursor}"))
            .await
            .expect(200)
            .json();
        items.extend(page["items"].as_array().expect("items").clone());
        let Some(next) = page["nextCursor"].as_str() else {
            return items;
        };
        let join = if path.contains('?') { '&' } else { '?' };
        cursor = format!("{join}cursor={next}");
    }
}
