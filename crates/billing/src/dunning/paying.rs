//! The payer does not wait for the next try: he pays now, or confirms what waits for him.

use isolation::ControlTx;
use kernel::TenantId;

use super::sql;
use super::steps::{is_owed, order_of};
use crate::accounts::{self, AccountError};
use crate::invoices::{self, InvoiceError, InvoiceId, InvoiceStatus};
use crate::payments::attempts::{self, Attempt, CollectError};
use crate::payments::methods;
use crate::providers::ProviderKind;

/// Nothing can be paid so.
#[derive(Debug, thiserror::Error)]
pub enum PayError {
    /// There is no such invoice.
    #[error(transparent)]
    Invoice(#[from] InvoiceError),
    /// There is no account.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// Nothing of it is due.
    #[error("nothing of this invoice, which is {}, is due", .0.name())]
    NothingDue(InvoiceStatus),
    /// Nobody is charged: the tenant pays on his own.
    #[error("nobody is charged here: it is paid as the invoice says")]
    NobodyCharges,
    /// There is no method.
    #[error("there is no method of payment: add one")]
    NoMethod,
    /// The method was refused for good.
    #[error("the method of payment was refused for good: add another")]
    RefusedForGood,
    /// The database refused or did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// The attempt that is under way for the invoice, or a new one on the default method, which a job makes if the transaction
/// commits. Beside the schedule: this one's failure moves nothing of it.
pub async fn pay(tx: &mut ControlTx, tenant: TenantId, id: InvoiceId) -> Result<Attempt, PayError> {
    let account = accounts::lock(tx, tenant).await?;
    let invoice = invoices::get(tx, tenant, id).await?.invoice;
    if !is_owed(&invoice) {
        return Err(PayError::NothingDue(invoice.status));
    }
    let all = attempts::of_invoice(tx, tenant, id).await?;
    if let Some(open) = all.into_iter().find(|attempt| attempt.status.is_open()) {
        return Ok(open);
    }
    let provider = account.provider;
    if provider == ProviderKind::Ledger {
        return Err(PayError::NobodyCharges);
    }
    let method = methods::default(tx, provider, tenant).await?;
    let method = method.ok_or(PayError::NoMethod)?;
    let case = sql::of_invoice(tx, tenant, id).await?;
    if case.is_some_and(|case| case.refused_method == Some(method.id)) {
        return Err(PayError::RefusedForGood);
    }
    match attempts::collect(tx, provider, order_of(&invoice)).await {
        Ok(attempt) => Ok(attempt),
        Err(CollectError::Uncollectible) => Err(PayError::NobodyCharges),
        Err(CollectError::NoMethod) => Err(PayError::NoMethod),
        // The account's lock keeps others out.
        Err(error @ CollectError::AlreadyOpen) => Err(sqlx::Error::Protocol(error.to_string()).into()),
        Err(CollectError::Database(error)) => Err(error.into()),
    }
}
