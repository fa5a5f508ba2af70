//! Taking back the unused rest of what was charged for time.

use isolation::ControlTx;
use kernel::Timestamp;
use pricing::proration::Charged;
use pricing::{Basis, Money, Span};

use super::error::SubscriptionError;
use super::model::Subscription;
use crate::accounts::BillingAccount;
use crate::invoices::{self, CreditLine, CreditNote, Destination, Reason, Sold};
use crate::terms::Terms;

/// What is taken back, and why.
pub(super) struct Unused<'a> {
    /// From when on it is not used.
    pub(super) at: Timestamp,
    /// Of which items.
    pub(super) items: &'a (dyn Fn(&str) -> bool + Sync),
    /// Why.
    pub(super) reason: Reason,
}

/// Issues a credit note over each final invoice that charged for time which is not used.
pub(super) async fn take_back(
    tx: &mut ControlTx,
    terms: &Terms,
    account: &BillingAccount,
    subscription: &Subscription,
    unused: Unused<'_>,
    now: Timestamp,
) -> Result<Vec<CreditNote>, SubscriptionError> {
    let mut notes = Vec::new();
    for mut invoice in invoices::charging_after(tx, subscription, unused.at).await? {
        let mut lines = Vec::new();
        for sold in invoices::sold(tx, &invoice).await? {
            if sold.line.item.as_deref().is_some_and(unused.items) {
                lines.extend(line(subscription, &sold, &unused)?);
            }
        }
        let why = (unused.reason, None);
        let to = Destination::Customer;
        let note = invoices::issue(tx, terms, account, &mut invoice, why, lines, to, now).await?;
        notes.extend(note);
    }
    Ok(notes)
}

/// The unused rest of one line, of what it came to after discounts. How it is measured stands on the line itself.
fn line(
    subscription: &Subscription,
    sold: &Sold,
    unused: &Unused<'_>,
) -> Result<Option<CreditLine>, SubscriptionError> {
    let (Some(timed), Some(period)) = (sold.line.proration, sold.charges_for) else {
        return Ok(None);
    };
    let basis = Basis {
        whole: timed.whole,
        zone: subscription.time_zone.clone(),
        mode: timed.mode,
    };
    // By days, whoever leaves has used the day on which he does; whoever changes pays the new price for it.
    let at = match unused.reason {
        Reason::Cancellation => basis.used_until(unused.at),
        _ => unused.at,
    };
    let charged = Charged {
        price: timed.whole_amount,
        span: period,
        amount: sold.line.amount,
        // Credit notes take off what is due before they give anything back, so all of it counts as paid here.
        paid: sold.line.net,
        credited: sold.credited,
    };
    let amount: Money = charged.credit(&basis, at)?;
    if !amount.is_positive() {
        return Ok(None);
    }
    let credit = CreditLine::of(sold, amount)?;
    Ok(Some(CreditLine {
        description: format!("Unused: {}", sold.line.description),
        period: Some(Span::new(period.clamp(at), period.ends_at)),
        ..credit
    }))
}
