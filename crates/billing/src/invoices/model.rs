//! Invoices and their lines: pure.

use kernel::{Entity, Id, TenantId, Timestamp};
use pricing::discounts::Discount;
use pricing::{Currency, Money, Price, ProrationMode, Quantity, Span};
use serde::{Deserialize, Serialize};

use crate::accounts::{Address, BillingAccount};
use crate::subscriptions::SubscriptionId;

/// Marker of invoices.
#[derive(Debug)]
pub enum InvoiceEntity {}
impl Entity for InvoiceEntity {
    const PREFIX: &'static str = "invoice";
}
/// An invoice's identifier.
pub type InvoiceId = Id<InvoiceEntity>;

/// Marker of lines.
#[derive(Debug)]
pub enum LineEntity {}
impl Entity for LineEntity {
    const PREFIX: &'static str = "line";
}
/// A line's identifier.
pub type LineId = Id<LineEntity>;

macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)* }) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, sqlx::Type, utoipa::ToSchema)]
        #[serde(rename_all = "snake_case")]
        #[sqlx(type_name = "text", rename_all = "snake_case")]
        $(#[$about])*
        pub enum $name { $($(#[$doc])* $variant),* }
        impl $name {
            /// The stable name.
            pub const fn name(self) -> &'static str { match self { $(Self::$variant => $word),* } }
        }
    };
}
pub(super) use words;

words! {
    /// Where an invoice stands.
    InvoiceStatus {
        /// It can still change, and has no number.
        Draft = "draft",
        /// It is to be paid.
        Open = "open",
        /// Nothing of it is due any more.
        Paid = "paid",
        /// It was taken back as a whole.
        Void = "void",
        /// Nobody expects it to be paid any more.
        Uncollectible = "uncollectible",
    }
}

words! {
    /// What an invoice is for.
    InvoiceKind {
        /// A period of a subscription, and the usage before it.
        Cycle = "cycle",
        /// A change of a subscription within its period.
        Change = "change",
        /// A month's usage within a longer period.
        Usage = "usage",
        /// What was left when a subscription ended.
        Final = "final",
        /// Whatever somebody wrote on it.
        Manual = "manual",
    }
}

words! {
    /// What a line is.
    LineKind {
        /// A period of a plan or an add-on.
        Subscription = "subscription",
        /// What was used.
        Usage = "usage",
        /// Something charged once.
        OneTime = "one_time",
        /// A part of a period.
        Proration = "proration",
        /// A tax on the lines above.
        Tax = "tax",
        /// What a coupon takes off them.
        Discount = "discount",
        /// What the customer's balance pays, or owes.
        Credit = "credit",
    }
}

impl LineKind {
    /// Whether something is sold by it. The others are made of those when an invoice is added up.
    pub const fn is_sold(self) -> bool {
        matches!(
            self,
            Self::Subscription | Self::Usage | Self::OneTime | Self::Proration
        )
    }
}

words! {
    /// Why tax is charged, or is not.
    TaxTreatment {
        /// It is charged.
        Taxed = "taxed",
        /// The customer owes it to his own country.
        ReverseCharge = "reverse_charge",
        /// The customer owes none.
        Exempt = "exempt",
        /// None is collected there.
        NotCollected = "not_collected",
    }
}

/// One of the two sides of a document, as it was when that became final.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Party {
    /// Who.
    pub name: String,
    /// Where mail reaches him.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Where he is.
    pub address: Address,
    /// His VAT id or other tax number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_number: Option<String>,
}

impl Party {
    /// The customer as his account says now.
    pub(super) fn customer(account: &BillingAccount) -> Self {
        Self {
            name: account.name.clone(),
            email: account.email.clone(),
            address: account.address.clone(),
            tax_number: account.tax_number.clone(),
        }
    }
}

/// A coupon that an invoice is discounted by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppliedCoupon {
    /// What was entered.
    pub code: String,
    /// What the invoice calls it.
    pub name: String,
    /// What it takes off.
    pub discount: Discount,
}

/// Usage that an invoice is to charge for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageWindow {
    /// Whole hours (UTC).
    pub span: Span,
    /// The plan by whose prices.
    pub plan: String,
    /// Of which edition.
    pub edition: u32,
}

/// An invoice. Money is in its currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Invoice {
    /// Which one.
    pub id: InvoiceId,
    /// Whose.
    pub tenant_id: TenantId,
    /// The subscription it is for.
    pub subscription_id: Option<SubscriptionId>,
    /// What it is for.
    pub kind: InvoiceKind,
    /// Where it stands.
    pub status: InvoiceStatus,
    /// The currency of all its amounts.
    pub currency: Currency,
    /// The period it is for.
    pub period: Option<Span>,
    /// When the draft becomes final by itself.
    pub finalize_at: Option<Timestamp>,
    /// The usage that is measured when it becomes final.
    #[serde(skip)]
    pub usage: Option<UsageWindow>,
    /// The coupons that it is discounted by.
    pub coupons: Vec<AppliedCoupon>,
    /// Its number in the books of the legal entity; none while it is a draft.
    pub number: Option<String>,
    /// All that is sold, before discounts.
    pub subtotal: Money,
    /// What coupons take off.
    pub discount: Money,
    /// All taxes.
    pub tax: Money,
    /// What it comes to.
    pub total: Money,
    /// Whether the amounts of the lines have the tax in them.
    pub prices_include_tax: bool,
    /// Why tax is charged, or is not.
    pub tax_treatment: TaxTreatment,
    /// What the customer's balance paid; negative: what it added.
    pub balance_applied: Money,
    /// What was too little to be collected and went to the next invoice.
    pub carried_over: Money,
    /// When it became final.
    pub finalized_at: Option<Timestamp>,
    /// Until when it is to be paid.
    pub due_at: Option<Timestamp>,
    /// Who sells, as it was then.
    pub seller: Option<Party>,
    /// Who buys, as it was then.
    pub customer: Option<Party>,
    /// What was paid of it.
    pub paid: Money,
    /// What came beyond what was due.
    pub surplus: Money,
    /// What credit notes took off what was due.
    pub credited_due: Money,
    /// What credit notes gave back of what was paid.
    pub credited_paid: Money,
    /// What went back as money, or is on its way.
    pub refunded: Money,
    /// What nobody expects any more.
    pub written_off: Money,
    /// What is still to be paid.
    pub due: Money,
    /// When the last of it was paid.
    pub paid_at: Option<Timestamp>,
    /// When it was taken back.
    pub voided_at: Option<Timestamp>,
    /// Since when nobody expects it to be paid.
    pub uncollectible_at: Option<Timestamp>,
    /// Counts the changes of this record, from 1.
    pub version: i64,
    /// When it was made, by billing's time.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What is charged for a part of a period, or all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LineProration)]
pub struct Timed {
    /// How the part is measured.
    pub mode: ProrationMode,
    /// The whole period.
    pub whole: Span,
    /// What that costs.
    pub whole_amount: Money,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InvoiceLine)]
pub struct Line {
    /// Which one.
    pub id: LineId,
    /// What it is.
    pub kind: LineKind,
    /// What the invoice says.
    pub description: String,
    /// What is sold: `plan:pro`, `add_on:extra_users`, `usage:api_calls`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<Span>,
    /// How many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Quantity>,
    /// What each costs, in minor units, where that is a whole number of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit_price: Option<Money>,
    /// What it comes to.
    pub amount: Money,
    /// How it is reckoned, where time is charged for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proration: Option<Timed>,
    /// What coupons take off it.
    pub discount: Money,
    /// What is left, without tax.
    pub net: Money,
    /// The tax on that.
    pub tax: Money,
    /// Of a tax: of a hundred.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tax_rate: Option<pricing::Decimal>,
    /// The price that usage was rated by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
}

/// Something that is sold, before it is on an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLine {
    /// What it is; one that is sold.
    pub kind: LineKind,
    /// What the invoice says.
    pub description: String,
    /// What is sold.
    pub item: Option<String>,
    /// What it is for.
    pub period: Option<Span>,
    /// How many.
    pub quantity: Option<Quantity>,
    /// What each costs.
    pub unit_price: Option<Money>,
    /// What it comes to; not negative.
    pub amount: Money,
    /// How it is reckoned, where time is charged for.
    pub proration: Option<Timed>,
    /// The price that usage was rated by.
    pub price: Option<Price>,
}

impl NewLine {
    /// Something charged once.
    pub fn one_time(description: impl Into<String>, amount: Money) -> Self {
        Self {
            kind: LineKind::OneTime,
            description: description.into(),
            item: None,
            period: None,
            quantity: None,
            unit_price: None,
            amount,
            proration: None,
            price: None,
        }
    }

    /// With an identifier: a line of an invoice that is not added up yet.
    pub(crate) fn numbered(self, id: LineId) -> Line {
        let nothing = Money::zero(self.amount.currency);
        Line {
            id,
            kind: self.kind,
            description: self.description,
            item: self.item,
            period: self.period,
            quantity: self.quantity,
            unit_price: self.unit_price,
            amount: self.amount,
            proration: self.proration,
            discount: nothing,
            net: self.amount,
            tax: nothing,
            tax_rate: None,
            price: self.price,
        }
    }
}

/// An invoice that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewInvoice {
    /// The subscription it is for.
    pub(crate) subscription: Option<SubscriptionId>,
    /// What it is for.
    pub(crate) kind: InvoiceKind,
    /// The period it is for.
    pub(crate) period: Option<Span>,
    /// When it becomes final by itself.
    pub(crate) finalize_at: Option<Timestamp>,
    /// The usage that is measured when it becomes final.
    pub(crate) usage: Option<UsageWindow>,
    /// The coupons that it is discounted by.
    pub(crate) coupons: Vec<AppliedCoupon>,
    /// What is sold.
    pub(crate) lines: Vec<NewLine>,
}

impl Invoice {
    /// What a credit note can still take back.
    pub fn creditable(&self) -> Money {
        let credited = self.credited_due.amount + self.credited_paid.amount;
        Money::new(self.total.amount - credited, self.currency)
    }

    /// What is due as the other columns say; only a draft has nothing due and is not paid.
    pub(super) fn reckon_due(&mut self, at: Timestamp) {
        let amount = self.total.amount
            - self.balance_applied.amount
            - self.carried_over.amount
            - self.paid.amount
            - self.credited_due.amount
            - self.written_off.amount;
        self.due = Money::new(amount, self.currency);
        match self.status {
            InvoiceStatus::Draft | InvoiceStatus::Open if amount == 0 => {
                self.status = InvoiceStatus::Paid;
                self.paid_at = Some(at);
            }
            InvoiceStatus::Draft => self.status = InvoiceStatus::Open,
            _ => {}
        }
    }
}
