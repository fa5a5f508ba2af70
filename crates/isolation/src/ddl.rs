//! Creating and removing whole stores: the only DDL outside migrations. Every step may be repeated after a crash.

use kernel::TenantId;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};

use crate::bootstrap::{self, LOGIN_LIMITS, TENANT_ROLE, template_name};
use crate::context::TenantCtx;
use crate::databases::{Databases, connect};
use crate::migrations::{self, MigrationError, Plane};
use crate::scram;
use crate::store::{IsolationStrategy, Store};
use crate::tx::{ASYNCHRONOUS_COMMIT, Tx};

impl Databases {
    /// Makes the store's schema, or its database and role; nothing for a shared store. Answers whether it was made just
    /// now, and so is of the newest version. It survives a crash of PostgreSQL once the caller has committed something
    /// on the control plane after it.
    pub async fn create_store(&self, store: &Store) -> Result<bool, MigrationError> {
        let mut admin = match store.strategy {
            IsolationStrategy::SharedDatabase => return Ok(false),
            _ => self.locked_connection(store.tenant).await?,
        };
        let mut made = false;
        if let Some(schema) = store.own_schema() {
            made = create_own_schema(&mut admin.connection, &schema).await?;
        }
        if let Some(database) = store.own_database() {
            made = self
                .create_own_database(&mut admin.connection, &database, store)
                .await?;
        }
        self.give_back(admin).await?;
        Ok(made)
    }

    /// Brings the store's tables to the newest version.
    pub async fn migrate_store(&self, store: &Store) -> Result<(), MigrationError> {
        let mut admin = match store.strategy {
            IsolationStrategy::SharedDatabase => return Ok(()),
            IsolationStrategy::SchemaPerTenant => self.admin_connection().await?,
            IsolationStrategy::DatabasePerTenant => {
                let database = store.own_database().unwrap_or_default();
                connect(&self.settings().admin.clone().database(&database)).await?
            }
        };
        migrations::apply(&mut admin, Plane::Tenant, &store.schema()).await?;
        Ok(admin.close().await?)
    }

    /// Brings every store of its own that an earlier release made to the newest version, one after the other; the
    /// journal in the store makes an interrupted run resume. Answers how many there were.
    pub async fn migrate_stores(&self) -> Result<usize, MigrationError> {
        let newest = migrations::tenant_schema_version();
        let mut migrated = 0;
        while let Some(store) = self.oldest_store(newest).await? {
            self.migrate_store(&store).await?;
            let mut tx = self.system("migration").control().await?;
            sqlx::query!(
                "update control.stores set schema_version = $2 where tenant_id = $1",
                store.tenant as _,
                newest
            )
            .execute(tx.conn())
            .await?;
            tx.commit().await?;
            migrated += 1;
        }
        Ok(migrated)
    }

    /// A store of its own that is older than this version. One whose tenant is still being made or removed is left to
    /// the saga.
    async fn oldest_store(&self, newest: i64) -> Result<Option<Store>, sqlx::Error> {
        let mut tx = self.system("migration").control().await?;
        let row = sqlx::query!(
            r#"select s.tenant_id as "tenant: TenantId", s.strategy as "strategy: IsolationStrategy", s.placement
               from control.stores s join control.tenants t on t.id = s.tenant_id
               where s.schema_version < $1 and s.strategy <> 'shared_database'
                 and t.status not in ('provisioning', 'failed', 'deleted')
                 and not (t.status = 'deleting' and t.resume_status is null)
               order by s.schema_version, s.tenant_id limit 1"#,
            newest
        )
        .fetch_optional(tx.conn())
        .await?;
        Ok(row.map(|row| Store {
            tenant: row.tenant,
            strategy: row.strategy,
            placement: row.placement,
        }))
    }

    /// Removes the store and everything in it.
    pub async fn drop_store(&self, store: &Store) -> Result<(), sqlx::Error> {
        if store.strategy == IsolationStrategy::SharedDatabase {
            return remove_rows(&self.system_inside("removal", store.clone())).await;
        }
        let mut taken = self.locked_connection(store.tenant).await?;
        let admin = &mut taken.connection;
        if let Some(schema) = store.own_schema() {
            run(admin, format!("DROP SCHEMA IF EXISTS {schema} CASCADE")).await?;
        }
        if let Some(database) = store.own_database() {
            self.tenants().forget(&database).await;
            // Who is not superuser may end a role's sessions only as a member of it.
            let join = format!(
                "do $$ begin
                     if exists (select from pg_roles where rolname = '{database}') then
                         grant {database} to current_user;
                     end if;
                 end $$"
            );
            run(admin, join).await?;
            run(admin, format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)")).await?;
            run(admin, format!("DROP ROLE IF EXISTS {database}")).await?;
        }
        self.give_back(taken).await
    }

    async fn create_own_database(
        &self,
        admin: &mut PgConnection,
        database: &str,
        store: &Store,
    ) -> Result<bool, sqlx::Error> {
        let password = bootstrap::tenant_password(&self.settings().master, store.tenant);
        let verifier = scram::verifier(&password, self.seams().random());
        let limits: String = LOGIN_LIMITS
            .iter()
            .map(|(name, value)| format!("alter role {database} set {name} = '{value}';"))
            .collect();
        // A role left by an interrupted attempt is taken as it is: its name and password follow from the tenant.
        // CREATE DATABASE waits for the disk, and with it for this.
        let role = format!(
            "{ASYNCHRONOUS_COMMIT}; do $$ begin
                 if not exists (select from pg_roles where rolname = '{database}') then
                     create role {database} login inherit password '{verifier}';
                     grant {TENANT_ROLE} to {database};
                     {limits}
                 end if;
             end $$"
        );
        run(admin, role).await?;
        let exists = database_is_whole(admin, database).await?;
        if !exists {
            let create = format!("CREATE DATABASE {database} TEMPLATE {}", template_name());
            run(admin, create).await?;
        }
        let mut walls = format!(
            "REVOKE ALL ON DATABASE {database} FROM PUBLIC; GRANT CONNECT ON DATABASE {database} TO {database}"
        );
        if store.shares_log() {
            walls = format!("{ASYNCHRONOUS_COMMIT}; {walls}");
        }
        run(admin, walls).await?;
        Ok(!exists)
    }
}

async fn create_own_schema(admin: &mut PgConnection, schema: &str) -> Result<bool, MigrationError> {
    let exists: bool = sqlx::query_scalar("select to_regnamespace($1) is not null")
        .bind(schema)
        .fetch_one(&mut *admin)
        .await?;
    if !exists {
        migrations::create_schema(admin, schema).await?;
    }
    Ok(!exists)
}

/// Whether the database exists; one that an interrupted removal left invalid is removed.
async fn database_is_whole(admin: &mut PgConnection, database: &str) -> Result<bool, sqlx::Error> {
    let found = sqlx::query("select datconnlimit from pg_database where datname = $1")
        .bind(database)
        .fetch_optional(&mut *admin)
        .await?;
    match found.map(|row| row.try_get::<i32, _>(0)).transpose()? {
        None => Ok(false),
        Some(-2) => {
            run(admin, format!("DROP DATABASE {database}")).await?;
            Ok(false)
        }
        Some(_) => Ok(true),
    }
}

/// Removes a shared store's rows from every tenant table, referencing tables first.
async fn remove_rows(ctx: &TenantCtx) -> Result<(), sqlx::Error> {
    let mut tx = ctx.write().await?;
    let tables: Vec<String> = sqlx::query_scalar(
        "with recursive tables as (
             select c.oid, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where n.nspname = 'tenant' and c.relkind = 'r' and c.relname <> 'migrations'
         ), depth (oid, level) as (
             select oid, 0 from tables
             union
             select k.conrelid, d.level + 1 from depth d join pg_constraint k
                 on k.contype = 'f' and k.confrelid = d.oid and k.conrelid <> d.oid
             where d.level < 32
         )
         select t.relname::text from tables t join depth d using (oid)
         group by t.relname order by max(d.level) desc, t.relname",
    )
    .fetch_all(tx.conn())
    .await?;
    let tenant = ctx.tenant_id();
    for table in tables {
        let delete = format!("delete from \"{table}\" where tenant_id = $1");
        sqlx::query(AssertSqlSafe(delete))
            .bind(tenant)
            .execute(tx.conn())
            .await?;
    }
    tx.commit().await
}

async fn run(connection: &mut PgConnection, statement: String) -> Result<(), sqlx::Error> {
    connection
        .execute(sqlx::raw_sql(AssertSqlSafe(statement)))
        .await
        .map(drop)
}
