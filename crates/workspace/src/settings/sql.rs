//! The statements on `settings`.

use isolation::{TenantTx, Tx};
use kernel::Timestamp;
use serde_json::Value;
use sqlx::Error;

use super::model::{Setting, SettingKey};
use crate::page::PageRequest;

/// Violated when a value that is short as JSON is long as jsonb.
pub(super) const VALUE_SIZE: &str = "settings_value_size";

pub(super) async fn find(tx: &mut TenantTx, key: &SettingKey) -> Result<Option<Setting>, Error> {
    let tenant = tx.tenant_id();
    sqlx::query_as!(
        Setting,
        r#"select key as "key: SettingKey", value, version, updated_at as "updated_at: Timestamp"
           from settings where tenant_id = $1 and key = $2"#,
        tenant as _,
        key.as_str()
    )
    .fetch_optional(tx.conn())
    .await
}

/// Finds it and keeps others from changing it until the transaction ends.
pub(super) async fn lock(tx: &mut TenantTx, key: &SettingKey) -> Result<Option<Setting>, Error> {
    let tenant = tx.tenant_id();
    sqlx::query_as!(
        Setting,
        r#"select key as "key: SettingKey", value, version, updated_at as "updated_at: Timestamp"
           from settings where tenant_id = $1 and key = $2 for update"#,
        tenant as _,
        key.as_str()
    )
    .fetch_optional(tx.conn())
    .await
}

/// Lets one transaction at a time add keys of this tenant, so that the keys can be counted.
pub(super) async fn lock_keys(tx: &mut TenantTx) -> Result<(), Error> {
    let name = format!("settings of {}", tx.tenant_id());
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, 0))", name)
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub(super) async fn count(tx: &mut TenantTx) -> Result<i64, Error> {
    let tenant = tx.tenant_id();
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from settings where tenant_id = $1"#,
        tenant as _
    )
    .fetch_one(tx.conn())
    .await
}

/// Inserts those whose key is not there; answers these.
pub(crate) async fn insert_all(
    tx: &mut TenantTx,
    settings: &[(SettingKey, Value)],
) -> Result<Vec<Setting>, Error> {
    let (tenant, now) = (tx.tenant_id(), tx.now());
    let (keys, values): (Vec<String>, Vec<Value>) = settings
        .iter()
        .map(|(key, value)| (key.to_string(), value.clone()))
        .unzip();
    sqlx::query_as!(
        Setting,
        r#"insert into settings (tenant_id, key, value, version, updated_at)
           select $1, new.key, new.value, 1, $2 from unnest($3::text[], $4::jsonb[]) as new (key, value)
           on conflict (tenant_id, key) do nothing
           returning key as "key: SettingKey", value, version, updated_at as "updated_at: Timestamp""#,
        tenant as _,
        now as _,
        &keys,
        &values
    )
    .fetch_all(tx.conn())
    .await
}

pub(super) async fn update(tx: &mut TenantTx, setting: &Setting) -> Result<(), Error> {
    let tenant = tx.tenant_id();
    sqlx::query!(
        "update settings set value = $3, version = $4, updated_at = $5 where tenant_id = $1 and key = $2",
        tenant as _,
        setting.key.as_str(),
        setting.value,
        setting.version,
        setting.updated_at as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn delete(tx: &mut TenantTx, key: &SettingKey) -> Result<(), Error> {
    let tenant = tx.tenant_id();
    sqlx::query!(
        "delete from settings where tenant_id = $1 and key = $2",
        tenant as _,
        key.as_str()
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn list(tx: &mut TenantTx, page: &PageRequest<SettingKey>) -> Result<Vec<Setting>, Error> {
    let tenant = tx.tenant_id();
    let after = page.after.as_ref().map_or("", SettingKey::as_str);
    sqlx::query_as!(
        Setting,
        r#"select key as "key: SettingKey", value, version, updated_at as "updated_at: Timestamp"
           from settings where tenant_id = $1 and key > $2 order by key limit $3"#,
        tenant as _,
        after,
        page.limit
    )
    .fetch_all(tx.conn())
    .await
}
