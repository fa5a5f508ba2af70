//! What an invoice says.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use pricing::{Decimal, Money, ProrationMode, Quantity};

use super::words::Language;

/// What the document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentKind {
    /// It asks for money.
    Invoice,
    /// It takes an invoice back, or a part of it.
    CreditNote,
}

/// Everything that an invoice or a credit note says. All money is of one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoiceDocument {
    /// What it is.
    pub kind: DocumentKind,
    /// Its number; none on a draft, which says so.
    pub number: Option<String>,
    /// Of a credit note: the invoice that it is about.
    pub about: Option<String>,
    /// The day on which it became final.
    pub issued_on: Option<Date>,
    /// The day on which it is due.
    pub due_on: Option<Date>,
    /// The days that it is for.
    pub period: Option<Days>,
    /// Who sells.
    pub seller: Side,
    /// Who buys.
    pub buyer: Side,
    /// What is sold, in order.
    pub lines: Vec<Line>,
    /// All that is sold, before discounts.
    pub subtotal: Money,
    /// What coupons take off.
    pub discounts: Vec<Discount>,
    /// The taxes, by rate.
    pub taxes: Vec<TaxRow>,
    /// What it comes to.
    pub total: Money,
    /// What was paid of it, or is paid by the customer's balance.
    pub paid: Money,
    /// What is still to be paid.
    pub due: Money,
    /// What has to be said beside the numbers.
    pub notes: Vec<Note>,
    /// The language of our own words.
    pub language: Language,
    /// How it looks.
    pub branding: Branding,
}

/// Days, the last one included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    /// The first.
    pub first: Date,
    /// The last.
    pub last: Date,
}

/// Seller or buyer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Side {
    /// Who.
    pub name: String,
    /// Where, line by line; empty ones are left out.
    pub address: Vec<String>,
    /// How to reach him.
    pub email: Option<String>,
    /// His VAT id or other tax number.
    pub tax_number: Option<String>,
}

/// Something that is sold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it is.
    pub description: String,
    /// The days that it is for.
    pub period: Option<Days>,
    /// How a part of a period is measured, where it is one.
    pub proration: Option<ProrationMode>,
    /// How many.
    pub quantity: Option<Quantity>,
    /// What each costs, where that is one number.
    pub unit_price: Option<Money>,
    /// What it comes to.
    pub amount: Money,
}

/// What a coupon takes off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discount {
    /// What it is called.
    pub name: String,
    /// How much, as a positive amount.
    pub amount: Money,
}

/// A tax at one rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxRow {
    /// What it is called.
    pub name: String,
    /// Of a hundred.
    pub percent: Decimal,
    /// What it is on.
    pub net: Money,
    /// How much it is.
    pub amount: Money,
}

/// What has to be said beside the numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The buyer owes the tax (Directive 2006/112/EC, article 226 number 11a).
    ReverseCharge,
    /// The buyer owes none.
    Exempt,
    /// The amounts of the lines have the tax in them.
    PricesIncludeTax,
    /// So much of it was too little to be collected, and goes to the next invoice.
    CarriedOver(Money),
    /// So much of earlier invoices is collected with it.
    CollectsEarlier(Money),
    /// Credit notes take so much off what was due.
    Credited(Money),
    /// It was taken back as a whole.
    Void,
    /// Anything else, in the platform's words.
    Text(String),
}

/// How the document looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branding {
    /// What stands at the top.
    pub logo_text: String,
    /// The colour of headings and rules.
    pub accent: Colour,
}

/// A colour of a screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour {
    /// Red.
    pub red: u8,
    /// Green.
    pub green: u8,
    /// Blue.
    pub blue: u8,
}

/// The text is no colour.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
#[error("must be a colour such as #1f6feb")]
pub struct InvalidColour;

impl Default for Colour {
    fn default() -> Self {
        Self {
            red: 0x1f,
            green: 0x4e,
            blue: 0x79,
        }
    }
}

impl FromStr for Colour {
    type Err = InvalidColour;
    fn from_str(text: &str) -> Result<Self, InvalidColour> {
        let digits = text.strip_prefix('#').ok_or(InvalidColour)?;
        let plain = digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u32::from_str_radix(digits, 16).ok().filter(|_| plain);
        let [_, red, green, blue] = number.ok_or(InvalidColour)?.to_be_bytes();
        Ok(Self { red, green, blue })
    }
}
impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}
