//! A look at the server without changing anything: whether it could be prepared, and whether it has been.

use kernel::Timestamp;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection, Row};

use crate::bootstrap::{APP_ROLE, OWNER_ROLE, SUPPORTED, TENANT_ROLE};
use crate::databases::{Settings, app_options, connect};
use crate::limit::LIMITED_ROLE;

const INVALID_CATALOG_NAME: &str = "3D000";

/// What the administrative connection sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// The server's version, as it says it.
    pub version: String,
    /// Whether that version is one we were tested with.
    pub supported: bool,
    /// The server's present instant.
    pub now: Timestamp,
    /// Connections that it takes.
    pub max_connections: i32,
    /// The database of the control plane.
    pub database: String,
    /// Whether it exists; if not, the rest is seen from `postgres`.
    pub exists: bool,
    /// Whether it was prepared: the schemas and all our roles are there.
    pub prepared: bool,
    /// Rights that the administrative role lacks.
    pub missing_rights: Vec<&'static str>,
    /// Roles of ours that could ignore row-level security.
    pub mighty_roles: Vec<String>,
}

impl Settings {
    /// Looks at the server through the administrative connection.
    pub async fn inspect(&self) -> Result<Inspection, sqlx::Error> {
        let (mut admin, exists) = match connect(&self.admin).await {
            Ok(connection) => (connection, true),
            Err(error) if is_missing_database(&error) => (connect(&self.maintenance()).await?, false),
            Err(error) => return Err(error),
        };
        let inspection = self.look(&mut admin, exists).await?;
        admin.close().await?;
        Ok(inspection)
    }

    /// Logs in as the application does, through the pooler if there is one. Needs a prepared server.
    pub async fn try_application_login(&self) -> Result<(), sqlx::Error> {
        let base = self.pooler.as_ref().unwrap_or(&self.admin);
        let mut connection = connect(&app_options(self, base)).await?;
        connection.ping().await?;
        connection.close().await
    }

    fn maintenance(&self) -> PgConnectOptions {
        self.admin.clone().database("postgres")
    }

    async fn look(&self, admin: &mut PgConnection, exists: bool) -> Result<Inspection, sqlx::Error> {
        let ours = [
            OWNER_ROLE,
            APP_ROLE,
            "tenantry_platform",
            "tenantry_relay",
            LIMITED_ROLE,
            TENANT_ROLE,
        ]
        .map(str::to_owned);
        let row = sqlx::query(
            "select current_setting('server_version'), current_setting('server_version_num')::int, now(),
                    current_setting('max_connections')::int, me.rolsuper, me.rolcreaterole, me.rolcreatedb,
                    pg_has_role(db.datdba, 'usage'),
                    to_regnamespace('control') is not null
                        and (select count(*) from pg_roles where rolname = any ($1)) = cardinality($1),
                    array(select rolname::text from pg_roles
                          where rolname = any ($1) and (rolsuper or rolbypassrls) order by rolname)
             from pg_roles me, pg_database db
             where me.rolname = current_user and db.datname = current_database()",
        )
        .bind(ours.to_vec())
        .fetch_one(admin)
        .await?;
        let superuser: bool = row.try_get(4)?;
        let rights = [
            ("CREATEROLE", 5),
            ("CREATEDB", 6),
            ("ownership of the database", 7),
        ];
        let mut missing_rights = Vec::new();
        for (right, column) in rights {
            // A database that is still to be made will be ours.
            let needed = exists || column != 7;
            if needed && !superuser && !row.try_get::<bool, _>(column)? {
                missing_rights.push(right);
            }
        }
        Ok(Inspection {
            version: row.try_get(0)?,
            supported: SUPPORTED.contains(&(row.try_get::<i32, _>(1)? / 10_000)),
            now: row.try_get(2)?,
            max_connections: row.try_get(3)?,
            database: self.admin.get_database().unwrap_or("postgres").to_owned(),
            exists,
            prepared: exists && row.try_get(8)?,
            missing_rights,
            mighty_roles: row.try_get(9)?,
        })
    }
}

fn is_missing_database(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.as_deref() == Some(INVALID_CATALOG_NAME)
}
