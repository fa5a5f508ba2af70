//! Statements on `control.billing_accounts`.

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};

use super::model::{AccountId, Address, BillingAccount};
use crate::columns::parsed;
use crate::providers::ProviderKind;

struct Row {
    id: AccountId,
    tenant_id: TenantId,
    provider: ProviderKind,
    email: Option<String>,
    name: String,
    line1: String,
    line2: String,
    postal_code: String,
    city: String,
    region: Option<String>,
    country: Option<String>,
    tax_number: Option<String>,
    tax_exempt: bool,
    currency: String,
    time_zone: String,
    locale: String,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Row {
    fn account(self) -> Result<BillingAccount, sqlx::Error> {
        Ok(BillingAccount {
            id: self.id,
            tenant_id: self.tenant_id,
            provider: self.provider,
            email: self.email,
            name: self.name,
            address: Address {
                line1: self.line1,
                line2: self.line2,
                postal_code: self.postal_code,
                city: self.city,
                region: self.region,
                country: self.country,
            },
            tax_number: self.tax_number,
            tax_exempt: self.tax_exempt,
            currency: parsed(&self.currency)?,
            time_zone: parsed(&self.time_zone)?,
            locale: self.locale,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

/// One literal for both: with the lock and without.
macro_rules! select {
    ($tx:expr, $tenant:expr, $lock:literal) => {
        sqlx::query_as!(
            Row,
            r#"select id as "id: AccountId", tenant_id as "tenant_id: TenantId", provider as "provider: ProviderKind",
                      email, name, line1, line2, postal_code, city, region, country, tax_number, tax_exempt, currency,
                      time_zone, locale, version, created_at as "created_at: Timestamp",
                      updated_at as "updated_at: Timestamp"
               from control.billing_accounts where tenant_id = $1"#
                + $lock,
            $tenant as _
        )
        .fetch_optional($tx.conn())
        .await?
        .map(Row::account)
        .transpose()
    };
}

pub(super) async fn get(tx: &mut ControlTx, tenant: TenantId) -> Result<Option<BillingAccount>, sqlx::Error> {
    select!(tx, tenant, "")
}

pub(super) async fn lock(
    tx: &mut ControlTx,
    tenant: TenantId,
) -> Result<Option<BillingAccount>, sqlx::Error> {
    select!(tx, tenant, " for no key update")
}

/// Answers how far billing's time is ahead, in the same round trip.
pub(super) async fn insert(tx: &mut ControlTx, account: &BillingAccount) -> Result<i64, sqlx::Error> {
    let address = &account.address;
    sqlx::query_scalar!(
        "insert into control.billing_accounts
             (tenant_id, id, provider, email, name, line1, line2, postal_code, city, region, country, tax_number,
              tax_exempt, currency, time_zone, locale, version, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $18)
         returning coalesce((select offset_micros from control.billing_clock), 0) as \"ahead!\"",
        account.tenant_id as _,
        account.id as _,
        account.provider.name(),
        account.email,
        account.name,
        address.line1,
        address.line2,
        address.postal_code,
        address.city,
        address.region,
        address.country,
        account.tax_number,
        account.tax_exempt,
        account.currency.code(),
        account.time_zone.name(),
        account.locale,
        account.version,
        account.created_at as _
    )
    .fetch_one(tx.conn())
    .await
}

pub(super) async fn save(tx: &mut ControlTx, account: &BillingAccount) -> Result<(), sqlx::Error> {
    let address = &account.address;
    sqlx::query!(
        "update control.billing_accounts
         set provider = $2, email = $3, name = $4, line1 = $5, line2 = $6, postal_code = $7, city = $8, region = $9,
             country = $10, tax_number = $11, tax_exempt = $12, currency = $13, time_zone = $14, locale = $15,
             version = $16, updated_at = $17
         where tenant_id = $1",
        account.tenant_id as _,
        account.provider.name(),
        account.email,
        account.name,
        address.line1,
        address.line2,
        address.postal_code,
        address.city,
        address.region,
        address.country,
        account.tax_number,
        account.tax_exempt,
        account.currency.code(),
        account.time_zone.name(),
        account.locale,
        account.version,
        account.updated_at as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn has_live_subscription(tx: &mut ControlTx, tenant: TenantId) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (select from control.subscriptions where tenant_id = $1 and status <> 'canceled') as "live!""#,
        tenant as _
    )
    .fetch_one(tx.conn())
    .await
}
