//! What can be done with billing accounts.

use audit::{Event, EventType, Personal};
use isolation::{ControlTx, Tx, violates};
use kernel::{TenantId, Timestamp};

use super::model::{Address, BillingAccount, InvalidAccount, NewAccount, UpdateAccount};
use super::sql;

/// An account cannot be made or changed so.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The tenant has none, or there is no such tenant.
    #[error("there is no such billing account")]
    NotFound,
    /// The tenant has one.
    #[error("the tenant has a billing account")]
    Exists,
    /// Somebody else changed it first.
    #[error("the billing account was changed in the meantime")]
    VersionMismatch {
        /// The version it is of.
        current: i64,
    },
    /// A subscription is paid in another currency.
    #[error("the currency cannot change while a subscription is paid in it")]
    CurrencyInUse,
    /// Fields that are wrong.
    #[error(transparent)]
    Invalid(#[from] InvalidAccount),
    /// The database refused or did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Makes a tenant's account.
pub async fn create(
    tx: &mut ControlTx,
    tenant: TenantId,
    new: NewAccount,
) -> Result<BillingAccount, AccountError> {
    let (account, _) = insert(tx, tenant, new).await?;
    let event = event(EventType::BillingAccountCreated, &account)
        .change("provider", None::<&str>, account.provider.name())
        .change("currency", None::<&str>, account.currency.code());
    audit::record(tx, event).await?;
    Ok(account)
}

/// The row alone, and the present by billing's time: whoever makes the tenant with it records that.
pub(crate) async fn insert(
    tx: &mut ControlTx,
    tenant: TenantId,
    new: NewAccount,
) -> Result<(BillingAccount, Timestamp), AccountError> {
    let account = new.account(tx.new_id(), tenant, tx.now());
    let ahead = sql::insert(tx, &account).await.map_err(|error| {
        if violates(&error, "billing_accounts_pkey") {
            AccountError::Exists
        } else if violates(&error, "billing_accounts_tenant_id_fkey") {
            AccountError::NotFound
        } else {
            AccountError::Database(error)
        }
    })?;
    let now = Timestamp::from_micros(account.created_at.as_micros() + ahead);
    Ok((account, now))
}

/// The tenant's account.
pub async fn get(tx: &mut ControlTx, tenant: TenantId) -> Result<BillingAccount, AccountError> {
    sql::get(tx, tenant).await?.ok_or(AccountError::NotFound)
}

/// The tenant's account, for this transaction alone until it ends. Whatever bills the tenant begins with this.
pub async fn lock(tx: &mut ControlTx, tenant: TenantId) -> Result<BillingAccount, AccountError> {
    sql::lock(tx, tenant).await?.ok_or(AccountError::NotFound)
}

/// Changes the account, if it is still of the version that the caller expects.
pub async fn update(
    tx: &mut ControlTx,
    tenant: TenantId,
    expected: Option<i64>,
    update: UpdateAccount,
) -> Result<BillingAccount, AccountError> {
    let before = lock(tx, tenant).await?;
    if expected.is_some_and(|version| version != before.version) {
        return Err(AccountError::VersionMismatch {
            current: before.version,
        });
    }
    let after = before.clone().updated(update)?;
    if after == before {
        return Ok(before);
    }
    if after.currency != before.currency && sql::has_live_subscription(tx, tenant).await? {
        return Err(AccountError::CurrencyInUse);
    }
    save(tx, &before, after).await
}

/// Takes from the account what tells whose it was: the tenant is being removed. Invoices keep what the law wants them to.
pub async fn forget(tx: &mut ControlTx, tenant: TenantId) -> Result<(), AccountError> {
    let Some(before) = sql::lock(tx, tenant).await? else {
        return Ok(());
    };
    let after = BillingAccount {
        email: None,
        name: "Deleted tenant".to_owned(),
        address: Address {
            country: before.address.country.clone(),
            ..Address::default()
        },
        tax_number: None,
        ..before.clone()
    };
    save(tx, &before, after).await?;
    Ok(())
}

async fn save(
    tx: &mut ControlTx,
    before: &BillingAccount,
    after: BillingAccount,
) -> Result<BillingAccount, AccountError> {
    let after = BillingAccount {
        version: before.version + 1,
        updated_at: tx.now(),
        ..after
    };
    sql::save(tx, &after).await?;
    audit::record(tx, changes(before, &after)).await?;
    Ok(after)
}

fn event(kind: EventType, account: &BillingAccount) -> Event {
    Event::new(kind)
        .of_tenant(account.tenant_id)
        .resource(account.id, None)
}

/// Who and where somebody is belongs to him: that it changed is recorded, not what it is.
fn changes(before: &BillingAccount, after: &BillingAccount) -> Event {
    let mut event = event(EventType::BillingAccountUpdated, after)
        .change("provider", before.provider.name(), after.provider.name())
        .change("taxExempt", before.tax_exempt, after.tax_exempt)
        .change("currency", before.currency.code(), after.currency.code())
        .change("timeZone", before.time_zone.name(), after.time_zone.name())
        .change("locale", before.locale.as_str(), after.locale.as_str());
    for (field, changed) in [
        ("email", before.email != after.email),
        ("name", before.name != after.name),
        ("address", before.address != after.address),
        ("taxNumber", before.tax_number != after.tax_number),
    ] {
        if changed {
            event = event.change(field, Personal(()), Personal(()));
        }
    }
    event
}
