//! What operators and tenants are answered about subscriptions, invoices and accounts: how their failures become problems, and
//! invoices as files.

use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use billing::accounts::AccountError;
use billing::invoices::InvoiceError;
use billing::payments::refunds::{RefundError, RefundOrderError};
use billing::rendering::{self, InvoiceDocument};
use billing::subscriptions::SubscriptionError;
use edge::{Patch, ProblemResponse};
use kernel::{Code, FieldError, Problem};
use tenants::ChangeTenantError;

use crate::failure::unexpected;

/// The largest amount that somebody writes down by hand, in minor units.
pub const LARGEST_AMOUNT: i64 = 999_999_999_999;

/// What a PATCH wants of a field, as operations take it.
pub fn wish<T>(patch: Patch<T>) -> Option<Option<T>> {
    match patch {
        Patch::Keep => None,
        Patch::Clear => Some(None),
        Patch::Set(value) => Some(Some(value)),
    }
}

/// Refuses an amount that is none.
pub fn check_amount(errors: &mut Vec<FieldError>, pointer: &str, amount: Option<i64>) {
    if amount.is_some_and(|amount| !(1..=LARGEST_AMOUNT).contains(&amount)) {
        let detail = format!("must be from 1 to {LARGEST_AMOUNT}, in minor units");
        errors.push(FieldError::new(pointer, detail));
    }
}

/// Refuses words that are empty, too long, or more than a line.
pub fn check_line(errors: &mut Vec<FieldError>, pointer: &str, text: Option<&str>, most: usize) {
    let is_line = |text: &str| {
        text.trim() == text
            && (1..=most).contains(&text.chars().count())
            && !text.chars().any(char::is_control)
    };
    if !text.is_none_or(is_line) {
        let detail = format!("must be one line of 1 to {most} characters");
        errors.push(FieldError::new(pointer, detail));
    }
}

/// A subscription could not be changed so.
pub fn subscription_refused(error: SubscriptionError) -> ProblemResponse {
    use SubscriptionError as E;
    match error {
        E::Database(error) => unexpected(error),
        E::NotFound | E::NoAccount => Code::NotFound.into(),
        E::VersionMismatch { .. } => Code::PreconditionFailed.into(),
        E::WrongStatus { .. } => Problem::new(Code::InvalidTransition, sentence(&error)).into(),
        E::Exists => Problem::new(Code::Conflict, sentence(&error)).into(),
        E::Invalid(errors) => Problem::invalid(errors).into(),
        E::Coupon(refused) => field("/coupon", &refused),
        E::Rate(refused) => field("", &refused),
        E::BeyondCalendar(refused) => field("", &refused),
        E::Tenant(error) => tenant_refused(error),
        E::Invoice(error) => invoice_refused(error),
        E::EditionMissing(_) => ProblemResponse::internal(error),
    }
}

/// A tenant could not be changed so.
pub fn tenant_refused(error: ChangeTenantError) -> ProblemResponse {
    use ChangeTenantError as E;
    match error {
        E::Database(error) => unexpected(error),
        E::NotFound => Code::NotFound.into(),
        E::VersionMismatch(_) => Code::PreconditionFailed.into(),
        E::Settings(invalid) => Problem::invalid(vec![invalid.at("/config/settings")]).into(),
        E::SlugTaken => Problem::new(Code::SlugTaken, sentence(&error)).into(),
        E::InvalidTransition(_) | E::NotEditable(_) => {
            Problem::new(Code::InvalidTransition, sentence(&error)).into()
        }
    }
}

/// An invoice could not be made or changed so.
pub fn invoice_refused(error: InvoiceError) -> ProblemResponse {
    use InvoiceError as E;
    match error {
        E::Database(error) => unexpected(error),
        E::NotFound | E::RefundNotFound | E::NoAccount => Code::NotFound.into(),
        E::VersionMismatch { .. } => Code::PreconditionFailed.into(),
        E::WrongStatus { .. } | E::PartlyPaid | E::CarriesDebt | E::Empty => {
            Problem::new(Code::InvalidTransition, sentence(&error)).into()
        }
        E::TooMuch(most) if most.is_zero() => {
            Problem::new(Code::Conflict, "Nothing is left that could be given back.").into()
        }
        E::TooMuch(_) | E::NotPositive | E::NegativeLine => field("/amount", &error),
        E::PaymentNotFound => field("/paymentId", &"is no payment of this invoice"),
        E::OtherRefund | E::OtherPayment => Problem::new(Code::Conflict, sentence(&error)).into(),
        E::Money(refused) => field("", &refused),
        E::Rate(refused) => field("", &refused),
    }
}

/// Money could not be given back so.
pub fn refund_refused(error: RefundOrderError) -> ProblemResponse {
    match error {
        RefundOrderError::Invoice(error) => invoice_refused(error),
        RefundOrderError::WhichPayment => field(
            "/paymentId",
            &"is required: more than one payment of this invoice can be refunded",
        ),
        RefundOrderError::Refund(RefundError::Database(error)) => unexpected(error),
        RefundOrderError::Refund(error @ RefundError::NotPaid) => {
            Problem::new(Code::Conflict, sentence(&error)).into()
        }
        RefundOrderError::Refund(error @ (RefundError::AboveLeft { .. } | RefundError::Amount)) => {
            field("/amount", &error)
        }
    }
}

/// An account could not be changed so.
pub fn account_refused(error: AccountError) -> ProblemResponse {
    match error {
        AccountError::Database(error) => unexpected(error),
        AccountError::NotFound => Code::NotFound.into(),
        AccountError::VersionMismatch { .. } => Code::PreconditionFailed.into(),
        AccountError::Invalid(invalid) => Problem::invalid(invalid.0).into(),
        AccountError::Exists | AccountError::CurrencyInUse => {
            Problem::new(Code::Conflict, sentence(&error)).into()
        }
    }
}

fn field(pointer: &str, detail: &impl std::fmt::Display) -> ProblemResponse {
    Problem::invalid(vec![FieldError::new(pointer, detail.to_string())]).into()
}

/// An error's text as a sentence.
fn sentence(error: &impl std::fmt::Display) -> String {
    let text = error.to_string();
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        format!("{}{}.", first.to_uppercase(), characters.as_str())
    })
}

/// The document as a PDF that a browser shows or keeps under its number.
pub fn pdf(document: &InvoiceDocument) -> Response {
    let number = document.number.as_deref().unwrap_or("draft");
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    let name: String = number
        .chars()
        .map(|character| if plain(character) { character } else { '_' })
        .collect();
    let named = HeaderValue::try_from(format!("inline; filename=\"{name}.pdf\""));
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/pdf")),
        (
            CONTENT_DISPOSITION,
            named.unwrap_or(HeaderValue::from_static("inline")),
        ),
    ];
    (headers, rendering::pdf(document)).into_response()
}

/// The document as a page of its own, which runs and loads nothing.
pub fn html(document: &InvoiceDocument) -> Response {
    const POLICY: HeaderValue = HeaderValue::from_static(
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, POLICY),
    ];
    (headers, rendering::html(document)).into_response()
}
