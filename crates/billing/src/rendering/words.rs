//! Our own words, money and dates in the customer's language.

use std::str::FromStr;

use jiff::civil::Date;
use pricing::{Decimal, Money, ProrationMode};

use super::document::{Days, DocumentKind, InvoiceDocument, Note, TaxRow};

/// A language that documents are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// German.
    German,
}

impl Language {
    /// The one for a locale (BCP 47); English for those that documents are not written in.
    pub fn of_locale(locale: &str) -> Self {
        let primary = locale.split(['-', '_']).next().unwrap_or_default();
        primary.parse().unwrap_or_default()
    }

    /// Its subtag.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    pub(super) const fn words(self) -> &'static Words {
        match self {
            Self::English => &ENGLISH,
            Self::German => &GERMAN,
        }
    }

    /// `€1,234.50`, `KWD 1,234.500`; `1.234,50 €`.
    pub(crate) fn money(self, money: Money) -> String {
        let scale = money.currency.minor_per_major().unsigned_abs();
        let (major, minor) = (
            money.amount.unsigned_abs() / scale,
            money.amount.unsigned_abs() % scale,
        );
        let (thousands, point) = self.separators();
        let mut number = grouped(&major.to_string(), thousands);
        let width = usize::from(money.currency.exponent());
        if width > 0 {
            number.push(point);
            number.extend([format!("{minor:0width$}")]);
        }
        let sign = if money.amount < 0 { MINUS } else { "" };
        let code = money.currency.code();
        match (self, symbol(code)) {
            (Self::English, Some(symbol)) => format!("{sign}{symbol}{number}"),
            (Self::English, None) => format!("{sign}{code}\u{a0}{number}"),
            (Self::German, symbol) => format!("{sign}{number}\u{a0}{}", symbol.unwrap_or(code)),
        }
    }

    /// A decimal with the language's separators.
    pub(super) fn decimal(self, decimal: Decimal) -> String {
        let text = decimal.to_string();
        let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
        let (sign, digits) = whole
            .strip_prefix('-')
            .map_or(("", whole), |digits| (MINUS, digits));
        let (thousands, point) = self.separators();
        let mut number = format!("{sign}{}", grouped(digits, thousands));
        if !decimals.is_empty() {
            number.push(point);
            number.push_str(decimals);
        }
        number
    }

    /// `5 March 2024`; `5. März 2024`.
    pub(crate) fn date(self, date: Date) -> String {
        let month = usize::try_from(date.month() - 1).unwrap_or_default();
        let dot = if self == Self::German { "." } else { "" };
        format!(
            "{}{dot} {} {}",
            date.day(),
            self.words().months[month],
            date.year()
        )
    }

    /// From the first day to the last.
    pub(super) fn days(self, days: Days) -> String {
        if days.first == days.last {
            return self.date(days.first);
        }
        format!("{} – {}", self.date(days.first), self.date(days.last))
    }

    pub(super) const fn proration(self, mode: ProrationMode) -> &'static str {
        match (self, mode) {
            (Self::English, ProrationMode::Day) => "prorated by the day",
            (Self::English, ProrationMode::Second) => "prorated by the second",
            (Self::English, ProrationMode::Fixed30) => "prorated by months of 30 days",
            (Self::German, ProrationMode::Day) => "anteilig nach Tagen",
            (Self::German, ProrationMode::Second) => "anteilig nach Sekunden",
            (Self::German, ProrationMode::Fixed30) => "anteilig nach Monaten zu 30 Tagen",
        }
    }

    pub(super) fn note(self, note: &Note) -> String {
        let said = match (self, note) {
            (_, Note::Text(text)) => text,
            (_, Note::CarriedOver(money) | Note::CollectsEarlier(money) | Note::Credited(money)) => {
                return self.note_of_money(note, *money);
            }
            (Self::English, Note::Void) => "This invoice was taken back as a whole.",
            (Self::German, Note::Void) => "Diese Rechnung wurde vollständig storniert.",
            (Self::English, Note::ReverseCharge) => {
                "Reverse charge: the recipient is liable for the VAT (Article 196 of Directive 2006/112/EC)."
            }
            (Self::German, Note::ReverseCharge) => {
                "Steuerschuldnerschaft des Leistungsempfängers (Artikel 196 der Richtlinie 2006/112/EG)."
            }
            (Self::English, Note::Exempt) => "The recipient is exempt from tax.",
            (Self::German, Note::Exempt) => "Der Leistungsempfänger ist von der Steuer befreit.",
            (Self::English, Note::PricesIncludeTax) => "Prices include tax.",
            (Self::German, Note::PricesIncludeTax) => "Die Preise enthalten die Steuer.",
        };
        said.to_owned()
    }

    fn note_of_money(self, note: &Note, money: Money) -> String {
        let money = self.money(money);
        match (self, note) {
            (Self::English, Note::CarriedOver(_)) => format!("{money} is collected with the next invoice."),
            (Self::German, Note::CarriedOver(_)) => {
                format!("{money} wird mit der nächsten Rechnung erhoben.")
            }
            (Self::English, Note::CollectsEarlier(_)) => {
                format!("The amount due includes {money} of earlier invoices.")
            }
            (Self::German, Note::CollectsEarlier(_)) => {
                format!("Der offene Betrag enthält {money} aus früheren Rechnungen.")
            }
            (Self::English, _) => format!("Credit notes take {money} off the amount due."),
            (Self::German, _) => format!("Rechnungskorrekturen mindern den offenen Betrag um {money}."),
        }
    }

    const fn separators(self) -> (char, char) {
        match self {
            Self::English => (',', '.'),
            Self::German => ('.', ','),
        }
    }
}

/// The language has no words here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownLanguage;

impl FromStr for Language {
    type Err = UnknownLanguage;
    fn from_str(tag: &str) -> Result<Self, UnknownLanguage> {
        let known = [Self::English, Self::German];
        let found = known
            .into_iter()
            .find(|known| known.tag().eq_ignore_ascii_case(tag));
        found.ok_or(UnknownLanguage)
    }
}

/// A minus sign, which is as wide as a digit.
const MINUS: &str = "\u{2212}";

fn grouped(digits: &str, separator: char) -> String {
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(separator);
        }
        text.push(digit);
    }
    text
}

/// Of currencies whose symbol is nobody else's.
fn symbol(code: &str) -> Option<&'static str> {
    Some(match code {
        "USD" => "$",
        "EUR" => "€",
        "GBP" => "£",
        "JPY" => "¥",
        _ => return None,
    })
}

/// Our own words in one language.
#[derive(Debug)]
pub(super) struct Words {
    invoice: &'static str,
    credit_note: &'static str,
    pub(super) draft: &'static str,
    pub(super) number: &'static str,
    pub(super) about: &'static str,
    pub(super) issued_on: &'static str,
    pub(super) due_on: &'static str,
    pub(super) period: &'static str,
    pub(super) seller: &'static str,
    pub(super) buyer: &'static str,
    pub(super) tax_number: &'static str,
    pub(super) description: &'static str,
    pub(super) quantity: &'static str,
    pub(super) unit_price: &'static str,
    pub(super) amount: &'static str,
    pub(super) subtotal: &'static str,
    pub(super) total: &'static str,
    pub(super) paid: &'static str,
    pub(super) due: &'static str,
    on: &'static str,
    page: &'static str,
    of: &'static str,
    months: [&'static str; 12],
}

static ENGLISH: Words = Words {
    invoice: "Invoice",
    credit_note: "Credit note",
    draft: "Draft",
    number: "Number",
    about: "For invoice",
    issued_on: "Date",
    due_on: "Due",
    period: "Period",
    seller: "From",
    buyer: "To",
    tax_number: "Tax number",
    description: "Description",
    quantity: "Quantity",
    unit_price: "Unit price",
    amount: "Amount",
    subtotal: "Subtotal",
    total: "Total",
    paid: "Paid",
    due: "Amount due",
    on: "on",
    page: "Page",
    of: "of",
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
};

static GERMAN: Words = Words {
    invoice: "Rechnung",
    credit_note: "Rechnungskorrektur",
    draft: "Entwurf",
    number: "Nummer",
    about: "Zur Rechnung",
    issued_on: "Datum",
    due_on: "Zahlbar bis",
    period: "Zeitraum",
    seller: "Von",
    buyer: "An",
    tax_number: "Steuernummer",
    description: "Beschreibung",
    quantity: "Menge",
    unit_price: "Einzelpreis",
    amount: "Betrag",
    subtotal: "Zwischensumme",
    total: "Gesamtbetrag",
    paid: "Bezahlt",
    due: "Offener Betrag",
    on: "auf",
    page: "Seite",
    of: "von",
    months: [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
};

impl Words {
    pub(super) const fn kind(&self, kind: DocumentKind) -> &'static str {
        match kind {
            DocumentKind::Invoice => self.invoice,
            DocumentKind::CreditNote => self.credit_note,
        }
    }

    pub(super) fn page(&self, number: usize, of: usize) -> String {
        format!("{} {number} {} {of}", self.page, self.of)
    }

    /// `VAT 19 % on €100.00`.
    pub(super) fn tax(&self, tax: &TaxRow, language: Language) -> String {
        let (percent, net) = (language.decimal(tax.percent), language.money(tax.net));
        format!("{} {percent}\u{a0}% {} {net}", tax.name, self.on)
    }
}

/// What both forms of the document show, as text.
impl InvoiceDocument {
    /// `Invoice INV-0001`.
    pub(super) fn title(&self) -> String {
        let words = self.language.words();
        let kind = words.kind(self.kind);
        self.number.as_ref().map_or_else(
            || format!("{kind} ({})", words.draft),
            |number| format!("{kind} {number}"),
        )
    }

    /// The facts beside the title.
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        let (language, words) = (self.language, self.language.words());
        let date = |day: Option<Date>| day.map(|day| language.date(day));
        let facts = [
            (words.number, self.number.clone()),
            (words.about, self.about.clone()),
            (words.issued_on, date(self.issued_on)),
            (words.due_on, date(self.due_on)),
            (words.period, self.period.map(|days| language.days(days))),
        ];
        facts
            .into_iter()
            .filter_map(|(name, fact)| Some((name, fact?)))
            .collect()
    }

    /// Everything below the lines; the last two stand out.
    pub(super) fn sums(&self) -> Vec<(String, String)> {
        let (language, words) = (self.language, self.language.words());
        let mut sums = vec![(words.subtotal.to_owned(), language.money(self.subtotal))];
        for discount in &self.discounts {
            let taken_off = Money::new(discount.amount.amount.saturating_neg(), discount.amount.currency);
            sums.push((discount.name.clone(), language.money(taken_off)));
        }
        for tax in &self.taxes {
            sums.push((words.tax(tax, language), language.money(tax.amount)));
        }
        sums.push((words.total.to_owned(), language.money(self.total)));
        if self.kind == DocumentKind::Invoice {
            if !self.paid.is_zero() {
                sums.push((words.paid.to_owned(), language.money(self.paid)));
            }
            sums.push((words.due.to_owned(), language.money(self.due)));
        }
        sums
    }
}

impl super::document::Side {
    /// Everything below the name.
    pub(super) fn details(&self, words: &Words) -> Vec<String> {
        let address = self
            .address
            .iter()
            .filter(|line| !line.trim().is_empty())
            .cloned();
        let tax_number = self
            .tax_number
            .iter()
            .map(|number| format!("{}: {number}", words.tax_number));
        address.chain(self.email.clone()).chain(tax_number).collect()
    }
}

impl super::document::Line {
    /// The days, and how a part of them is measured.
    pub(super) fn basis(&self, language: Language) -> Option<String> {
        let days = self.period.map(|days| language.days(days));
        let mode = self.proration.map(|mode| language.proration(mode).to_owned());
        let parts: Vec<_> = days.into_iter().chain(mode).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}
