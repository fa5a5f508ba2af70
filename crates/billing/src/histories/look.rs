//! What is looked at after each act.

use isolation::ControlTx;
use pricing::{Basis, Span};

use super::life::{History, ZONE};
use crate::fixture::assert_sound_of_one;
use crate::invoices::{self, CreditLine, Document, Invoice, InvoiceId, InvoiceStatus, Line, Reason};

/// A final invoice.
pub(super) struct Final {
    /// What it said then.
    pub(super) said: String,
    /// As of which change it is known.
    pub(super) version: i64,
    /// The times of a plan that it charges for.
    pub(super) charges_for: Vec<Span>,
}

impl History<'_> {
    /// What is final says what it said when it became so; time is charged for once, and by the part of it that was used; and
    /// the customer's books are sound.
    pub(super) async fn look(&mut self, again: bool) {
        let mut tx = self.fixture.begin().await;
        let all = invoices::list(&mut tx, self.tenant, None, None, 200)
            .await
            .expect("they are read");
        let mut used = Vec::new();
        for invoice in all
            .into_iter()
            .filter(|invoice| invoice.status != InvoiceStatus::Draft)
        {
            let known = self.finals.get(&invoice.id);
            if again || known.is_none_or(|known| known.version != invoice.version) {
                self.read(&mut tx, invoice.id).await;
            }
            let known = &self.finals[&invoice.id];
            assert!(
                known.said.starts_with(&header(&invoice)),
                "a final invoice changed"
            );
            let subscription = invoice.subscription_id.map(kernel::Id::uuid);
            used.extend(known.charges_for.iter().map(|span| (subscription, *span)));
        }
        drop(tx);
        used.retain(|(_, span)| !span.is_empty());
        used.sort_by_key(|(subscription, span)| (*subscription, span.starts_at));
        for pair in used.windows(2) {
            let ((first, before), (second, after)) = (pair[0], pair[1]);
            let one_after_the_other = before.ends_at <= after.starts_at;
            assert!(
                first != second || one_after_the_other,
                "time is charged for twice: {pair:?}"
            );
        }
        let mut own = self.own.control().await.expect("the control plane answers");
        assert_sound_of_one(&mut own).await;
    }

    async fn read(&mut self, tx: &mut ControlTx, id: InvoiceId) {
        let document = invoices::get(tx, self.tenant, id).await.expect("it is read");
        let said = what_it_says(&document);
        let before = self.finals.get(&id).map_or(&said, |known| &known.said);
        assert_eq!(*before, said, "a final invoice changed");
        let seen = Final {
            said,
            version: document.invoice.version,
            charges_for: charged_for(&document),
        };
        self.finals.insert(id, seen);
    }
}

/// The times that an invoice still charges for a plan; what each of them came to is its part of the price, to the minor unit.
/// A line of which all was taken back charges for no time, whatever it was taken back for: a change finds nothing left of it.
fn charged_for(document: &Document) -> Vec<Span> {
    let invoice = &document.invoice;
    let mut spans = Vec::new();
    for line in &document.lines {
        let (Some(timed), Some(period)) = (line.proration, line.period) else {
            continue;
        };
        let credits = credits_of(document, line);
        let credited = credits.iter().map(|(_, credit)| credit.amount.amount);
        let left = line.net.amount - credited.sum::<i64>();
        let is_of_time = |reason: Reason| matches!(reason, Reason::Change | Reason::Cancellation);
        let unused = credits.iter().filter(|(reason, _)| is_of_time(*reason));
        let from = unused
            .filter_map(|(_, credit)| Some(credit.period?.starts_at))
            .min();
        let charged = Span::new(period.starts_at, from.unwrap_or(period.ends_at));
        let whole = line.discount.is_zero() && !invoice.prices_include_tax;
        if whole && credits.iter().all(|(reason, _)| is_of_time(*reason)) {
            let basis = Basis {
                whole: timed.whole,
                zone: ZONE.parse().expect("a zone"),
                mode: timed.mode,
            };
            let part = basis.share(timed.whole_amount, charged).expect("an amount");
            assert_eq!(
                left, part.amount,
                "not the part that was used: {line:?}, {credits:?}"
            );
        }
        let is_plan = line.item.as_deref().is_some_and(|item| item.starts_with("plan:"));
        let taken_back = left == 0 && !credits.is_empty();
        if is_plan && !taken_back && invoice.status != InvoiceStatus::Void {
            spans.push(charged);
        }
    }
    spans
}

fn credits_of<'a>(document: &'a Document, line: &Line) -> Vec<(Reason, &'a CreditLine)> {
    let notes = document.credit_notes.iter();
    let lines = notes.flat_map(|note| note.lines.iter().map(|line| (note.reason, line)));
    lines
        .filter(|(_, credit)| credit.invoice_line_id == line.id)
        .collect()
}

fn what_it_says(document: &Document) -> String {
    format!("{}{:?}", header(&document.invoice), document.lines)
}

fn header(invoice: &Invoice) -> String {
    let said = (
        (
            &invoice.number,
            invoice.subtotal,
            invoice.discount,
            invoice.tax,
            invoice.total,
        ),
        (
            invoice.balance_applied,
            invoice.carried_over,
            invoice.finalized_at,
            invoice.due_at,
        ),
        (&invoice.seller, &invoice.customer),
    );
    format!("{said:?}")
}
