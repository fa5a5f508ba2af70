//! Transactions: the only doors to the two planes.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use kernel::{Actor, Entity, Id, SealingKey, Seams, TenantId, Timestamp};
use sqlx::postgres::{PgArguments, PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{AssertSqlSafe, Either, Execute, Executor, PgConnection, Postgres, SqlStr, Transaction};

use crate::active::ActiveGuard;
use crate::context::{PlatformCtx, RequestInfo, TenantCtx};
use crate::databases::Databases;
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
        let pool = lease.as_ref().map_or(databases.control(), Lease::pool);
        let tx = pool.begin_with(AssertSqlSafe(opening(ctx, write))).await?;
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
}

impl ControlTx {
    pub(crate) async fn begin_as_tenant(databases: &Databases, ctx: &TenantCtx) -> Result<Self, sqlx::Error> {
        let tenant = ctx.tenant_id();
        let opening = format!("BEGIN; SET LOCAL tenantry.tenant_id = '{}'", tenant.uuid());
        let caller = ctx.caller();
        Ok(Self {
            tx: databases.control().begin_with(AssertSqlSafe(opening)).await?,
            databases: databases.clone(),
            tenant: Some(tenant),
            actor: caller.actor.clone(),
            request: caller.request.clone(),
        })
    }

    pub(crate) async fn begin_as_platform(
        databases: &Databases,
        ctx: &PlatformCtx,
    ) -> Result<Self, sqlx::Error> {
        let caller = ctx.caller();
        Ok(Self {
            tx: databases
                .control()
                .begin_with("BEGIN; SET LOCAL ROLE tenantry_platform")
                .await?,
            databases: databases.clone(),
            tenant: None,
            actor: caller.actor.clone(),
            request: caller.request.clone(),
        })
    }

    /// Makes everything durable. A transaction that is dropped instead leaves nothing behind.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        self.tx.commit().await
    }

    /// Has every node's caches forget `key` once this commits.
    pub async fn announce(&mut self, topic: &str, key: &str) -> Result<(), sqlx::Error> {
        crate::changes::announce(self, topic, key).await
    }
}

/// A transaction on an outbox: the shared store's, over all tenants in it, or the one of a store of its own.
#[derive(Debug)]
pub struct OutboxTx(OutboxSource);

#[derive(Debug)]
enum OutboxSource {
    Shared(Transaction<'static, Postgres>, bool),
    Own(Box<TenantTx>),
}

impl OutboxTx {
    /// Opens the shared store's outbox, or that of a store with an outbox of its own.
    pub async fn open(databases: &Databases, store: Option<&Store>) -> Result<Self, sqlx::Error> {
        let named = databases.settings().prepared_statements;
        Ok(Self(match store {
            None => OutboxSource::Shared(databases.control().begin_with(SHARED_OUTBOX).await?, named),
            Some(store) => {
                let ctx = databases.system("relay").enter(store.clone());
                OutboxSource::Own(Box::new(TenantTx::open(databases, &ctx, true, None).await?))
            }
        }))
    }

    /// Where statements go.
    pub fn conn(&mut self) -> Conn<'_> {
        match &mut self.0 {
            OutboxSource::Shared(tx, named) => Conn {
                connection: tx,
                named: *named,
            },
            OutboxSource::Own(tx) => tx.conn(),
        }
    }

    /// Makes everything durable.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        match self.0 {
            OutboxSource::Shared(tx, _) => tx.commit().await,
            OutboxSource::Own(tx) => tx.commit().await,
        }
    }
}

const SHARED_OUTBOX: &str = "BEGIN; SET LOCAL ROLE tenantry_relay; SET LOCAL search_path = tenant";

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
