//! Statements on `control.admin_api_keys`.

use isolation::{ControlTx, Tx};
use kernel::Timestamp;
use uuid::Uuid;

use super::model::{AdminApiKey, AdminApiKeyId};
use crate::admins::AdminId;
use crate::key::{Locked, stored_hash};
use crate::token::Hash;

pub(super) async fn insert(tx: &mut ControlTx, key: &AdminApiKey, hash: &Hash) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into control.admin_api_keys (id, name, prefix, secret_hash, scopes, admin_id, expires_at, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        key.id as _,
        key.name,
        key.prefix,
        &hash[..],
        &key.scopes,
        key.admin_id as _,
        key.expires_at as _,
        key.created_at as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn page(
    tx: &mut ControlTx,
    prefix: &str,
    after: Option<AdminApiKeyId>,
    limit: i64,
) -> Result<Vec<AdminApiKey>, sqlx::Error> {
    let before = after.map_or(Uuid::max(), kernel::Id::uuid);
    sqlx::query_as!(
        AdminApiKey,
        r#"select id as "id: AdminApiKeyId", name, prefix, scopes,
                  admin_id as "admin_id: AdminId", expires_at as "expires_at: Timestamp",
                  last_used_at as "last_used_at: Timestamp", revoked_at as "revoked_at: Timestamp",
                  replaced_by as "replaced_by: AdminApiKeyId", created_at as "created_at: Timestamp"
           from control.admin_api_keys
           where id < $1 and starts_with(prefix, $2)
           order by id desc limit $3"#,
        before,
        prefix,
        limit
    )
    .fetch_all(tx.conn())
    .await
}

pub(super) async fn get(tx: &mut ControlTx, id: AdminApiKeyId) -> Result<Option<AdminApiKey>, sqlx::Error> {
    sqlx::query_as!(
        AdminApiKey,
        r#"select id as "id: AdminApiKeyId", name, prefix, scopes,
                  admin_id as "admin_id: AdminId", expires_at as "expires_at: Timestamp",
                  last_used_at as "last_used_at: Timestamp", revoked_at as "revoked_at: Timestamp",
                  replaced_by as "replaced_by: AdminApiKeyId", created_at as "created_at: Timestamp"
           from control.admin_api_keys where id = $1"#,
        id as _
    )
    .fetch_optional(tx.conn())
    .await
}

/// The key as it is once nobody else can change it in this transaction's time.
pub(super) async fn lock(
    tx: &mut ControlTx,
    id: AdminApiKeyId,
) -> Result<Option<Locked<AdminApiKey>>, sqlx::Error> {
    let hash = sqlx::query_scalar!(
        "select secret_hash from control.admin_api_keys where id = $1 for no key update",
        id as _
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(hash) = hash else { return Ok(None) };
    let hash = stored_hash(&hash)?;
    Ok(get(tx, id).await?.map(|key| Locked { key, hash }))
}

pub(super) async fn revoke(tx: &mut ControlTx, id: AdminApiKeyId, at: Timestamp) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update control.admin_api_keys set revoked_at = $2 where id = $1",
        id as _,
        at as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn replace(
    tx: &mut ControlTx,
    old: &AdminApiKey,
    successor: AdminApiKeyId,
    end: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update control.admin_api_keys set replaced_by = $2, expires_at = $3 where id = $1",
        old.id as _,
        successor as _,
        end as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn is_known(tx: &mut ControlTx, hash: &Hash) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (select from control.admin_api_keys where secret_hash = $1) as "known!""#,
        &hash[..]
    )
    .fetch_one(tx.conn())
    .await
}
