//! Connections with the right to create and drop. Connecting takes longer than most of what is done then, so one
//! or two are kept for whoever comes next; what is made at the same time beyond that connects for itself.

use std::sync::{Mutex, PoisonError};

use kernel::TenantId;
use sqlx::{Connection, PgConnection};

use crate::databases::Databases;

const KEPT: usize = 2;
/// A backend remembers every table that it has touched, so none is kept for ever.
const USES: u32 = 100;

/// The connections that nobody uses at the moment.
#[derive(Debug, Default)]
pub(crate) struct AdminConnections(Mutex<Vec<Admin>>);

/// An administrative connection, and how often it was used.
#[derive(Debug)]
pub(crate) struct Admin {
    pub(crate) connection: PgConnection,
    uses: u32,
}

impl AdminConnections {
    fn take(&self) -> Option<Admin> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn keep(&self, admin: Admin) -> Option<Admin> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT && admin.uses < USES {
            kept.push(admin);
            return None;
        }
        Some(admin)
    }

    /// Closes those that are kept.
    pub(crate) async fn close(&self) {
        while let Some(admin) = self.take() {
            let _ = admin.connection.close().await;
        }
    }
}

impl Databases {
    /// An administrative connection that holds the store's lock until it is given back, or its connection ends. When
    /// the process dies in the middle of a CREATE DATABASE, the server carries on with it and keeps the lock until
    /// it is done; whoever resumes or rolls back waits for that instead of missing a database that is only about to
    /// exist. The same holds when the caller is dropped: nothing but [`Databases::give_back`] keeps a connection.
    pub(crate) async fn locked_connection(&self, tenant: TenantId) -> Result<Admin, sqlx::Error> {
        // One that was kept may have died since.
        if let Some(Admin { mut connection, uses }) = self.admins().take()
            && lock(&mut connection, tenant).await.is_ok()
        {
            return Ok(Admin {
                connection,
                uses: uses + 1,
            });
        }
        let mut connection = self.admin_connection().await?;
        lock(&mut connection, tenant).await?;
        Ok(Admin { connection, uses: 1 })
    }

    /// Lets go of the lock after the work is done.
    pub(crate) async fn give_back(&self, mut admin: Admin) -> Result<(), sqlx::Error> {
        sqlx::query("select pg_advisory_unlock_all()")
            .execute(&mut admin.connection)
            .await?;
        match self.admins().keep(admin) {
            Some(admin) => admin.connection.close().await,
            None => Ok(()),
        }
    }
}

async fn lock(connection: &mut PgConnection, tenant: TenantId) -> Result<(), sqlx::Error> {
    let lock = sqlx::query("select pg_advisory_lock(hashtextextended($1, 0))").bind(tenant.to_string());
    lock.execute(connection).await.map(drop)
}
