//! What the server needs before it can serve: roles, the two schemas, their tables, and the template that tenant
//! databases are copied from. Running it again changes nothing.
//!
//! | role | login | for |
//! |---|---|---|
//! | `tenantry_owner` | no | owns every schema and table; runs migrations |
//! | `tenantry_app` | yes, NOINHERIT | the application; as itself it is a tenant's request: row-level security applies |
//! | `tenantry_platform` | no | `SET LOCAL ROLE` of the application for platform operators and jobs |
//! | `tenantry_limited` | no | `SET LOCAL ROLE` of the application for operators who are limited to some tenants |
//! | `tenantry_relay` | no | `SET LOCAL ROLE` of the application to move the shared outbox |
//! | `tenantry_tenant` | no | what the login roles of tenants' own databases are members of |
//! | `t_<uuid>` | yes | the one role that may connect to that tenant's database |
//!
//! None of them is superuser, owner of a table it serves from, or BYPASSRLS. The administrative connection needs
//! CREATEROLE and CREATEDB, and must own the control plane's database (or be superuser); it is used for nothing
//! but DDL.

use kernel::{MasterKey, Seams, Secret, TenantId};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};
use uuid::Uuid;

use crate::databases::{Settings, connect};
use crate::limit::LIMITED_ROLE;
use crate::migrations::{self, MigrationError, Plane};
use crate::scram;
use crate::store::TENANT_SCHEMA;
use crate::walls::WallError;

/// The login role of the application.
pub const APP_ROLE: &str = "tenantry_app";
pub(crate) const OWNER_ROLE: &str = "tenantry_owner";
pub(crate) const TENANT_ROLE: &str = "tenantry_tenant";

/// Major versions that the product was tested with.
pub(crate) const SUPPORTED: std::ops::RangeInclusive<i32> = 15..=18;

/// What role-level settings every login of ours has: no statement, lock or idle transaction holds on for ever.
pub(crate) const LOGIN_LIMITS: [(&str, &str); 3] = [
    ("statement_timeout", "20s"),
    ("lock_timeout", "5s"),
    ("idle_in_transaction_session_timeout", "30s"),
];

/// The server could not be prepared, so serving would not be safe.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// The database refused or did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// A schema could not be migrated.
    #[error(transparent)]
    Migration(#[from] MigrationError),
    /// A wall between tenants does not stand.
    #[error(transparent)]
    Wall(#[from] WallError),
    /// The server is of a version that was not tested.
    #[error("PostgreSQL {0} is not supported; 15 to 18 are")]
    Version(i32),
}

pub(crate) fn app_password(master: &MasterKey) -> Secret<String> {
    master.derive_password("database role tenantry_app")
}

pub(crate) fn tenant_password(master: &MasterKey, tenant: TenantId) -> Secret<String> {
    master.derive_password(&format!("database role {}", tenant.hex()))
}

pub(crate) async fn prepare(settings: &Settings, seams: &Seams) -> Result<(), BootstrapError> {
    let mut admin = connect_or_create(&settings.admin).await?;
    check_version(&mut admin).await?;
    // Nodes that start at the same time prepare one after the other.
    sqlx::query("select pg_advisory_lock(hashtext('tenantry prepare'))")
        .execute(&mut admin)
        .await?;
    create_roles(&mut admin).await?;
    close_to_others(&mut admin).await?;
    create_schemas(&mut admin).await?;
    migrations::apply(&mut admin, Plane::Control, "control").await?;
    migrations::apply(&mut admin, Plane::Tenant, TENANT_SCHEMA).await?;
    let now = seams.now();
    sqlx::query("select control.ensure_audit_partition($1), control.ensure_audit_partition($2)")
        .bind(now)
        .bind(now.plus_days(31))
        .execute(&mut admin)
        .await?;
    set_password(&mut admin, settings, seams).await?;
    ensure_template(&mut admin, settings, seams).await?;
    admin.close().await?;
    Ok(())
}

async fn connect_or_create(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    const INVALID_CATALOG_NAME: &str = "3D000";
    let error = match connect(options).await {
        Ok(connection) => return Ok(connection),
        Err(error) => error,
    };
    let missing = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    let Some(name) = options
        .get_database()
        .filter(|_| missing.as_deref() == Some(INVALID_CATALOG_NAME))
    else {
        return Err(error);
    };
    let mut maintenance = connect(&options.clone().database("postgres")).await?;
    let create = format!("CREATE DATABASE {}", quoted(name));
    maintenance.execute(sqlx::raw_sql(AssertSqlSafe(create))).await?;
    maintenance.close().await?;
    connect(options).await
}

async fn check_version(admin: &mut PgConnection) -> Result<(), BootstrapError> {
    let number: i32 = sqlx::query_scalar("select current_setting('server_version_num')::int")
        .fetch_one(admin)
        .await?;
    let major = number / 10_000;
    if SUPPORTED.contains(&major) {
        Ok(())
    } else {
        Err(BootstrapError::Version(major))
    }
}

/// Roles belong to the whole server, so several installations and several nodes may race here.
async fn create_roles(admin: &mut PgConnection) -> Result<(), sqlx::Error> {
    let limits: String = LOGIN_LIMITS
        .iter()
        .map(|(name, value)| format!("alter role {APP_ROLE} set {name} = '{value}';"))
        .collect();
    let script = format!(
        "do $$
         declare wanted record;
         begin
             for wanted in select * from (values
                 ('{OWNER_ROLE}', 'nologin'), ('tenantry_platform', 'nologin'), ('{LIMITED_ROLE}', 'nologin'),
                 ('tenantry_relay', 'nologin'), ('{TENANT_ROLE}', 'nologin'),
                 ('{APP_ROLE}', 'login noinherit')) as roles (name, attributes)
             loop
                 if not exists (select from pg_roles where rolname = wanted.name) then
                     begin
                         execute format('create role %I ' || wanted.attributes, wanted.name);
                         if wanted.name = '{APP_ROLE}' then
                             {limits}
                         end if;
                         if wanted.name = '{OWNER_ROLE}' and not (select rolsuper from pg_roles where rolname = current_user) then
                             execute format('grant {OWNER_ROLE} to %I', current_user);
                         end if;
                     exception when duplicate_object or unique_violation then null;
                     end;
                 end if;
             end loop;
             for wanted in select * from unnest(array['tenantry_platform', '{LIMITED_ROLE}', 'tenantry_relay']) as role (name)
             loop
                 if not pg_has_role('{APP_ROLE}', wanted.name, 'member') then
                     begin
                         execute format('grant %I to {APP_ROLE}', wanted.name);
                     exception when duplicate_object or unique_violation then null;
                     end;
                 end if;
             end loop;
         end $$"
    );
    admin.execute(sqlx::raw_sql(AssertSqlSafe(script))).await?;
    Ok(())
}

/// The login role of a tenant's own database must not reach this one, where the shared store is: it is a member of the
/// role that may use tenant tables.
async fn close_to_others(admin: &mut PgConnection) -> Result<(), sqlx::Error> {
    let open: bool =
        sqlx::query_scalar("select has_database_privilege('public', current_database(), 'connect')")
            .fetch_one(&mut *admin)
            .await?;
    let database: String = sqlx::query_scalar("select current_database()::text")
        .fetch_one(&mut *admin)
        .await?;
    let database = quoted(&database);
    let grant = format!("GRANT CONNECT ON DATABASE {database} TO {APP_ROLE}");
    if open {
        let revoke = format!("{grant}; REVOKE CONNECT, TEMPORARY ON DATABASE {database} FROM PUBLIC");
        admin.execute(sqlx::raw_sql(AssertSqlSafe(revoke))).await?;
    }
    Ok(())
}

async fn create_schemas(admin: &mut PgConnection) -> Result<(), sqlx::Error> {
    for schema in ["control", TENANT_SCHEMA] {
        let exists: bool = sqlx::query_scalar("select to_regnamespace($1) is not null")
            .bind(schema)
            .fetch_one(&mut *admin)
            .await?;
        if !exists {
            let create = format!("CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {OWNER_ROLE}");
            admin.execute(sqlx::raw_sql(AssertSqlSafe(create))).await?;
        }
    }
    Ok(())
}

/// Sets the application's password where logging in with it fails, so that a start changes nothing needlessly.
async fn set_password(
    admin: &mut PgConnection,
    settings: &Settings,
    seams: &Seams,
) -> Result<(), sqlx::Error> {
    let password = app_password(&settings.master);
    let options = settings
        .admin
        .clone()
        .username(APP_ROLE)
        .password(password.expose());
    if let Ok(connection) = connect(&options).await {
        return connection.close().await;
    }
    let verifier = scram::verifier(&password, seams.random());
    let alter = format!("ALTER ROLE {APP_ROLE} PASSWORD '{verifier}'");
    admin.execute(sqlx::raw_sql(AssertSqlSafe(alter))).await?;
    Ok(())
}

/// The database that tenants' own databases are copied from, named by the migrations in it.
pub(crate) fn template_name() -> String {
    format!("tenantry_template_{}", Plane::Tenant.fingerprint())
}

/// Makes the template under a name nobody else uses, then renames it: whoever comes second drops his.
async fn ensure_template(
    admin: &mut PgConnection,
    settings: &Settings,
    seams: &Seams,
) -> Result<(), BootstrapError> {
    let template = template_name();
    let exists = "select exists (select from pg_database where datname = $1)";
    if sqlx::query_scalar(exists)
        .bind(&template)
        .fetch_one(&mut *admin)
        .await?
    {
        return Ok(());
    }
    let draft = format!("tenantry_draft_{}", Uuid::from_bytes(seams.random()).simple());
    admin
        .execute(sqlx::raw_sql(AssertSqlSafe(format!(
            "CREATE DATABASE {draft} OWNER {OWNER_ROLE}"
        ))))
        .await?;
    let mut inside = connect(&settings.admin.clone().database(&draft)).await?;
    create_schemas_of_tenant_database(&mut inside).await?;
    inside.close().await?;
    let rename = format!(
        "ALTER DATABASE {draft} WITH ALLOW_CONNECTIONS false IS_TEMPLATE true; ALTER DATABASE {draft} RENAME TO {template}"
    );
    if admin.execute(sqlx::raw_sql(AssertSqlSafe(rename))).await.is_err() {
        let unmake = format!("ALTER DATABASE {draft} WITH IS_TEMPLATE false");
        admin.execute(sqlx::raw_sql(AssertSqlSafe(unmake))).await?;
        admin
            .execute(sqlx::raw_sql(AssertSqlSafe(format!("DROP DATABASE {draft}"))))
            .await?;
        if !sqlx::query(exists)
            .bind(&template)
            .fetch_one(&mut *admin)
            .await?
            .try_get::<bool, _>(0)?
        {
            return Err(sqlx::Error::Protocol("the template database could not be made".into()).into());
        }
    }
    Ok(())
}

async fn create_schemas_of_tenant_database(inside: &mut PgConnection) -> Result<(), MigrationError> {
    inside
        .execute(sqlx::raw_sql("REVOKE ALL ON SCHEMA public FROM PUBLIC"))
        .await?;
    migrations::create_schema(inside, TENANT_SCHEMA).await
}

/// A name from the configuration as an identifier.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
