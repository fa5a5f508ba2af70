//! Why a step did not come about.

use pricing::periods::BeyondCalendar;

use crate::accounts::AccountError;
use crate::invoices::InvoiceError;
use crate::payments::attempts::CollectError;
use crate::subscriptions::SubscriptionError;

/// A step did not come about; it is tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DunningError {
    /// What it means to the subscription cannot be done.
    #[error(transparent)]
    Subscription(#[from] SubscriptionError),
    /// The invoice cannot be read.
    #[error(transparent)]
    Invoice(#[from] InvoiceError),
    /// The account cannot be read.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// It would be beyond the calendar.
    #[error(transparent)]
    BeyondCalendar(#[from] BeyondCalendar),
    /// The database refused or did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl From<CollectError> for DunningError {
    fn from(error: CollectError) -> Self {
        match error {
            CollectError::Database(error) => Self::Database(error),
            other => Self::Database(sqlx::Error::Protocol(other.to_string())),
        }
    }
}

impl From<tenants::ChangeTenantError> for DunningError {
    fn from(error: tenants::ChangeTenantError) -> Self {
        Self::Subscription(error.into())
    }
}
