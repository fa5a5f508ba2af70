//! Invoices and credit notes as the documents that people are given: in the customer's language and days, in the look of
//! whoever sells. A final one says what it was made final with; what was paid since is shown as it is now.

use kernel::Timestamp;
use pricing::{Decimal, Money, Span, Zone};

use super::credit_notes::{CreditLine, CreditNote, CreditNoteId};
use super::model::{Invoice, InvoiceStatus, Line, LineKind, Party, TaxTreatment};
use super::reading::Document;
use crate::accounts::BillingAccount;
use crate::rendering::{
    self, Branding, Colour, Days, Discount, DocumentKind, InvoiceDocument, Language, Note, Side, TaxRow,
};
use crate::terms::Terms;

impl Document {
    /// The invoice, or this credit note of it; none where it has no such one.
    pub fn printed_as(
        &self,
        note: Option<CreditNoteId>,
        account: &BillingAccount,
        terms: &Terms,
    ) -> Option<InvoiceDocument> {
        let Some(id) = note else {
            return Some(self.printed(account, terms));
        };
        let note = self.credit_notes.iter().find(|note| note.id == id)?;
        Some(self.printed_credit_note(note, account))
    }

    /// As it is shown to people.
    pub fn printed(&self, account: &BillingAccount, terms: &Terms) -> InvoiceDocument {
        let invoice = &self.invoice;
        let seller = invoice.seller.as_ref().unwrap_or(&terms.seller.party);
        let buyer = invoice
            .customer
            .clone()
            .unwrap_or_else(|| Party::customer(account));
        let zone = &account.time_zone;
        let of_kind = |kind| self.lines.iter().filter(move |line| line.kind == kind);
        let nothing = Money::zero(invoice.currency);
        let net = sum(nothing, self.sold().map(|line| line.net));
        InvoiceDocument {
            kind: DocumentKind::Invoice,
            number: invoice.number.clone(),
            about: None,
            issued_on: invoice.finalized_at.map(|at| zone.day_of(at)),
            due_on: invoice.due_at.map(|at| zone.day_of(at)),
            period: invoice.period.map(|span| days(span, zone)),
            seller: side(seller),
            buyer: side(&buyer),
            lines: self.sold().map(|line| shown(line, zone)).collect(),
            subtotal: invoice.subtotal,
            discounts: of_kind(LineKind::Discount).map(discount).collect(),
            taxes: of_kind(LineKind::Tax).map(|line| tax(line, net)).collect(),
            total: invoice.total,
            paid: sum(
                nothing,
                [
                    invoice.paid,
                    invoice.balance_applied.max(nothing).unwrap_or(nothing),
                ],
            ),
            due: invoice.due,
            notes: notes(invoice),
            language: Language::of_locale(&account.locale),
            branding: branding(seller),
        }
    }

    /// One of its credit notes, as it is shown to people.
    pub fn printed_credit_note(&self, note: &CreditNote, account: &BillingAccount) -> InvoiceDocument {
        let zone = &account.time_zone;
        let nothing = Money::zero(note.total.currency);
        let rate = self.lines.iter().find_map(|line| Some((line, line.tax_rate?)));
        let taxes = rate
            .filter(|_| note.tax.is_positive())
            .map(|(line, percent)| TaxRow {
                name: tax_name(line, percent),
                percent,
                net: note.subtotal,
                amount: note.tax,
            });
        let said = note.note.clone().map(Note::Text);
        InvoiceDocument {
            kind: DocumentKind::CreditNote,
            number: Some(note.number.clone()),
            about: self.invoice.number.clone(),
            issued_on: Some(zone.day_of(note.issued_at)),
            due_on: None,
            period: None,
            seller: side(&note.seller),
            buyer: side(&note.customer),
            lines: note.lines.iter().map(|line| taken_back(line, zone)).collect(),
            subtotal: note.subtotal,
            discounts: Vec::new(),
            taxes: taxes.into_iter().collect(),
            total: note.total,
            paid: nothing,
            due: nothing,
            notes: of_treatment(self.invoice.tax_treatment)
                .into_iter()
                .chain(said)
                .collect(),
            language: Language::of_locale(&account.locale),
            branding: branding(&note.seller),
        }
    }

    fn sold(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.kind.is_sold())
    }
}

/// Sums that were booked fit.
fn sum(nothing: Money, amounts: impl IntoIterator<Item = Money>) -> Money {
    Money::sum(nothing.currency, amounts).unwrap_or(nothing)
}

/// Until tenants have a branding of their own it is the seller's name.
fn branding(seller: &Party) -> Branding {
    Branding {
        logo_text: seller.name.clone(),
        accent: Colour::default(),
    }
}

fn side(party: &Party) -> Side {
    let address = &party.address;
    let town = format!("{} {}", address.postal_code, address.city);
    let region = [address.region.as_deref(), address.country.as_deref()];
    let region: Vec<_> = region.into_iter().flatten().collect();
    Side {
        name: party.name.clone(),
        address: vec![
            address.line1.clone(),
            address.line2.clone(),
            town.trim().to_owned(),
            region.join(", "),
        ],
        email: party.email.clone(),
        tax_number: party.tax_number.clone(),
    }
}

/// The days that a span touches; a span ends before its last instant.
fn days(span: Span, zone: &Zone) -> Days {
    let last = Timestamp::from_micros(span.ends_at.as_micros() - 1).max(span.starts_at);
    Days {
        first: zone.day_of(span.starts_at),
        last: zone.day_of(last),
    }
}

fn shown(line: &Line, zone: &Zone) -> rendering::Line {
    let whole = |line: &&Line| line.kind == LineKind::Proration;
    rendering::Line {
        description: line.description.clone(),
        period: line.period.map(|span| days(span, zone)),
        proration: Some(line)
            .filter(whole)
            .and_then(|line| line.proration)
            .map(|timed| timed.mode),
        quantity: line.quantity,
        unit_price: line.unit_price,
        amount: line.amount,
    }
}

fn taken_back(line: &CreditLine, zone: &Zone) -> rendering::Line {
    rendering::Line {
        description: line.description.clone(),
        period: line.period.map(|span| days(span, zone)),
        proration: line.proration_mode,
        quantity: None,
        unit_price: None,
        amount: line.amount,
    }
}

fn discount(line: &Line) -> Discount {
    let amount = line.amount.checked_neg().unwrap_or(line.amount);
    Discount {
        name: line.description.clone(),
        amount,
    }
}

fn tax(line: &Line, net: Money) -> TaxRow {
    let percent = line.tax_rate.unwrap_or_default();
    TaxRow {
        name: tax_name(line, percent),
        percent,
        net,
        amount: line.amount,
    }
}

/// The line says the rate after the name, the document says it in its own language.
fn tax_name(line: &Line, percent: Decimal) -> String {
    let said = format!(" {percent} %");
    let name = line.description.strip_suffix(&said);
    name.unwrap_or(&line.description).to_owned()
}

fn of_treatment(treatment: TaxTreatment) -> Option<Note> {
    match treatment {
        TaxTreatment::ReverseCharge => Some(Note::ReverseCharge),
        TaxTreatment::Exempt => Some(Note::Exempt),
        TaxTreatment::Taxed | TaxTreatment::NotCollected => None,
    }
}

fn notes(invoice: &Invoice) -> Vec<Note> {
    let mut notes: Vec<Note> = of_treatment(invoice.tax_treatment).into_iter().collect();
    if invoice.prices_include_tax && invoice.tax.is_positive() {
        notes.push(Note::PricesIncludeTax);
    }
    if let Some(earlier) = invoice
        .balance_applied
        .checked_neg()
        .ok()
        .filter(|money| money.is_positive())
    {
        notes.push(Note::CollectsEarlier(earlier));
    }
    if invoice.carried_over.is_positive() {
        notes.push(Note::CarriedOver(invoice.carried_over));
    }
    match invoice.status {
        InvoiceStatus::Void => notes.push(Note::Void),
        _ if invoice.credited_due.is_positive() => notes.push(Note::Credited(invoice.credited_due)),
        _ => {}
    }
    notes
}
