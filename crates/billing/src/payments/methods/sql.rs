//! The statements on `control.payment_methods`.

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};

use super::model::{MethodId, PaymentMethod};
use crate::providers::ProviderKind;

macro_rules! select {
    ($rest:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            PaymentMethod,
            r#"select id as "id: MethodId", tenant_id as "tenant_id: TenantId", provider as "provider: ProviderKind", kind,
                   reference, label, brand, last4, exp_month, exp_year, is_default, created_at as "created_at: Timestamp"
            from control.payment_methods "# + $rest $(, $argument)*
        )
    };
}

pub(super) async fn list(tx: &mut ControlTx, tenant: TenantId) -> Result<Vec<PaymentMethod>, sqlx::Error> {
    select!(
        "where tenant_id = $1 and removed_at is null order by id",
        tenant as _
    )
    .fetch_all(tx.conn())
    .await
}

pub(super) async fn get(
    tx: &mut ControlTx,
    tenant: TenantId,
    id: MethodId,
) -> Result<Option<PaymentMethod>, sqlx::Error> {
    select!(
        "where tenant_id = $1 and id = $2 and removed_at is null",
        tenant as _,
        id as _
    )
    .fetch_optional(tx.conn())
    .await
}

pub(super) async fn default(
    tx: &mut ControlTx,
    provider: ProviderKind,
    tenant: TenantId,
) -> Result<Option<PaymentMethod>, sqlx::Error> {
    select!(
        "where tenant_id = $1 and provider = $2 and is_default and removed_at is null",
        tenant as _,
        provider as ProviderKind as _
    )
    .fetch_optional(tx.conn())
    .await
}

pub(super) async fn find(tx: &mut ControlTx, reference: &str) -> Result<Option<PaymentMethod>, sqlx::Error> {
    select!(
        "where provider = 'stripe' and reference = $1 and removed_at is null",
        reference
    )
    .fetch_optional(tx.conn())
    .await
}

/// The tenant's methods, for this transaction alone until it ends: also those that somebody is adding.
pub(super) async fn lock(tx: &mut ControlTx, tenant: TenantId) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended('payment methods ' || $1::text, 0))",
        tenant.to_string()
    )
    .execute(tx.conn())
    .await
    .map(drop)
}

/// When what is written of the method was asked for; none where it was not, or there is no such method.
pub(super) async fn seen_at(tx: &mut ControlTx, reference: &str) -> Result<Option<Timestamp>, sqlx::Error> {
    let found = sqlx::query_scalar!(
        r#"select seen_at as "seen_at: Timestamp" from control.payment_methods where provider = 'stripe' and reference = $1"#,
        reference
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.flatten())
}

/// Inserts it, or describes anew the one that the provider calls the same; answers its identifier, and whether it is new.
pub(super) async fn put(
    tx: &mut ControlTx,
    method: &PaymentMethod,
    seen_at: Option<Timestamp>,
) -> Result<(MethodId, bool), sqlx::Error> {
    let now = tx.now();
    let row = sqlx::query!(
        r#"insert into control.payment_methods as m
             (id, tenant_id, provider, kind, reference, label, brand, last4, exp_month, exp_year, is_default, seen_at,
              created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, false, $11, $12, $12)
         on conflict (provider, reference) do update
         set label = excluded.label, brand = excluded.brand, last4 = excluded.last4, exp_month = excluded.exp_month,
             exp_year = excluded.exp_year, removed_at = null, seen_at = greatest(m.seen_at, excluded.seen_at),
             version = m.version + 1, updated_at = excluded.updated_at
         where m.tenant_id = excluded.tenant_id
         returning id as "id: MethodId", m.version = 1 as "is_new!""#,
        method.id as _,
        method.tenant_id as _,
        method.provider as ProviderKind as _,
        method.kind,
        method.reference,
        method.label,
        method.brand,
        method.last4,
        method.exp_month,
        method.exp_year,
        seen_at as _,
        now as _
    )
    .fetch_one(tx.conn())
    .await?;
    Ok((row.id, row.is_new))
}

/// Makes this one the default, and no other.
pub(super) async fn set_default(
    tx: &mut ControlTx,
    tenant: TenantId,
    id: MethodId,
) -> Result<(), sqlx::Error> {
    let now = tx.now();
    for is_default in [false, true] {
        sqlx::query!(
            "update control.payment_methods set is_default = $3, version = version + 1, updated_at = $4
             where tenant_id = $1 and removed_at is null and (id = $2) = $3 and is_default <> $3",
            tenant as _,
            id as _,
            is_default,
            now as _
        )
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

pub(super) async fn remove(tx: &mut ControlTx, tenant: TenantId, id: MethodId) -> Result<(), sqlx::Error> {
    let now = tx.now();
    sqlx::query!(
        "update control.payment_methods
         set removed_at = $3, is_default = false, version = version + 1, updated_at = $3
         where tenant_id = $1 and id = $2 and removed_at is null",
        tenant as _,
        id as _,
        now as _
    )
    .execute(tx.conn())
    .await
    .map(drop)
}

/// Erases the tenant's methods; of those that something was paid with what tells nothing of their owner stays.
pub(super) async fn erase(tx: &mut ControlTx, tenant: TenantId) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from control.payment_methods m where tenant_id = $1
             and not exists (select from control.payment_attempts a where a.tenant_id = $1 and a.method_id = m.id)",
        tenant as _
    )
    .execute(tx.conn())
    .await?;
    let now = tx.now();
    sqlx::query!(
        "update control.payment_methods
         set reference = null, label = 'Erased', brand = null, last4 = null, exp_month = null, exp_year = null,
             is_default = false, removed_at = coalesce(removed_at, $2), version = version + 1, updated_at = $2
         where tenant_id = $1",
        tenant as _,
        now as _
    )
    .execute(tx.conn())
    .await
    .map(drop)
}
