//! Stripe's objects, as far as anybody here looks at them. Members that are not named are ignored, so that Stripe may add
//! some; states that are not named are kept as text.

use std::collections::BTreeMap;

use kernel::Secret;
use serde::{Deserialize, Deserializer};

/// A page of a list: `https://docs.stripe.com/api/pagination`.
#[derive(Debug, Clone, Deserialize)]
pub struct List<T> {
    /// What is on it, newest first.
    pub data: Vec<T>,
    /// Whether older ones follow.
    pub has_more: bool,
}

/// `metadata`.
pub type Metadata = BTreeMap<String, String>;

/// A customer.
#[derive(Debug, Clone, Deserialize)]
pub struct Customer {
    /// `cus_…`
    pub id: String,
    /// Whether it is gone; then it has nothing else.
    #[serde(default)]
    pub deleted: bool,
    /// Ours.
    #[serde(default)]
    pub metadata: Metadata,
    /// Whether it is real.
    #[serde(default)]
    pub livemode: bool,
    /// How its invoices are paid.
    #[serde(default)]
    pub invoice_settings: InvoiceSettings,
}

/// How a customer's invoices are paid.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct InvoiceSettings {
    /// `pm_…`
    #[serde(default, deserialize_with = "optional_reference")]
    pub default_payment_method: Option<String>,
}

/// Something to pay with.
#[derive(Debug, Clone, Deserialize)]
pub struct PaymentMethod {
    /// `pm_…`
    pub id: String,
    /// `card`, `sepa_debit`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Whose, if it is attached.
    #[serde(default, deserialize_with = "optional_reference")]
    pub customer: Option<String>,
    /// Of a card.
    #[serde(default)]
    pub card: Option<Card>,
    /// Of a direct debit in euros.
    #[serde(default)]
    pub sepa_debit: Option<BankAccount>,
    /// Of a bank account in the United States.
    #[serde(default)]
    pub us_bank_account: Option<BankAccount>,
}

/// A card.
#[derive(Debug, Clone, Deserialize)]
pub struct Card {
    /// `visa`, …
    pub brand: String,
    /// The last digits.
    pub last4: String,
    /// From 1.
    pub exp_month: i16,
    /// All four digits.
    pub exp_year: i16,
}

/// A bank account.
#[derive(Debug, Clone, Deserialize)]
pub struct BankAccount {
    /// The last digits.
    #[serde(default)]
    pub last4: Option<String>,
    /// The bank's name.
    #[serde(default)]
    pub bank_name: Option<String>,
}

/// A method that is being added.
#[derive(Debug, Clone, Deserialize)]
pub struct SetupIntent {
    /// `seti_…`
    pub id: String,
    /// `succeeded`, `requires_action`, …
    pub status: String,
    /// For the browser.
    #[serde(default)]
    pub client_secret: Option<Secret<String>>,
    /// What was added.
    #[serde(default, deserialize_with = "optional_reference")]
    pub payment_method: Option<String>,
    /// To whom.
    #[serde(default, deserialize_with = "optional_reference")]
    pub customer: Option<String>,
}

/// A payment.
#[derive(Debug, Clone, Deserialize)]
pub struct PaymentIntent {
    /// `pi_…`
    pub id: String,
    /// In Stripe's minor units.
    pub amount: i64,
    /// What has arrived of it.
    #[serde(default)]
    pub amount_received: i64,
    /// In lower case.
    pub currency: String,
    /// `succeeded`, `processing`, `requires_action`, …
    pub status: String,
    /// Whose.
    #[serde(default, deserialize_with = "optional_reference")]
    pub customer: Option<String>,
    /// By what.
    #[serde(default, deserialize_with = "optional_reference")]
    pub payment_method: Option<String>,
    /// Why the last try did not do.
    #[serde(default)]
    pub last_payment_error: Option<PaymentError>,
    /// Ours.
    #[serde(default)]
    pub metadata: Metadata,
    /// For the browser.
    #[serde(default)]
    pub client_secret: Option<Secret<String>>,
    /// When it was made, in seconds.
    #[serde(default)]
    pub created: i64,
}

/// Why a try did not do.
#[derive(Debug, Clone, Deserialize)]
pub struct PaymentError {
    /// `card_declined`, …
    #[serde(default)]
    pub code: Option<String>,
    /// `insufficient_funds`, …
    #[serde(default)]
    pub decline_code: Option<String>,
    /// For people.
    #[serde(default)]
    pub message: Option<String>,
}

/// Money taken.
#[derive(Debug, Clone, Deserialize)]
pub struct Charge {
    /// `ch_…`
    pub id: String,
    /// In Stripe's minor units.
    pub amount: i64,
    /// What has gone back of it.
    #[serde(default)]
    pub amount_refunded: i64,
    /// In lower case.
    pub currency: String,
    /// `succeeded`, `pending`, `failed`.
    pub status: String,
    /// The payment it belongs to.
    #[serde(default, deserialize_with = "optional_reference")]
    pub payment_intent: Option<String>,
}

/// Money sent back.
#[derive(Debug, Clone, Deserialize)]
pub struct Refund {
    /// `re_…`
    pub id: String,
    /// In Stripe's minor units.
    pub amount: i64,
    /// In lower case.
    pub currency: String,
    /// `succeeded`, `pending`, `failed`, `canceled`, `requires_action`.
    #[serde(default)]
    pub status: Option<String>,
    /// The payment it belongs to.
    #[serde(default, deserialize_with = "optional_reference")]
    pub payment_intent: Option<String>,
    /// Why it came back.
    #[serde(default)]
    pub failure_reason: Option<String>,
    /// `duplicate`, `fraudulent`, `requested_by_customer`.
    #[serde(default)]
    pub reason: Option<String>,
    /// Ours.
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: Metadata,
    /// When it was made, in seconds.
    #[serde(default)]
    pub created: i64,
}

/// A payment that is contested.
#[derive(Debug, Clone, Deserialize)]
pub struct Dispute {
    /// `du_…`, `dp_…`
    pub id: String,
    /// In Stripe's minor units.
    pub amount: i64,
    /// In lower case.
    pub currency: String,
    /// `needs_response`, `under_review`, `won`, `lost`, …
    pub status: String,
    /// `fraudulent`, …
    pub reason: String,
    /// The payment it is about.
    #[serde(default, deserialize_with = "optional_reference")]
    pub payment_intent: Option<String>,
    /// Until when evidence may be sent.
    #[serde(default)]
    pub evidence_details: EvidenceDetails,
    /// When it was made, in seconds.
    pub created: i64,
}

/// Until when evidence may be sent.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct EvidenceDetails {
    /// In seconds.
    #[serde(default)]
    pub due_by: Option<i64>,
}

/// A page of Stripe's to pay or to add a method at.
#[derive(Debug, Clone, Deserialize)]
pub struct CheckoutSession {
    /// `cs_…`
    pub id: String,
    /// Where it is, while it is open.
    #[serde(default)]
    pub url: Option<String>,
    /// `payment`, `setup`, `subscription`.
    pub mode: String,
    /// `open`, `complete`, `expired`.
    #[serde(default)]
    pub status: Option<String>,
    /// Whose.
    #[serde(default, deserialize_with = "optional_reference")]
    pub customer: Option<String>,
    /// What was paid.
    #[serde(default, deserialize_with = "optional_reference")]
    pub payment_intent: Option<String>,
    /// What was added.
    #[serde(default, deserialize_with = "optional_reference")]
    pub setup_intent: Option<String>,
    /// Ours.
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: Metadata,
}

/// A page of Stripe's for customers.
#[derive(Debug, Clone, Deserialize)]
pub struct PortalSession {
    /// `bps_…`
    pub id: String,
    /// Where it is.
    pub url: String,
}

/// A subscription or an invoice that somebody made at Stripe: we make none there.
#[derive(Debug, Clone, Deserialize)]
pub struct Foreign {
    /// `sub_…`, `in_…`
    pub id: String,
    /// `active`, `paid`, …
    #[serde(default)]
    pub status: Option<String>,
    /// Whose.
    #[serde(default, deserialize_with = "optional_reference")]
    pub customer: Option<String>,
}

/// What tax falls due.
#[derive(Debug, Clone, Deserialize)]
pub struct TaxCalculation {
    /// `taxcalc_…`
    #[serde(default)]
    pub id: Option<String>,
    /// On each line.
    pub line_items: Option<List<TaxLineItem>>,
}

/// The tax on one line.
#[derive(Debug, Clone, Deserialize)]
pub struct TaxLineItem {
    /// Our name of it.
    pub reference: String,
    /// In Stripe's minor units.
    pub amount_tax: i64,
}

/// What happened at Stripe.
#[derive(Debug, Clone, Deserialize)]
pub struct Event {
    /// `evt_…`
    pub id: String,
    /// `payment_intent.succeeded`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// When, in seconds.
    pub created: i64,
    /// Whether it is real.
    pub livemode: bool,
    /// The version that its object is written in.
    #[serde(default)]
    pub api_version: Option<String>,
    /// To what.
    pub data: EventData,
}

/// What something happened to.
#[derive(Debug, Clone, Deserialize)]
pub struct EventData {
    /// As it was then; for its identifier only.
    pub object: EventObject,
}

/// The identifier of what something happened to.
#[derive(Debug, Clone, Deserialize)]
pub struct EventObject {
    /// A few kinds have none.
    #[serde(default)]
    pub id: Option<String>,
}

/// Where Stripe expands an object that usually is an identifier, the identifier is in it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Reference {
    Id(String),
    Expanded { id: String },
}

fn optional_reference<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(
        Option::<Reference>::deserialize(deserializer)?.map(|reference| match reference {
            Reference::Id(id) | Reference::Expanded { id } => id,
        }),
    )
}

fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
