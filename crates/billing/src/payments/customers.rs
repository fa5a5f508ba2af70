//! Who a tenant is at the provider: made once, when it is first needed, and deleted there with the tenant.

use isolation::{ControlTx, Tx};
use jobs::{Handlers, Job, JobError, Queue};
use kernel::TenantId;
use serde::{Deserialize, Serialize};

use super::{Payments, PaymentsError, calls, methods};
use crate::accounts::{self, AccountError};
use crate::providers::{Contact, Customer, Failure, ProviderKind};
use crate::stripe::provider::TENANT;

/// The customer's reference, if the provider has one for the tenant.
pub async fn find(
    tx: &mut ControlTx,
    provider: ProviderKind,
    tenant: TenantId,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        "select reference from control.provider_customers where tenant_id = $1 and provider = $2",
        tenant as _,
        provider as ProviderKind as _
    )
    .fetch_optional(tx.conn())
    .await
}

/// The tenant behind a customer's reference.
pub(super) async fn tenant_of(tx: &mut ControlTx, reference: &str) -> Result<Option<TenantId>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select tenant_id as "tenant: TenantId" from control.provider_customers
         where provider = 'stripe' and reference = $1"#,
        reference
    )
    .fetch_optional(tx.conn())
    .await
}

/// The tenant's customer at the provider, made now if there is none. Not to be called while a transaction is open.
pub async fn ensure(payments: &Payments, tenant: TenantId) -> Result<String, PaymentsError> {
    payments.provider().stripe()?;
    let kind = payments.provider().kind();
    let mut tx = payments.system().control().await?;
    if let Some(reference) = find(&mut tx, kind, tenant).await? {
        return Ok(reference);
    }
    let contact = contact(&mut tx, tenant).await?;
    drop(tx);
    let call = calls::begin(payments, tenant, "create_customer", "").await?;
    let made = make(payments, &call, &contact).await;
    calls::settle(
        payments,
        &call,
        made.as_ref().map(|customer| &*customer.reference),
    )
    .await?;
    let made = made?;
    keep(payments, kind, tenant, &made).await?;
    Ok(made.reference)
}

/// Whom the tenant's invoices are for.
async fn contact(tx: &mut ControlTx, tenant: TenantId) -> Result<Contact, sqlx::Error> {
    let account = match accounts::get(tx, tenant).await {
        Ok(account) => Some(account),
        Err(AccountError::Database(error)) => return Err(error),
        Err(_) => None,
    };
    Ok(Contact {
        tenant: tenant.to_string(),
        name: account
            .as_ref()
            .map_or_else(String::new, |account| account.name.clone()),
        email: account.and_then(|account| account.email),
    })
}

async fn make(payments: &Payments, call: &calls::Call, contact: &Contact) -> Result<Customer, Failure> {
    let provider = payments.provider();
    if let Some(reference) = &call.reference {
        return provider.customer(reference).await;
    }
    if let Some(since) = call.forgotten_since {
        if let Some(found) = look_up(payments, since.as_micros().div_euclid(1_000_000), contact).await? {
            return Ok(found);
        }
        return Err(Failure::NotFound);
    }
    provider.create_customer(contact, &call.key).await
}

/// The customer that a call of long ago made, if it did.
async fn look_up(payments: &Payments, since: i64, contact: &Contact) -> Result<Option<Customer>, Failure> {
    let client = payments.provider().stripe()?;
    let mut after: Option<String> = None;
    loop {
        let page = client
            .customers(since - 3600, since + 40 * 86_400, after.as_deref())
            .await?
            .object;
        after = page.data.last().map(|customer| customer.id.clone());
        let is_it =
            |metadata: &crate::stripe::objects::Metadata| metadata.get(TENANT) == Some(&contact.tenant);
        if let Some(found) = page
            .data
            .iter()
            .find(|customer| !customer.deleted && is_it(&customer.metadata))
        {
            return payments.provider().customer(&found.id).await.map(Some);
        }
        if !page.has_more || after.is_none() {
            return Ok(None);
        }
    }
}

async fn keep(
    payments: &Payments,
    kind: ProviderKind,
    tenant: TenantId,
    customer: &Customer,
) -> Result<(), sqlx::Error> {
    let mut tx = payments.system().control().await?;
    let now = tx.now();
    sqlx::query!(
        "insert into control.provider_customers (tenant_id, provider, reference, livemode, created_at)
         values ($1, $2, $3, $4, $5) on conflict (tenant_id, provider) do nothing",
        tenant as _,
        kind as ProviderKind as _,
        customer.reference,
        customer.livemode,
        now as _
    )
    .execute(tx.conn())
    .await?;
    tx.commit().await
}

/// Has the provider delete a customer. It names no tenant, because the tenant is gone.
#[derive(Debug, Serialize, Deserialize)]
struct DeleteCustomer {
    customer: String,
}

impl Job for DeleteCustomer {
    const KIND: &'static str = "billing.delete_customer";
}

/// With the jobs of customers.
pub(super) fn handlers(payments: &Payments, handlers: Handlers) -> Handlers {
    let payments = payments.clone();
    handlers.on(move |_, job: DeleteCustomer| {
        let payments = payments.clone();
        async move {
            let deleted = payments.provider().delete_customer(&job.customer).await;
            deleted.map_err(|failure| JobError::Retry(failure.to_string()))
        }
    })
}

/// Forgets who the tenant is at its provider and what it paid with, and has the provider do the same after the commit. What
/// was paid stays, with the provider's names for it: the books need them.
pub(crate) async fn forget(tx: &mut ControlTx, tenant: TenantId) -> Result<(), sqlx::Error> {
    let customers = sqlx::query_scalar!(
        "delete from control.provider_customers where tenant_id = $1 returning reference",
        tenant as _
    )
    .fetch_all(tx.conn())
    .await?;
    for customer in customers {
        tx.enqueue(&DeleteCustomer { customer }).await?;
    }
    methods::forget(tx, tenant).await?;
    for statement in [
        sqlx::query!(
            "delete from control.provider_objects where tenant_id = $1",
            tenant as _
        ),
        sqlx::query!(
            "delete from control.provider_calls where tenant_id = $1",
            tenant as _
        ),
        sqlx::query!(
            "update control.payment_attempts set customer = null, method = null
             where tenant_id = $1 and settled_at is not null",
            tenant as _
        ),
    ] {
        statement.execute(tx.conn()).await?;
    }
    Ok(())
}
