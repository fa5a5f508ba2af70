//! Adding, choosing and removing. What asks the provider comes first, outside any transaction; what writes it down takes
//! the transaction of the change.

use audit::{Event, EventType};
use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};

use super::model::{MethodId, NewMethod, PaymentMethod};
use super::sql;
use crate::dunning;
use crate::payments::{Payments, PaymentsError, calls, customers, freshness};
use crate::providers::{MethodDetails, ProviderKind, Setup};

/// A method could not be added, chosen or removed.
#[derive(Debug, thiserror::Error)]
pub enum MethodError {
    /// The tenant has no such method.
    #[error("there is no such method")]
    NotFound,
    /// It is another customer's at the provider.
    #[error("the method is another customer's")]
    ForSomebodyElse,
    /// The installation's provider takes no such methods.
    #[error("the provider takes no such method")]
    Unsupported,
    /// The database.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// A method that the provider has given to the tenant's customer, to be written down.
#[derive(Debug, Clone)]
pub struct AttachedMethod(MethodDetails);

/// The tenant's methods, oldest first.
pub async fn list(tx: &mut ControlTx, tenant: TenantId) -> Result<Vec<PaymentMethod>, MethodError> {
    Ok(sql::list(tx, tenant).await?)
}

/// One of the tenant's methods.
pub async fn get(tx: &mut ControlTx, tenant: TenantId, id: MethodId) -> Result<PaymentMethod, MethodError> {
    sql::get(tx, tenant, id).await?.ok_or(MethodError::NotFound)
}

/// What the tenant's invoices are paid by.
pub(crate) async fn default(
    tx: &mut ControlTx,
    provider: ProviderKind,
    tenant: TenantId,
) -> Result<Option<PaymentMethod>, sqlx::Error> {
    sql::default(tx, provider, tenant).await
}

/// Begins to add a method in the payer's browser. `subject` is what makes two requests the same.
pub async fn set_up(
    payments: &Payments,
    tenant: TenantId,
    customer: &str,
    subject: &str,
) -> Result<Setup, PaymentsError> {
    let call = calls::begin(payments, tenant, "set_up", subject).await?;
    let made = payments
        .provider()
        .set_up(customer, &tenant.to_string(), &call.key)
        .await;
    calls::settle(payments, &call, made.as_ref().map(|setup| &*setup.reference)).await?;
    Ok(made?)
}

/// Has the provider give a method to the tenant's customer. Not to be called while a transaction is open.
pub async fn attach(
    payments: &Payments,
    tenant: TenantId,
    customer: &str,
    reference: &str,
    subject: &str,
) -> Result<AttachedMethod, PaymentsError> {
    let call = calls::begin(payments, tenant, "attach", subject).await?;
    let attached = match &call.reference {
        Some(done) => payments.provider().method(done).await,
        None => payments.provider().attach(customer, reference, &call.key).await,
    };
    calls::settle(
        payments,
        &call,
        attached.as_ref().map(|method| &*method.reference),
    )
    .await?;
    Ok(AttachedMethod(attached?))
}

/// Writes down what was attached, as the default if it is the first or the caller wants that.
pub async fn keep(
    tx: &mut ControlTx,
    tenant: TenantId,
    attached: AttachedMethod,
    is_default: bool,
) -> Result<PaymentMethod, MethodError> {
    let now = tx.now();
    let method = PaymentMethod::of(tx.new_id(), tenant, attached.0, now);
    add(tx, method, is_default, None).await
}

/// Writes down how the tenant pays where nobody is charged.
pub async fn add_by_hand(
    tx: &mut ControlTx,
    provider: ProviderKind,
    tenant: TenantId,
    new: NewMethod,
) -> Result<PaymentMethod, MethodError> {
    let noted = new.kind.filter(|_| provider == ProviderKind::Ledger);
    let kind = noted.ok_or(MethodError::Unsupported)?;
    let label = new.label.map(|label| label.trim().to_owned());
    let method = PaymentMethod {
        id: tx.new_id(),
        tenant_id: tenant,
        provider: ProviderKind::Ledger,
        kind: kind.name().to_owned(),
        reference: None,
        label: label.unwrap_or_else(|| kind.name().replace('_', " ")),
        brand: None,
        last4: None,
        exp_month: None,
        exp_year: None,
        is_default: false,
        created_at: tx.now(),
    };
    add(tx, method, new.default, None).await
}

async fn add(
    tx: &mut ControlTx,
    method: PaymentMethod,
    is_default: bool,
    seen_at: Option<Timestamp>,
) -> Result<PaymentMethod, MethodError> {
    let tenant = method.tenant_id;
    sql::lock(tx, tenant).await?;
    let (id, is_new) = sql::put(tx, &method, seen_at)
        .await
        .map_err(|error| match error {
            // The conflict is with another tenant's row, which is not touched.
            sqlx::Error::RowNotFound => MethodError::ForSomebodyElse,
            other => other.into(),
        })?;
    let all = sql::list(tx, tenant).await?;
    if is_default || all.iter().all(|known| !known.is_default) {
        sql::set_default(tx, tenant, id).await?;
        if !all.iter().any(|known| known.id == id && known.is_default) {
            dunning::method_changed(tx, tenant).await?;
        }
    }
    if is_new {
        let event = of(EventType::PaymentMethodAdded, &method, id).meta("kind", &*method.kind);
        audit::record(tx, event).await?;
    }
    get(tx, tenant, id).await
}

/// Has invoices paid by this method from now on; answers it, and what the provider calls it.
pub async fn make_default(
    tx: &mut ControlTx,
    tenant: TenantId,
    id: MethodId,
) -> Result<PaymentMethod, MethodError> {
    sql::lock(tx, tenant).await?;
    let before = get(tx, tenant, id).await?;
    sql::set_default(tx, tenant, id).await?;
    if !before.is_default {
        audit::record(tx, of(EventType::PaymentMethodDefaultSet, &before, id)).await?;
        dunning::method_changed(tx, tenant).await?;
    }
    get(tx, tenant, id).await
}

/// Has the provider charge this one by default too: what it charges by itself, say from its own pages. Not to be called
/// while a transaction is open.
pub async fn tell_default(
    payments: &Payments,
    tenant: TenantId,
    method: &PaymentMethod,
    subject: &str,
) -> Result<(), PaymentsError> {
    let reference = method.reference.as_deref();
    let Some(reference) = reference.filter(|_| payments.provider().kind() == method.provider) else {
        return Ok(());
    };
    let customer = customers::ensure(payments, tenant).await?;
    let call = calls::begin(payments, tenant, "set_default", subject).await?;
    let done = payments
        .provider()
        .set_default(&customer, reference, &call.key)
        .await;
    calls::settle(payments, &call, done.as_ref().map(|()| reference)).await?;
    Ok(done?)
}

/// Has the provider take the method from its customer, for good. Not to be called while a transaction is open.
pub async fn detach(
    payments: &Payments,
    tenant: TenantId,
    method: &PaymentMethod,
) -> Result<(), PaymentsError> {
    let Some(reference) = method.reference.as_deref() else {
        return Ok(());
    };
    if payments.provider().kind() != method.provider {
        return Ok(());
    }
    let call = calls::begin(payments, tenant, "detach", reference).await?;
    let done = payments.provider().detach(reference, &call.key).await;
    calls::settle(payments, &call, done.as_ref().map(|()| reference)).await?;
    Ok(done?)
}

/// Writes down that a method is gone. Of those that are left the oldest becomes the default, if it was that.
pub async fn remove(tx: &mut ControlTx, tenant: TenantId, id: MethodId) -> Result<(), MethodError> {
    sql::lock(tx, tenant).await?;
    let method = get(tx, tenant, id).await?;
    sql::remove(tx, tenant, id).await?;
    audit::record(tx, of(EventType::PaymentMethodRemoved, &method, id)).await?;
    let left = sql::list(tx, tenant).await?;
    if let Some(oldest) = left
        .first()
        .filter(|_| left.iter().all(|known| !known.is_default))
    {
        sql::set_default(tx, tenant, oldest.id).await?;
        dunning::method_changed(tx, tenant).await?;
    }
    Ok(())
}

fn of(kind: EventType, method: &PaymentMethod, id: MethodId) -> Event {
    Event::new(kind)
        .of_tenant(method.tenant_id)
        .resource(id, Some(&method.label))
}

/// What became of what was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refreshed {
    /// It is written down.
    Applied,
    /// Somebody asked the provider later and has written that down.
    Stale,
}

/// Writes down how the provider describes a method that it has given to the tenant's customer, when it was `asked`.
pub(crate) async fn refresh(
    tx: &mut ControlTx,
    tenant: TenantId,
    details: MethodDetails,
    asked: Timestamp,
) -> Result<Refreshed, sqlx::Error> {
    if freshness::is_stale(asked, sql::seen_at(tx, &details.reference).await?) {
        return Ok(Refreshed::Stale);
    }
    let now = tx.now();
    let method = PaymentMethod::of(tx.new_id(), tenant, details, now);
    match add(tx, method, false, Some(asked)).await {
        Ok(_) | Err(MethodError::ForSomebodyElse) => Ok(Refreshed::Applied),
        Err(MethodError::Database(error)) => Err(error),
        Err(other) => Err(sqlx::Error::Protocol(other.to_string())),
    }
}

/// Somebody took the method from its customer at the provider.
pub(crate) async fn removed_at_provider(tx: &mut ControlTx, reference: &str) -> Result<(), sqlx::Error> {
    let Some(method) = sql::find(tx, reference).await? else {
        return Ok(());
    };
    match remove(tx, method.tenant_id, method.id).await {
        Err(MethodError::Database(error)) => Err(error),
        _ => Ok(()),
    }
}

/// Forgets what the tenant paid with: it is being removed.
pub(in crate::payments) async fn forget(tx: &mut ControlTx, tenant: TenantId) -> Result<(), sqlx::Error> {
    sql::erase(tx, tenant).await
}
