//! Transactions: the only doors to the two planes.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use kernel::permission::Registry;
use kernel::{Actor, Entity, Id, SealingKey, Seams, TenantId, Timestamp};
use sqlx::postgres::{PgArguments, PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{
    AssertSqlSafe, Either, Execute, Executor, PgConnection, PgPool, Postgres, SqlSafeStr, SqlStr, Transaction,
};
use uuid::Uuid;

use crate::active::ActiveGuard;
use crate::context::{Caller, PlatformCtx, RequestInfo, TenantCtx};
use crate::databases::Databases;
use crate::limit::Limit;
use crate::pools::Lease;
use crate::store::Store;

/// What every transaction offers an operation.
pub trait Tx: Send {
    /// The present instant.
    fn now(&self) -> Timestamp;
    /// Who acts.
    fn actor(&self) -> &Actor;
    /// The request the change came with.
    fn request(&self) -> &RequestInfo;
    /// The tenant it is confined to, if any.
    fn tenant(&self) -> Option<TenantId>;
    /// Time, randomness and planted faults.
    fn seams(&self) -> &Seams;
    /// Where statements go.
    fn conn(&mut self) -> Conn<'_>;

    /// A fresh identifier.
    fn new_id<T: Entity>(&self) -> Id<T>
    where
        Self: Sized,
    {
        self.seams().new_id()
    }
}

/// A transaction on one tenant's data.
pub struct TenantTx {
    tx: Transaction<'static, Postgres>,
    ctx: TenantCtx,
    databases: Databases,
    left_news: bool,
    // Dropped after `tx`, in this order: first the connection goes home, then its pool may close.
    _lease: Option<Lease>,
    _active: Option<ActiveGuard>,
}

impl TenantTx {
    pub(crate) async fn begin(
        databases: &Databases,
        ctx: &TenantCtx,
        write: bool,
    ) -> Result<Self, sqlx::Error> {
        let store = ctx.store();
        let marks_activity = write && store.has_own_outbox();
        let active = if marks_activity {
            Some(databases.active().enter(databases, store.tenant).await?)
        } else {
            None
        };
        Self::open(databases, ctx, write, active).await
    }

    async fn open(
        databases: &Databases,
        ctx: &TenantCtx,
        write: bool,
        active: Option<ActiveGuard>,
    ) -> Result<Self, sqlx::Error> {
        let store = ctx.store();
        let lease = match store.own_database() {
            Some(name) => {
                let options = || databases.tenant_options(&name, store);
                Some(databases.tenants().lease(&name, options).await?)
            }
            None => None,
        };
        let pool = lease.as_ref().map_or(databases.control(), Lease::pool).clone();
        let (tx, (lease, active)) = begin(&pool, opening(ctx, write), (lease, active)).await?;
        Ok(Self {
            tx,
            ctx: ctx.clone(),
            databases: databases.clone(),
            left_news: false,
            _lease: lease,
            _active: active,
        })
    }

    /// The tenant.
    pub fn tenant_id(&self) -> TenantId {
        self.ctx.tenant_id()
    }

    /// The context it was opened from.
    pub fn ctx(&self) -> &TenantCtx {
        &self.ctx
    }

    /// Says that the outbox was written to, so that the relay is woken after the commit.
    pub fn leave_news(&mut self) {
        self.left_news = true;
    }

    /// Makes everything durable. A transaction that is dropped instead leaves nothing behind.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        self.tx.commit().await?;
        if self.left_news {
            self.databases.hint_outbox(self.ctx.store());
        }
        Ok(())
    }

    /// Commits without waiting for the disk where the control plane's next commit will: for a step whose completion
    /// is recorded there, and not told to anybody before that.
    pub async fn commit_before_control(mut self) -> Result<(), sqlx::Error> {
        if self.ctx.store().shares_log() {
            self.tx.execute(ASYNCHRONOUS_COMMIT).await?;
        }
        self.commit().await
    }
}

/// <https://www.postgresql.org/docs/current/wal-async-commit.html>: what is lost is only ever the end of the log, and
/// only when PostgreSQL itself or the machine crashes.
pub(crate) const ASYNCHRONOUS_COMMIT: &str = "SET LOCAL synchronous_commit = off";

/// Begins with these statements; what is `kept` outlives the transaction.
///
/// sqlx knows of a transaction only when its beginning has been answered. Were it dropped before, by a caller who
/// leaves, the connection would go home with the transaction open, and whoever used it next would go on in it, in
/// its role. So a beginning runs to its end whether or not somebody still waits, and is then rolled back.
async fn begin<K: Send + 'static>(
    pool: &PgPool,
    opening: String,
    kept: K,
) -> Result<(Transaction<'static, Postgres>, K), sqlx::Error> {
    let connection = pool.acquire().await?;
    let begun = tokio::spawn(async move {
        let tx = Transaction::begin(connection, Some(AssertSqlSafe(opening).into_sql_str())).await;
        tx.map(|tx| (tx, kept))
    });
    begun
        .await
        .unwrap_or_else(|ended| Err(sqlx::Error::Io(std::io::Error::other(ended))))
}

/// One round trip: begin, and everything that confines the transaction. Only digits and our own names go into it.
fn opening(ctx: &TenantCtx, write: bool) -> String {
    let mode = if write { "READ WRITE" } else { "READ ONLY" };
    let schema = ctx.store().schema();
    let tenant = ctx.tenant_id().uuid();
    format!("BEGIN {mode}; SET LOCAL search_path = {schema}; SET LOCAL tenantry.tenant_id = '{tenant}'")
}

/// A transaction on the control plane, as a tenant or as the platform.
pub struct ControlTx {
    tx: Transaction<'static, Postgres>,
    databases: Databases,
    tenant: Option<TenantId>,
    actor: Actor,
    request: RequestInfo,
    limit: Option<Arc<Limit>>,
    announced: Vec<(String, String)>,
}

impl ControlTx {
    pub(crate) async fn begin_as_tenant(databases: &Databases, ctx: &TenantCtx) -> Result<Self, sqlx::Error> {
        let tenant = ctx.tenant_id();
        let opening = format!("BEGIN; SET LOCAL tenantry.tenant_id = '{}'", tenant.uuid());
        Self::begin(databases, ctx.caller(), Some(tenant), opening).await
    }

    pub(crate) async fn begin_as_platform(
        databases: &Databases,
        ctx: &PlatformCtx,
    ) -> Result<Self, sqlx::Error> {
        let opening = match &ctx.caller().limit {
            None => "BEGIN; SET LOCAL ROLE tenantry_platform".to_owned(),
            Some(limit) => format!("BEGIN; {}", limit.settings()),
        };
        Self::begin(databases, ctx.caller(), None, opening).await
    }

    async fn begin<P: Registry>(
        databases: &Databases,
        caller: &Caller<P>,
        tenant: Option<TenantId>,
        opening: String,
    ) -> Result<Self, sqlx::Error> {
        let (tx, ()) = begin(databases.control(), opening, ()).await?;
        Ok(Self {
            tx,
            databases: databases.clone(),
            tenant,
            actor: caller.actor.clone(),
            request: caller.request.clone(),
            limit: caller.limit.clone(),
            announced: Vec::new(),
        })
    }

    /// Whose answers are kept together: the tenant's, a limited operator's, or all other operators'.
    pub(crate) fn answers_of(&self) -> Uuid {
        let limited = || self.limit.as_ref().map_or(Uuid::nil(), |limit| limit.operator());
        self.tenant.map_or_else(limited, Id::uuid)
    }

    /// Makes everything durable. A transaction that is dropped instead leaves nothing behind.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        let outcome = self.tx.commit().await;
        // Also after a failure: the answer may have been lost on its way, and not the commit.
        self.databases.hub().committed_here(&self.announced);
        outcome
    }

    /// Commits without waiting for the disk: for what is only shown and would be the same after being done again, and
    /// for what nobody is told of before a later commit or [`Databases::settle`](crate::Databases::settle).
    pub async fn commit_unhurried(mut self) -> Result<(), sqlx::Error> {
        self.tx.execute(ASYNCHRONOUS_COMMIT).await?;
        self.commit().await
    }

    /// Has every node's caches forget `key` once this commits.
    pub async fn announce(&mut self, topic: &str, key: &str) -> Result<(), sqlx::Error> {
        crate::changes::announce(self, topic, key).await?;
        self.announced.push((topic.to_owned(), key.to_owned()));
        Ok(())
    }
}

/// A transaction on an outbox: the shared store's, over all tenants in it, or the one of a store of its own.
///
/// An outbox in the control plane's database is emptied in the transaction that receives what was in it: there is
/// only one database, and behind a pooler perhaps only one connection to it.
#[derive(Debug)]
pub enum OutboxTx {
    /// In the control plane's database.
    Main {
        /// The transaction, which turns from reading the outbox to the platform and back.
        tx: Box<ControlTx>,
        /// How it reads the outbox.
        reader: &'static str,
    },
    /// In a tenant's own database.
    Elsewhere(Box<TenantTx>),
}

impl OutboxTx {
    /// Opens the shared store's outbox, or that of a store with an outbox of its own.
    pub async fn open(databases: &Databases, store: Option<&Store>) -> Result<Self, sqlx::Error> {
        let inside = |own: &Store| databases.system_inside("relay", own.clone());
        let (opening, reader) = match store {
            Some(own) if own.own_database().is_some() => {
                let tx = TenantTx::open(databases, &inside(own), true, None).await?;
                return Ok(Self::Elsewhere(Box::new(tx)));
            }
            Some(own) => (opening(&inside(own), true), "SET LOCAL ROLE NONE"),
            None => (
                "BEGIN; SET LOCAL search_path = tenant".to_owned(),
                "SET LOCAL ROLE tenantry_relay",
            ),
        };
        let mut tx = ControlTx::begin(databases, databases.system("relay").caller(), None, opening).await?;
        tx.conn().execute(reader).await?;
        Ok(Self::Main {
            tx: Box::new(tx),
            reader,
        })
    }

    /// Where statements on the outbox go.
    pub fn conn(&mut self) -> Conn<'_> {
        match self {
            Self::Main { tx, .. } => tx.conn(),
            Self::Elsewhere(tx) => tx.conn(),
        }
    }

    /// The same transaction as the platform, where the outbox is in the control plane's database. It reads the
    /// outbox again after [`resume`](Self::resume).
    pub async fn as_platform(&mut self) -> Result<Option<&mut ControlTx>, sqlx::Error> {
        match self {
            Self::Main { tx, .. } => {
                tx.conn().execute("SET LOCAL ROLE tenantry_platform").await?;
                Ok(Some(tx))
            }
            Self::Elsewhere(_) => Ok(None),
        }
    }

    /// Reads the outbox again.
    pub async fn resume(&mut self) -> Result<(), sqlx::Error> {
        if let Self::Main { tx, reader } = self {
            tx.conn().execute(*reader).await?;
        }
        Ok(())
    }

    /// Makes everything durable.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Main { tx, .. } => tx.commit().await,
            Self::Elsewhere(tx) => tx.commit().await,
        }
    }
}

macro_rules! transaction {
    ($name:ident, $ctx:ident => $actor:expr, $request:expr, $tenant:expr) => {
        impl Tx for $name {
            fn now(&self) -> Timestamp {
                self.databases.seams().now()
            }
            fn actor(&self) -> &Actor {
                let $ctx = self;
                $actor
            }
            fn request(&self) -> &RequestInfo {
                let $ctx = self;
                $request
            }
            fn tenant(&self) -> Option<TenantId> {
                let $ctx = self;
                $tenant
            }
            fn seams(&self) -> &Seams {
                self.databases.seams()
            }
            fn conn(&mut self) -> Conn<'_> {
                Conn {
                    connection: &mut self.tx,
                    named: self.databases.settings().prepared_statements,
                }
            }
        }

        impl $name {
            pub(crate) fn answer_key(&self) -> Arc<SealingKey> {
                self.databases.answer_key()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("tenant", &self.tenant())
                    .finish_non_exhaustive()
            }
        }
    };
}
transaction!(TenantTx, tx => &tx.ctx.caller().actor, &tx.ctx.caller().request, Some(tx.ctx.tenant_id()));
transaction!(ControlTx, tx => &tx.actor, &tx.request, tx.tenant);

/// Where a transaction's statements go. It prepares them by name only where the pooler allows it.
#[derive(Debug)]
pub struct Conn<'c> {
    connection: &'c mut PgConnection,
    named: bool,
}

/// A statement that is prepared without a name unless names are allowed.
struct Statement<E> {
    inner: E,
    named: bool,
}

impl<'q, E: Execute<'q, Postgres>> Execute<'q, Postgres> for Statement<E> {
    fn sql(self) -> SqlStr {
        self.inner.sql()
    }
    fn statement(&self) -> Option<&PgStatement> {
        self.inner.statement()
    }
    fn take_arguments(&mut self) -> Result<Option<PgArguments>, sqlx::error::BoxDynError> {
        self.inner.take_arguments()
    }
    fn persistent(&self) -> bool {
        self.named && self.inner.persistent()
    }
}

impl<'c> Executor<'c> for Conn<'c> {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        self.connection.fetch_many(Statement {
            inner: query,
            named: self.named,
        })
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        self.connection.fetch_optional(Statement {
            inner: query,
            named: self.named,
        })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, sqlx::Error>>
    where
        'c: 'e,
    {
        self.connection.prepare_with(sql, parameters)
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<sqlx::Describe<Postgres>, sqlx::Error>>
    where
        'c: 'e,
    {
        self.connection.describe(sql)
    }
}
