//! Why nothing can be done with an invoice.

use pricing::{Money, MoneyError, RateError};

use super::model::InvoiceStatus;
use crate::accounts::AccountError;

/// Nothing can be done so with an invoice, a payment or a refund.
#[derive(Debug, thiserror::Error)]
pub enum InvoiceError {
    /// There is none.
    #[error("there is no such invoice")]
    NotFound,
    /// Its payment is unknown.
    #[error("there is no such payment")]
    PaymentNotFound,
    /// The refund is unknown.
    #[error("there is no such refund")]
    RefundNotFound,
    /// The tenant has no billing account.
    #[error("the tenant has no billing account")]
    NoAccount,
    /// Somebody else changed it first.
    #[error("the invoice was changed in the meantime")]
    VersionMismatch {
        /// The version it is of.
        current: i64,
    },
    /// It does not stand where that is possible.
    #[error("an invoice that is {} cannot be {action}", status.name())]
    WrongStatus {
        /// Where it stands.
        status: InvoiceStatus,
        /// What was asked for.
        action: &'static str,
    },
    /// Something of it was paid.
    #[error("an invoice of which something was paid cannot be voided; issue a credit note")]
    PartlyPaid,
    /// It collects what was carried over from an earlier invoice.
    #[error("an invoice that collects an earlier one's rest cannot be voided; issue a credit note")]
    CarriesDebt,
    /// A line that sells for less than nothing.
    #[error("a line cannot be negative; issue a credit note or change the balance")]
    NegativeLine,
    /// Nothing is on it.
    #[error("an invoice needs at least one line")]
    Empty,
    /// More would be given back than there was.
    #[error("at most {} can be given back", .0)]
    TooMuch(Money),
    /// An amount that must be more than nothing.
    #[error("the amount must be more than nothing")]
    NotPositive,
    /// Another refund has the identifier.
    #[error("the refund is known with another amount")]
    OtherRefund,
    /// Another payment has the identifier.
    #[error("the payment is known with another amount or invoice")]
    OtherPayment,
    /// It cannot be reckoned.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// Usage cannot be rated.
    #[error(transparent)]
    Rate(#[from] RateError),
    /// The database refused or did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl From<AccountError> for InvoiceError {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Database(error) => Self::Database(error),
            _ => Self::NoAccount,
        }
    }
}
