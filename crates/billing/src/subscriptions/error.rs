//! Why nothing can be done with a subscription.

use kernel::FieldError;
use pricing::discounts::NotRedeemable;
use pricing::periods::BeyondCalendar;
use pricing::{MoneyError, RateError};
use tenants::ChangeTenantError;

use super::model::SubscriptionStatus;
use crate::accounts::AccountError;
use crate::invoices::InvoiceError;

/// Nothing can be done so with a subscription.
#[derive(Debug, thiserror::Error)]
pub enum SubscriptionError {
    /// There is none, or it is over.
    #[error("the tenant has no subscription")]
    NotFound,
    /// The tenant has one.
    #[error("the tenant has a subscription")]
    Exists,
    /// Somebody else changed it first.
    #[error("the subscription was changed in the meantime")]
    VersionMismatch {
        /// The version it is of.
        current: i64,
    },
    /// It does not stand where that is possible.
    #[error("a subscription that is {} cannot be {action}", status.name())]
    WrongStatus {
        /// Where it stands.
        status: SubscriptionStatus,
        /// What was asked for.
        action: &'static str,
    },
    /// What is wanted is not for sale: the fields that are wrong.
    #[error("what is wanted is not for sale")]
    Invalid(Vec<FieldError>),
    /// The coupon cannot be redeemed.
    #[error(transparent)]
    Coupon(#[from] NotRedeemable),
    /// The edition of its prices is not in the catalogue any more.
    #[error("the catalogue has no edition {0}")]
    EditionMissing(u32),
    /// The tenant cannot be changed.
    #[error(transparent)]
    Tenant(#[from] ChangeTenantError),
    /// An invoice cannot be made.
    #[error(transparent)]
    Invoice(#[from] InvoiceError),
    /// It costs what cannot be reckoned.
    #[error(transparent)]
    Rate(#[from] RateError),
    /// It is beyond the calendar.
    #[error(transparent)]
    BeyondCalendar(#[from] BeyondCalendar),
    /// The tenant has no billing account.
    #[error("the tenant has no billing account")]
    NoAccount,
    /// The database refused or did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl From<MoneyError> for SubscriptionError {
    fn from(error: MoneyError) -> Self {
        Self::Rate(error.into())
    }
}

impl From<AccountError> for SubscriptionError {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Database(error) => Self::Database(error),
            _ => Self::NoAccount,
        }
    }
}

/// One wrong field.
pub(super) fn invalid(pointer: &str, detail: &str) -> SubscriptionError {
    SubscriptionError::Invalid(vec![FieldError::new(pointer, detail)])
}
