//! The two sets of migrations, embedded in the binary, and how one schema is brought to the newest version.
//!
//! A whole set is applied in one transaction, so a schema is never half migrated. Each schema keeps its own
//! journal (`migrations`: version, checksum), which the application's roles cannot touch. Migrations follow expand
//! and contract: the previous release must still run on the newer schema.

use std::fmt::Write;

use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};

use crate::bootstrap::{APP_ROLE, OWNER_ROLE, TENANT_ROLE};
use crate::limit::LIMITED_ROLE;
use crate::tx::ASYNCHRONOUS_COMMIT;

static CONTROL: Migrator = sqlx::migrate!("migrations/control");
static TENANT: Migrator = sqlx::migrate!("migrations/tenant");

/// A schema could not be migrated.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The database refused.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// A migration that was already applied is not the one in this binary.
    #[error("migration {version} of schema {schema} was changed after it was applied")]
    Changed {
        /// The schema.
        schema: String,
        /// The migration's number.
        version: i64,
    },
}

/// One of the two sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plane {
    /// What the platform knows about tenants.
    Control,
    /// What tenants' users make.
    Tenant,
}

impl Plane {
    fn migrator(self) -> &'static Migrator {
        match self {
            Self::Control => &CONTROL,
            Self::Tenant => &TENANT,
        }
    }

    fn newest(self) -> i64 {
        self.migrator()
            .iter()
            .map(|migration| migration.version)
            .max()
            .unwrap_or(0)
    }

    /// Names the set by what is in it: two binaries with the same migrations share a template database.
    pub(crate) fn fingerprint(self) -> String {
        let mut name = String::new();
        let digest = self
            .migrator()
            .iter()
            .flat_map(|migration| migration.checksum.iter().take(4));
        let folded = digest.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let _ = write!(name, "{}_{folded:016x}", self.newest());
        name
    }
}

/// The newest version of the tenant schema that this binary knows.
pub fn tenant_schema_version() -> i64 {
    Plane::Tenant.newest()
}

/// Brings `schema` to the newest version of its plane. The connection must be able to act as the owner role.
pub(crate) async fn apply(
    connection: &mut PgConnection,
    plane: Plane,
    schema: &str,
) -> Result<(), MigrationError> {
    let mut tx = connection.begin().await?;
    let journal = read_journal(&mut tx, schema).await?;
    let script = pending_script(plane, schema, &journal)?;
    if !script.is_empty() {
        tx.execute(sqlx::raw_sql(AssertSqlSafe(script))).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Creates a schema of this name and applies the whole set to it, in one transaction and one round trip. It is not
/// waited for by itself: what the caller commits on the same server afterwards is never durable without it.
pub(crate) async fn create_schema(connection: &mut PgConnection, schema: &str) -> Result<(), MigrationError> {
    let script = pending_script(Plane::Tenant, schema, &[])?;
    let whole = format!("{ASYNCHRONOUS_COMMIT}; CREATE SCHEMA {schema} AUTHORIZATION {OWNER_ROLE}; {script}");
    connection.execute(sqlx::raw_sql(AssertSqlSafe(whole))).await?;
    Ok(())
}

async fn read_journal(tx: &mut PgConnection, schema: &str) -> Result<Vec<(i64, Vec<u8>)>, sqlx::Error> {
    // One migration of a schema at a time, also across nodes.
    tx.execute(sqlx::query("select pg_advisory_xact_lock(hashtext('migrate ' || $1))").bind(schema))
        .await?;
    let journal = format!("{schema}.migrations");
    let exists: bool = sqlx::query_scalar("select to_regclass($1) is not null")
        .bind(&journal)
        .fetch_one(&mut *tx)
        .await?;
    if !exists {
        return Ok(Vec::new());
    }
    let select = AssertSqlSafe(format!(
        "select version, checksum from {journal} order by version"
    ));
    let rows = sqlx::query(select).fetch_all(tx).await?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect()
}

/// The statements that are still to be run, with the grants that the application needs afterwards.
fn pending_script(plane: Plane, schema: &str, journal: &[(i64, Vec<u8>)]) -> Result<String, MigrationError> {
    let mut script = String::new();
    let mut entries = Vec::new();
    for migration in plane.migrator().iter() {
        match journal.iter().find(|(version, _)| *version == migration.version) {
            Some((_, checksum)) if checksum[..] == migration.checksum[..] => {}
            Some((version, _)) => {
                return Err(MigrationError::Changed {
                    schema: schema.to_owned(),
                    version: *version,
                });
            }
            None => {
                script.push_str(migration.sql.as_str());
                script.push_str(";\n");
                let checksum = hex(&migration.checksum);
                entries.push(format!("({}, '\\x{checksum}')", migration.version));
            }
        }
    }
    if entries.is_empty() {
        return Ok(String::new());
    }
    let grants = match plane {
        Plane::Control => format!("GRANT USAGE ON SCHEMA {schema} TO {APP_ROLE}, tenantry_platform, {LIMITED_ROLE}"),
        Plane::Tenant => format!(
            "GRANT USAGE ON SCHEMA {schema} TO {APP_ROLE}, {TENANT_ROLE}, tenantry_relay;
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {APP_ROLE}, {TENANT_ROLE}"
        ),
    };
    Ok(format!(
        "SET LOCAL ROLE {OWNER_ROLE}; SET LOCAL search_path = {schema};
         {script}
         {grants};
         CREATE TABLE IF NOT EXISTS migrations (version bigint PRIMARY KEY, checksum bytea NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());
         REVOKE ALL ON migrations FROM {APP_ROLE}, {TENANT_ROLE};
         INSERT INTO migrations (version, checksum) VALUES {};
         RESET ROLE",
        entries.join(", ")
    ))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
