//! Signing keys in the database: their times only.

use isolation::{ControlTx, Tx};
use kernel::Timestamp;

use super::key_set::{SigningKey, SigningKeyId};

/// One at a time makes or retires keys.
pub(super) async fn lock(tx: &mut ControlTx) -> Result<(), sqlx::Error> {
    sqlx::query!("select pg_advisory_xact_lock(hashtext('tenantry signing keys'))")
        .fetch_one(tx.conn())
        .await?;
    Ok(())
}

/// Every key, newest first.
pub(super) async fn list(tx: &mut ControlTx) -> Result<Vec<SigningKey>, sqlx::Error> {
    sqlx::query_as!(
        SigningKey,
        r#"select id as "id: SigningKeyId", created_at as "created_at: Timestamp", signs_from as "signs_from: Timestamp",
                  retired_at as "retired_at: Timestamp"
           from control.signing_keys order by id desc"#
    )
    .fetch_all(tx.conn())
    .await
}

pub(super) async fn insert(tx: &mut ControlTx, key: &SigningKey) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into control.signing_keys (id, created_at, signs_from) values ($1, $2, $3)",
        key.id as _,
        key.created_at as _,
        key.signs_from as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Retires every other key then, unless it retires before.
pub(super) async fn retire_others(
    tx: &mut ControlTx,
    kept: SigningKeyId,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update control.signing_keys set retired_at = $2 where id <> $1 and (retired_at is null or retired_at > $2)",
        kept as _,
        at as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn delete_retired(tx: &mut ControlTx, before: Timestamp) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from control.signing_keys where retired_at < $1",
        before as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
