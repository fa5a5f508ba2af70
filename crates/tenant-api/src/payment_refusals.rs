//! How failures of collecting become problems.

use billing::dunning::PayError;
use billing::payments::PaymentsError;
use billing::payments::methods::MethodError;
use billing::providers::Failure;
use edge::ProblemResponse;
use gate::billing::{account_refused, invoice_refused};
use gate::unexpected;
use kernel::{Code, FieldError, Problem};

use crate::refusals::sentence;

/// What asked the provider did not come about. What the provider does not accept is what the caller gave it at `pointer`.
pub(crate) fn refused(error: PaymentsError, pointer: &str) -> ProblemResponse {
    let invalid = |detail: String| Problem::invalid(vec![FieldError::new(pointer, detail)]).into();
    match error {
        PaymentsError::Database(error) => unexpected(error),
        PaymentsError::Provider(failure) => match failure {
            Failure::Unsupported => Code::ProviderUnsupported.into(),
            Failure::Declined { decline, .. } | Failure::RequiresAction { decline, .. } => {
                Problem::new(Code::PaymentDeclined, decline.message).into()
            }
            Failure::NotFound => invalid("is not known to the payment provider".to_owned()),
            Failure::Invalid { message, .. } => {
                invalid(format!("is not accepted by the payment provider: {message}"))
            }
            Failure::Unknown(_) | Failure::Transient(_) | Failure::Configuration(_) => {
                ProblemResponse::caused(Code::Unavailable, failure)
            }
        },
    }
}

/// An invoice could not be paid so.
pub(crate) fn pay_refused(error: PayError) -> ProblemResponse {
    match error {
        PayError::Database(error) => unexpected(error),
        PayError::Invoice(error) => invoice_refused(error),
        PayError::Account(error) => account_refused(error),
        PayError::NobodyCharges => Code::ProviderUnsupported.into(),
        PayError::NothingDue(_) => Problem::new(Code::InvalidTransition, sentence(&error)).into(),
        PayError::NoMethod | PayError::RefusedForGood => {
            Problem::new(Code::Conflict, sentence(&error)).into()
        }
    }
}

/// A method could not be added, chosen or removed.
pub(crate) fn method_refused(error: MethodError) -> ProblemResponse {
    match error {
        MethodError::NotFound => Code::NotFound.into(),
        MethodError::Unsupported => Code::ProviderUnsupported.into(),
        MethodError::ForSomebodyElse => {
            let detail = "is not known to the payment provider";
            Problem::invalid(vec![FieldError::new("/reference", detail)]).into()
        }
        MethodError::Database(error) => unexpected(error),
    }
}
