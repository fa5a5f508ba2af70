//! A database for one test.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use audit::{AuditEvent, Filter, PageRequest, RelayedEvents};
use isolation::{BootstrapError, Databases, IsolationStrategy, PlatformCtx, Settings, Store, TenantCtx, Tx};
use jobs::queue::RelayedJobs;
use jobs::{Receiver, Relay};
use kernel::seams::SystemClock;
use kernel::{Faults, MasterKey, Seams, TenantId};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::sync::{Mutex, OnceCell};

use crate::cluster::server_url;

/// The key that every test installation of one server shares: role passwords follow from it.
pub fn master_key() -> MasterKey {
    MasterKey::new([42; 32])
}

/// Real randomness, and a clock that the test may move forward.
pub fn seams_with_clock() -> (Seams, Arc<SystemClock>) {
    let clock = Arc::new(SystemClock::default());
    (
        Seams {
            clock: Arc::clone(&clock) as _,
            ..Seams::real()
        },
        clock,
    )
}

/// A migrated database of its own, with everything the product has connected to it.
#[derive(Debug)]
pub struct TestDatabase {
    databases: Databases,
    clock: Arc<SystemClock>,
    relay: Mutex<Relay>,
    url: String,
}

static TEMPLATE: OnceCell<String> = OnceCell::const_new();
static NUMBER: AtomicU32 = AtomicU32::new(0);

impl TestDatabase {
    /// Clones the template and connects.
    pub async fn new() -> Self {
        let template = TEMPLATE.get_or_init(make_template).await;
        let name = fresh_name();
        administer(&format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        Self::open(&server_url(&name).await).await
    }

    async fn open(url: &str) -> Self {
        Self::try_open(url).await.expect("the product connects")
    }

    async fn try_open(url: &str) -> Result<Self, BootstrapError> {
        Self::try_open_with(url, Faults::none()).await
    }

    /// A node on an existing database in which these faults are planted.
    pub async fn attach(url: &str, faults: Faults) -> Self {
        Self::try_open_with(url, faults)
            .await
            .expect("the product connects")
    }

    async fn try_open_with(url: &str, faults: Faults) -> Result<Self, BootstrapError> {
        let (seams, clock) = seams_with_clock();
        let seams = Seams { faults, ..seams };
        let (databases, hints) = Databases::open(settings(url), seams).await?;
        let receivers: Vec<Box<dyn Receiver>> = vec![Box::new(RelayedJobs), Box::new(RelayedEvents)];
        let relay = Mutex::new(Relay::new(databases.clone(), hints, receivers));
        Ok(Self {
            databases,
            clock,
            relay,
            url: url.to_owned(),
        })
    }

    /// A second node on the same database, which may refuse to serve.
    pub async fn try_another_node(&self) -> Result<Self, BootstrapError> {
        Self::try_open(&self.url).await
    }

    /// A second node on the same database.
    pub async fn another_node(&self) -> Self {
        Self::open(&self.url).await
    }

    /// The administrative URL of this database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The product's connections.
    pub fn databases(&self) -> &Databases {
        &self.databases
    }

    /// The clock, to be moved forward.
    pub fn clock(&self) -> &SystemClock {
        &self.clock
    }

    /// The product acting by itself, with every permission.
    pub fn system(&self) -> PlatformCtx {
        self.databases.system("test")
    }

    /// A fresh active tenant with a store, and a caller in it with every permission.
    pub async fn tenant(&self, strategy: IsolationStrategy) -> TenantCtx {
        let store = Store::new(self.databases.seams().new_id(), strategy);
        self.register(&store).await.expect("a tenant can be registered");
        self.databases
            .create_store(&store)
            .await
            .expect("a store can be made");
        self.databases.system_inside("test", store)
    }

    async fn register(&self, store: &Store) -> Result<(), sqlx::Error> {
        let mut tx = self.system().control().await?;
        let (now, slug) = (tx.now(), format!("t{}", store.tenant.hex()));
        sqlx::query(
            "insert into control.tenants (id, name, slug, status, plan, billing_cycle, isolation_strategy, created_at, updated_at)
             values ($1, 'Test', $2, 'active', 'enterprise', 'monthly', $3, $4, $4)",
        )
        .bind(store.tenant)
        .bind(slug)
        .bind(store.strategy)
        .bind(now)
        .execute(tx.conn())
        .await?;
        sqlx::query(
            "insert into control.stores (tenant_id, strategy, placement, schema_version, created_at) values ($1, $2, $3, $4, $5)",
        )
        .bind(store.tenant)
        .bind(store.strategy)
        .bind(&store.placement)
        .bind(isolation::tenant_schema_version())
        .bind(now)
        .execute(tx.conn())
        .await?;
        tx.commit().await
    }

    /// Moves everything that tenants' stores have left to the control plane.
    pub async fn relay(&self) {
        self.relay.lock().await.settle().await;
    }

    /// A tenant's events that reached the trail, oldest first.
    pub async fn audit(&self, tenant: TenantId) -> Vec<AuditEvent> {
        let mut tx = self.system().control().await.expect("the control plane answers");
        let filter = Filter {
            tenant: Some(tenant),
            ..Filter::default()
        };
        let page = PageRequest {
            limit: 1000,
            after: None,
        };
        let mut events = audit::find(&mut tx, &filter, page)
            .await
            .expect("the trail can be read");
        events.reverse();
        events
    }

    /// A superuser's connection to this database, for looking at the catalogue.
    pub async fn superuser(&self) -> PgConnection {
        connect(&self.url).await
    }
}

fn settings(url: &str) -> Settings {
    Settings {
        admin: url.parse().expect("a PostgreSQL URL"),
        pooler: None,
        prepared_statements: true,
        listen: true,
        control_connections: 6,
        tenant_databases: 4,
        master: master_key(),
    }
}

async fn make_template() -> String {
    let name = fresh_name();
    administer(&format!("CREATE DATABASE {name}")).await;
    let (seams, _) = seams_with_clock();
    let (databases, _hints) = Databases::open(settings(&server_url(&name).await), seams)
        .await
        .expect("the template can be migrated");
    databases.close().await;
    name
}

fn fresh_name() -> String {
    format!(
        "test_{}_{}",
        std::process::id(),
        NUMBER.fetch_add(1, Ordering::Relaxed)
    )
}

async fn administer(statement: &str) {
    let mut connection = connect(&server_url("postgres").await).await;
    connection
        .execute(sqlx::raw_sql(AssertSqlSafe(statement.to_owned())))
        .await
        .expect("the superuser may do this");
    let _ = connection.close().await;
}

/// A connection outside the product, for looking at the database.
#[expect(
    clippy::disallowed_methods,
    reason = "a test looks at the database from outside"
)]
pub async fn connect(url: &str) -> PgConnection {
    let options: PgConnectOptions = url.parse().expect("a PostgreSQL URL");
    PgConnection::connect_with(&options)
        .await
        .expect("the server answers")
}
