//! Every connection the product has: the control plane's pool, the bounded pools of tenant databases, and single
//! connections with the rights to create and drop databases.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use kernel::{Actor, AdminPermission, Faults, Grants, MasterKey, Permission, SealingKey, Seams, TenantId};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::active::ActiveStores;
use crate::admin::AdminConnections;
use crate::bootstrap::{self, APP_ROLE, BootstrapError};
use crate::changes::{self, Hub, Listener, Subscription};
use crate::context::{Caller, PlatformCtx, RequestInfo, TenantCtx};
use crate::pools::TenantPools;
use crate::store::Store;
use crate::walls;

/// How to reach PostgreSQL and how much of it to use.
#[derive(Clone)]
pub struct Settings {
    /// A direct connection with the right to create roles, databases and schemas; its database is the control plane.
    pub admin: PgConnectOptions,
    /// Where the application's transactions go instead: a transaction pooler in front of the same server.
    pub pooler: Option<PgConnectOptions>,
    /// Whether statements may be prepared by name; not behind PgBouncer before 1.21 in transaction mode.
    pub prepared_statements: bool,
    /// Whether a direct connection may LISTEN; otherwise caches are kept fresh by polling.
    pub listen: bool,
    /// Connections to the control plane.
    pub control_connections: u32,
    /// Tenant databases that may be connected to at one time, at two connections each.
    pub tenant_databases: usize,
    /// The key from which the database passwords follow.
    pub master: MasterKey,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("host", &self.admin.get_host())
            .finish_non_exhaustive()
    }
}

/// Every connection the product has. Cheap to clone.
#[derive(Clone)]
pub struct Databases(Arc<Inner>);

struct Inner {
    settings: Settings,
    seams: Seams,
    node: Uuid,
    control: PgPool,
    tenants: TenantPools,
    active: ActiveStores,
    admins: AdminConnections,
    news: Arc<Hub>,
    answer_key: Arc<SealingKey>,
    /// Told the store after each commit that left something in its outbox.
    outbox_hints: mpsc::UnboundedSender<Store>,
}

impl fmt::Debug for Databases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Databases")
            .field("node", &self.0.node)
            .finish_non_exhaustive()
    }
}

impl Databases {
    /// Creates what is missing on the server (roles, schemas, tables), asserts that the walls stand, and connects.
    /// The receiver hears of every store whose outbox was written to.
    pub async fn open(
        settings: Settings,
        seams: Seams,
    ) -> Result<(Self, mpsc::UnboundedReceiver<Store>), BootstrapError> {
        bootstrap::prepare(&settings, &seams).await?;
        let control = control_pool(&settings);
        walls::assert_standing(&control).await?;
        let (outbox_hints, hints) = mpsc::unbounded_channel();
        let node = Uuid::from_bytes(seams.random());
        let tenants = TenantPools::new(settings.tenant_databases);
        let active = ActiveStores::new(node);
        let answer_key = Arc::new(SealingKey::derive(&settings.master, "idempotency answers"));
        Ok((
            Self(Arc::new(Inner {
                settings,
                seams,
                node,
                control,
                tenants,
                active,
                admins: AdminConnections::default(),
                news: Hub::new(),
                answer_key,
                outbox_hints,
            })),
            hints,
        ))
    }

    /// Time, randomness and planted faults.
    pub fn seams(&self) -> &Seams {
        &self.0.seams
    }

    /// The faults planted in this process.
    pub fn faults(&self) -> &Faults {
        &self.0.seams.faults
    }

    /// The key from which the installation's other keys follow.
    pub fn master(&self) -> &MasterKey {
        &self.0.settings.master
    }

    /// This process among all that serve the installation; new at every start.
    pub fn node(&self) -> Uuid {
        self.0.node
    }

    /// A caller inside one tenant. Only authentication may call this; everything else receives the context.
    pub fn tenant(&self, store: Arc<Store>, caller: Caller<Permission>) -> TenantCtx {
        TenantCtx::new(self.clone(), store, caller)
    }

    /// A caller who acts for the platform. Only authentication may call this; everything else receives the context.
    pub fn platform(&self, caller: Caller<AdminPermission>) -> PlatformCtx {
        PlatformCtx::new(self.clone(), caller)
    }

    /// The product itself acting; `part` names which part of it.
    pub fn system(&self, part: &str) -> PlatformCtx {
        let actor = Actor::system(part);
        PlatformCtx::new(
            self.clone(),
            Caller {
                actor,
                grants: Grants::all(),
                request: RequestInfo::default(),
                limit: None,
            },
        )
    }

    /// The product itself acting inside one tenant.
    pub fn system_inside(&self, part: &str, store: Store) -> TenantCtx {
        let caller = Caller {
            actor: Actor::system(part),
            grants: Grants::all(),
            request: RequestInfo::default(),
            limit: None,
        };
        TenantCtx::new(self.clone(), Arc::new(store), caller)
    }

    /// Tells this cache what it must forget, as long as it is there: what changes on any node while
    /// [`Databases::spread_news`] runs, and what a transaction of this process announces before its commit is answered.
    pub fn tell(&self, listener: &Arc<impl Listener>) {
        self.0.news.tell(listener);
    }

    /// The news, for whoever waits for them; as long as [`Databases::spread_news`] runs.
    pub fn subscribe(&self) -> Subscription {
        self.0.news.subscribe()
    }

    /// Tells every [`Listener`] and [`Subscription`] of this process what changes on any node. A process runs it once, until `stop`.
    pub async fn spread_news(self, stop: CancellationToken) {
        changes::spread(&self, stop).await;
    }

    /// Answers when the control plane answers.
    pub async fn ping(&self) -> Result<(), sqlx::Error> {
        self.control().acquire().await?.ping().await
    }

    /// Closes every connection, waiting for those in use.
    pub async fn close(&self) {
        self.0.admins.close().await;
        self.0.tenants.close().await;
        self.0.control.close().await;
    }

    /// Waits until what was committed on the control plane without waiting for the disk is there: a commit does, and
    /// the log is written in order.
    pub async fn settle(&self) -> Result<(), sqlx::Error> {
        // A message to nobody: a transaction that wrote nothing would wait for nothing.
        sqlx::query("select pg_logical_emit_message(true, 'tenantry', '')")
            .execute(self.control())
            .await?;
        Ok(())
    }

    pub(crate) fn control(&self) -> &PgPool {
        &self.0.control
    }

    /// Writes down that this node will change the store, which its first change would wait for otherwise.
    pub async fn mark_active(&self, store: &Store) -> Result<(), sqlx::Error> {
        if store.has_own_outbox() {
            drop(self.0.active.enter(self, store.tenant).await?);
        }
        Ok(())
    }

    /// Removes this node's mark from a store whose outbox is empty; false while a change to it is under way.
    pub async fn mark_quiet(&self, tenant: TenantId) -> Result<bool, sqlx::Error> {
        self.0.active.leave(self, tenant).await
    }

    /// Says that this node lives, and answers the stores that dead nodes may have left news in.
    pub async fn abandoned_stores(&self) -> Result<Vec<Store>, sqlx::Error> {
        self.0.active.abandoned(self).await
    }

    /// Whether the tenant still has a store.
    pub async fn knows_store(&self, tenant: TenantId) -> Result<bool, sqlx::Error> {
        ActiveStores::knows_store(self, tenant).await
    }

    /// Drops the marks that dead nodes left on a store whose outbox is now empty.
    pub async fn clear_abandoned(&self, tenant: TenantId) -> Result<(), sqlx::Error> {
        self.0.active.clear_abandoned(self, tenant).await
    }

    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.0.news
    }

    pub(crate) fn tenants(&self) -> &TenantPools {
        &self.0.tenants
    }

    pub(crate) fn admins(&self) -> &AdminConnections {
        &self.0.admins
    }

    pub(crate) fn active(&self) -> &ActiveStores {
        &self.0.active
    }

    pub(crate) fn answer_key(&self) -> Arc<SealingKey> {
        Arc::clone(&self.0.answer_key)
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn hint_outbox(&self, store: &Store) {
        // Nobody listening means that nothing relays in this process; the next process finds the rows.
        let _ = self.0.outbox_hints.send(store.clone());
    }

    /// A direct connection with the right to create and drop, on the control plane's database.
    pub(crate) async fn admin_connection(&self) -> Result<PgConnection, sqlx::Error> {
        connect(&self.0.settings.admin).await
    }

    /// Options of a direct connection as the application, for LISTEN.
    pub(crate) fn direct_options(&self) -> PgConnectOptions {
        app_options(&self.0.settings, &self.0.settings.admin)
    }

    /// Options of the application's connections to a tenant's own database.
    pub(crate) fn tenant_options(&self, database: &str, store: &Store) -> PgConnectOptions {
        let settings = &self.0.settings;
        let base = settings.pooler.as_ref().unwrap_or(&settings.admin);
        let password = bootstrap::tenant_password(&settings.master, store.tenant);
        tuned(settings, base)
            .database(database)
            .username(database)
            .password(password.expose())
    }
}

pub(crate) fn app_options(settings: &Settings, base: &PgConnectOptions) -> PgConnectOptions {
    let password = bootstrap::app_password(&settings.master);
    tuned(settings, base)
        .username(APP_ROLE)
        .password(password.expose())
}

fn tuned(settings: &Settings, base: &PgConnectOptions) -> PgConnectOptions {
    let database = settings.admin.get_database().unwrap_or("postgres");
    let cached = if settings.prepared_statements { 256 } else { 0 };
    base.clone()
        .database(database)
        .application_name("tenantry")
        .extra_float_digits(None)
        .statement_cache_capacity(cached)
}

fn control_pool(settings: &Settings) -> PgPool {
    let base = settings.pooler.as_ref().unwrap_or(&settings.admin);
    pool_options(settings.control_connections).connect_lazy_with(app_options(settings, base))
}

/// A connection outside any pool, for DDL.
#[expect(clippy::disallowed_methods, reason = "the one place that connects")]
pub(crate) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    PgConnection::connect_with(options).await
}

/// How all pools behave: recycled (a backend that has touched thousands of tables grows to hundreds of
/// megabytes), and checked before use only when idle long enough for the server to have gone away.
#[expect(clippy::disallowed_methods, reason = "the one place that makes pools")]
pub(crate) fn pool_options(connections: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(5))
        .idle_timeout(Duration::from_mins(1))
        .max_lifetime(Duration::from_mins(30))
        .test_before_acquire(false)
        .before_acquire(|connection, metadata| {
            Box::pin(async move {
                if metadata.idle_for < Duration::from_millis(500) {
                    return Ok(true);
                }
                Ok(connection.ping().await.is_ok())
            })
        })
}
