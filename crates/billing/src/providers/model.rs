//! What is said to a provider, and what it answers.

use kernel::{Secret, Timestamp};
use pricing::Money;

use super::failure::Decline;
use crate::stripe::amounts;

/// Who collects.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    sqlx::Type,
    utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum ProviderKind {
    /// Nobody: payments are recorded by hand.
    Ledger,
    /// Stripe.
    Stripe,
}

impl ProviderKind {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::Stripe => "stripe",
        }
    }

    /// The least that can be charged, in minor units; less is carried over to the next invoice.
    pub fn minimum(self, currency: pricing::Currency) -> i64 {
        match self {
            Self::Ledger => 0,
            Self::Stripe => amounts::minimum(currency.code()),
        }
    }
}

/// Whom a customer is made from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contact {
    /// Our identifier of the tenant.
    pub tenant: String,
    /// What the provider shows.
    pub name: String,
    /// Where it may write to.
    pub email: Option<String>,
}

/// A customer at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// What the provider calls it.
    pub reference: String,
    /// The method that it charges when none is named.
    pub default_method: Option<String>,
    /// Whether real money is behind it.
    pub livemode: bool,
}

/// Something to pay with, as far as people recognise it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodDetails {
    /// What the provider calls it.
    pub reference: String,
    /// `card`, `sepa_debit`, …
    pub kind: String,
    /// What people recognise it by.
    pub label: String,
    /// The card's brand, the bank's name.
    pub brand: Option<String>,
    /// The last digits.
    pub last4: Option<String>,
    /// Until when a card is valid: the month, from 1.
    pub exp_month: Option<i16>,
    /// And the year.
    pub exp_year: Option<i16>,
    /// The customer that it belongs to.
    pub customer: Option<String>,
}

/// What a browser needs to add a method without our seeing it.
#[derive(Debug, Clone)]
pub struct Setup {
    /// What the provider calls it.
    pub reference: String,
    /// What lets the browser go on with it.
    pub client_secret: Secret<String>,
}

/// A charge to be made. Whoever repeats it says the very same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargeOrder {
    /// Our identifier of the attempt; the provider keeps it with the charge, so that it can be found.
    pub attempt: String,
    /// Our identifier of the invoice.
    pub invoice: String,
    /// Our identifier of the tenant.
    pub tenant: String,
    /// How much.
    pub amount: Money,
    /// Whom.
    pub customer: String,
    /// By what.
    pub method: String,
    /// What stands on the payer's statement of the provider.
    pub description: String,
    /// What makes asking twice the same as asking once.
    pub idempotency_key: String,
    /// When it was asked for first; nothing of it can be older.
    pub since: Timestamp,
}

/// Where a charge stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The money is ours.
    Succeeded,
    /// The bank takes its time, as with a direct debit.
    Processing,
    /// The payer has to confirm it himself.
    RequiresAction(Option<Decline>),
    /// It was refused.
    Declined(Decline),
    /// It was called off before anything was charged.
    Canceled,
}

/// A charge at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// What the provider calls it.
    pub reference: Option<String>,
    /// Where it stands.
    pub outcome: Outcome,
    /// The provider's identifier of the request that said so.
    pub request_id: Option<String>,
    /// What the payer paid with, where that is known.
    pub method: Option<String>,
}

/// Money to be sent back. Whoever repeats it says the very same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundOrder {
    /// Our identifier of the refund.
    pub refund: String,
    /// Our identifier of the tenant.
    pub tenant: String,
    /// What the provider calls the charge.
    pub charge: String,
    /// How much of it.
    pub amount: Money,
    /// What makes asking twice the same as asking once.
    pub idempotency_key: String,
}

/// Where a refund stands.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    sqlx::Type,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum RefundStatus {
    /// Written down, not asked for yet.
    Created,
    /// Asked for.
    Sent,
    /// Whether it happened is being looked up.
    Unknown,
    /// On its way.
    Pending,
    /// The payee has to say where to.
    RequiresAction,
    /// The payee has it.
    Succeeded,
    /// It came back, or was refused.
    Failed,
    /// It was called off.
    Canceled,
}

/// A refund at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundState {
    /// What the provider calls it.
    pub reference: String,
    /// Where it stands.
    pub status: RefundStatus,
    /// Why it failed.
    pub failure: Option<String>,
    /// The provider's identifier of the request that said so.
    pub request_id: Option<String>,
}

/// A page of the provider's to add a method at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckoutOrder {
    /// Whom.
    pub customer: String,
    /// Our identifier of the tenant.
    pub tenant: String,
    /// Where the browser goes afterwards.
    pub success_url: String,
    /// And where when nothing came of it.
    pub cancel_url: String,
    /// What makes asking twice the same as asking once.
    pub idempotency_key: String,
}

/// A page of the provider's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckoutLink {
    /// What the provider calls it.
    pub reference: String,
    /// Where it is.
    pub url: String,
}

/// What tax falls due on some lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxQuestion {
    /// Whose address and tax numbers count.
    pub customer: String,
    /// What is sold: a name of each line's own, and how much without tax.
    pub lines: Vec<(String, Money)>,
}

/// The tax on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxLine {
    /// The line's name.
    pub line: String,
    /// The tax.
    pub tax: Money,
}

/// The tax on all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxAnswer {
    /// What the provider calls its calculation.
    pub reference: String,
    /// The tax on each line.
    pub lines: Vec<TaxLine>,
}
