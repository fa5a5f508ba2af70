//! Statements on `control.api_keys`.

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp, UserId};
use uuid::Uuid;

use super::model::{ApiKey, ApiKeyId};
use crate::key::{Locked, stored_hash};
use crate::token::Hash;

pub(super) async fn insert(tx: &mut ControlTx, key: &ApiKey, hash: &Hash) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into control.api_keys (tenant_id, id, name, prefix, secret_hash, scopes, user_id, expires_at, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        key.tenant_id as _,
        key.id as _,
        key.name,
        key.prefix,
        &hash[..],
        &key.scopes,
        key.user_id as _,
        key.expires_at as _,
        key.created_at as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn page(
    tx: &mut ControlTx,
    tenant: TenantId,
    prefix: &str,
    after: Option<ApiKeyId>,
    limit: i64,
) -> Result<Vec<ApiKey>, sqlx::Error> {
    let before = after.map_or(Uuid::max(), kernel::Id::uuid);
    sqlx::query_as!(
        ApiKey,
        r#"select id as "id: ApiKeyId", tenant_id as "tenant_id: TenantId", name, prefix, scopes,
                  user_id as "user_id: UserId", expires_at as "expires_at: Timestamp",
                  last_used_at as "last_used_at: Timestamp", revoked_at as "revoked_at: Timestamp",
                  replaced_by as "replaced_by: ApiKeyId", created_at as "created_at: Timestamp"
           from control.api_keys
           where tenant_id = $1 and id < $2 and starts_with(prefix, $3)
           order by id desc limit $4"#,
        tenant as _,
        before,
        prefix,
        limit
    )
    .fetch_all(tx.conn())
    .await
}

pub(super) async fn get(
    tx: &mut ControlTx,
    tenant: TenantId,
    id: ApiKeyId,
) -> Result<Option<ApiKey>, sqlx::Error> {
    sqlx::query_as!(
        ApiKey,
        r#"select id as "id: ApiKeyId", tenant_id as "tenant_id: TenantId", name, prefix, scopes,
                  user_id as "user_id: UserId", expires_at as "expires_at: Timestamp",
                  last_used_at as "last_used_at: Timestamp", revoked_at as "revoked_at: Timestamp",
                  replaced_by as "replaced_by: ApiKeyId", created_at as "created_at: Timestamp"
           from control.api_keys where tenant_id = $1 and id = $2"#,
        tenant as _,
        id as _
    )
    .fetch_optional(tx.conn())
    .await
}

/// The key as it is once nobody else can change it in this transaction's time.
pub(super) async fn lock(
    tx: &mut ControlTx,
    tenant: TenantId,
    id: ApiKeyId,
) -> Result<Option<Locked<ApiKey>>, sqlx::Error> {
    let hash = sqlx::query_scalar!(
        "select secret_hash from control.api_keys where tenant_id = $1 and id = $2 for no key update",
        tenant as _,
        id as _
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(hash) = hash else { return Ok(None) };
    let hash = stored_hash(&hash)?;
    Ok(get(tx, tenant, id).await?.map(|key| Locked { key, hash }))
}

pub(super) async fn revoke(
    tx: &mut ControlTx,
    tenant: TenantId,
    id: ApiKeyId,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update control.api_keys set revoked_at = $3 where tenant_id = $1 and id = $2",
        tenant as _,
        id as _,
        at as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn replace(
    tx: &mut ControlTx,
    old: &ApiKey,
    successor: ApiKeyId,
    end: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update control.api_keys set replaced_by = $3, expires_at = $4 where tenant_id = $1 and id = $2",
        old.tenant_id as _,
        old.id as _,
        successor as _,
        end as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn delete_all(tx: &mut ControlTx, tenant: TenantId) -> Result<Vec<Vec<u8>>, sqlx::Error> {
    sqlx::query_scalar!(
        "delete from control.api_keys where tenant_id = $1 returning secret_hash",
        tenant as _
    )
    .fetch_all(tx.conn())
    .await
}
