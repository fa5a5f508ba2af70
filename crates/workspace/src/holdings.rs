//! How much a tenant has of what can be limited: its projects, and the bytes of its files.
//!
//! Every change of either takes or gives back here in its own transaction. So what is taken is never more than the
//! bound that the taker was given, however many there are and on however many nodes; what was rolled back, or was under
//! way when a process was killed, was never taken; and knowing it costs one row.
//!
//! What may not enter: where a bound comes from.

use isolation::{TenantTx, Tx};
use sqlx::Error;

/// What a tenant has, as of one of its transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Holdings {
    /// Projects.
    pub projects: u64,
    /// Bytes of files.
    pub file_bytes: u64,
    /// Of two readings the one with the greater version is the later; 0 where there was never anything.
    pub version: i64,
}

/// It would have more than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{most} are allowed, and {used} are there")]
pub struct NoRoom {
    /// How much there may be.
    pub most: u64,
    /// How much there is.
    pub used: u64,
}

/// What the tenant has.
pub async fn get(tx: &mut TenantTx) -> Result<Holdings, Error> {
    let tenant = tx.tenant_id();
    let row = sqlx::query!(
        "select projects, file_bytes, version from holdings where tenant_id = $1",
        tenant as _
    )
    .fetch_optional(tx.conn())
    .await?;
    let held = row.map(|row| holdings(row.projects, row.file_bytes, row.version));
    Ok(held.unwrap_or_default())
}

/// Takes so many projects, unless there would be more than `most`. Nobody else takes until the transaction ends.
pub(crate) async fn take_projects(
    tx: &mut TenantTx,
    amount: i64,
    most: Option<u64>,
) -> Result<Result<Holdings, NoRoom>, Error> {
    change(
        tx,
        Change {
            projects: amount,
            file_bytes: 0,
        },
        most,
        |held| held.projects,
    )
    .await
}

/// Takes so many bytes of files, unless there would be more than `most`.
pub(crate) async fn take_file_bytes(
    tx: &mut TenantTx,
    amount: i64,
    most: Option<u64>,
) -> Result<Result<Holdings, NoRoom>, Error> {
    change(
        tx,
        Change {
            projects: 0,
            file_bytes: amount,
        },
        most,
        |held| held.file_bytes,
    )
    .await
}

/// Gives back what is not there any more.
pub(crate) async fn give_back(tx: &mut TenantTx, projects: i64, file_bytes: i64) -> Result<Holdings, Error> {
    let back = Change {
        projects: -projects,
        file_bytes: -file_bytes,
    };
    apply(tx, back).await
}

#[derive(Debug, Clone, Copy)]
struct Change {
    projects: i64,
    file_bytes: i64,
}

async fn change(
    tx: &mut TenantTx,
    change: Change,
    most: Option<u64>,
    of: impl Fn(&Holdings) -> u64,
) -> Result<Result<Holdings, NoRoom>, Error> {
    let after = apply(tx, change).await?;
    match most {
        Some(most) if of(&after) > most => {
            // As it was, for whoever goes on with the transaction.
            let before = apply(
                tx,
                Change {
                    projects: -change.projects,
                    file_bytes: -change.file_bytes,
                },
            )
            .await?;
            Ok(Err(NoRoom {
                most,
                used: of(&before),
            }))
        }
        _ => Ok(Ok(after)),
    }
}

async fn apply(tx: &mut TenantTx, change: Change) -> Result<Holdings, Error> {
    let tenant = tx.tenant_id();
    let row = sqlx::query!(
        "insert into holdings as t (tenant_id, projects, file_bytes) values ($1, greatest($2::bigint, 0), greatest($3::bigint, 0))
         on conflict (tenant_id) do update
             set projects = greatest(t.projects + $2, 0), file_bytes = greatest(t.file_bytes + $3, 0),
                 version = t.version + 1
         returning projects, file_bytes, version",
        tenant as _,
        change.projects,
        change.file_bytes
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(holdings(row.projects, row.file_bytes, row.version))
}

fn holdings(projects: i64, file_bytes: i64, version: i64) -> Holdings {
    Holdings {
        projects: u64::try_from(projects).unwrap_or_default(),
        file_bytes: u64::try_from(file_bytes).unwrap_or_default(),
        version,
    }
}

#[cfg(test)]
mod tests;
