//! One customer's life: each act done as the product does it.

use std::collections::BTreeMap;

use isolation::{ControlTx, IsolationStrategy, TenantCtx, Tx};
use kernel::TenantId;
use pricing::Money;

use super::acts::{Act, PLANS, STATUSES, cycle, order};
use super::bank::contest;
use super::look::Final;
use crate::accounts::{self, Address, UpdateAccount};
use crate::clock;
use crate::fixture::{Fixture, account, usd};
use crate::invoices::{
    self, Invoice, InvoiceError, InvoiceId, InvoiceStatus, NewLine, NewPayment, NewRepayment, RefundFrom,
    RepaymentId,
};
use crate::subscriptions::{
    self, CancelWhen, ChangeOrder, NewSubscription, Outcome, SubscriptionError, When,
};
use crate::terms::Terms;

/// Whose days the customer's are.
pub(super) const ZONE: &str = "Europe/Berlin";

/// One customer and what is known about him.
pub(super) struct History<'a> {
    pub(super) fixture: &'a Fixture,
    pub(super) terms: &'a Terms,
    /// As himself.
    pub(super) own: TenantCtx,
    pub(super) tenant: TenantId,
    pub(super) refunds: Vec<RepaymentId>,
    /// Final invoices as they were when they were first seen, and as they are.
    pub(super) finals: BTreeMap<InvoiceId, Final>,
}

/// What was refused for a reason of the customer's is no failure.
fn refused<T>(outcome: Result<T, SubscriptionError>) -> Option<T> {
    match outcome {
        Ok(done) => Some(done),
        Err(
            error @ (SubscriptionError::Database(_)
            | SubscriptionError::Rate(_)
            | SubscriptionError::BeyondCalendar(_)
            | SubscriptionError::Invoice(_)
            | SubscriptionError::EditionMissing(_)
            | SubscriptionError::NoAccount),
        ) => panic!("{error:?}"),
        Err(_) => None,
    }
}

fn refused_by_invoice<T>(outcome: Result<T, InvoiceError>) -> Option<T> {
    match outcome {
        Ok(done) => Some(done),
        Err(error @ (InvoiceError::Database(_) | InvoiceError::Money(_) | InvoiceError::Rate(_))) => {
            panic!("{error:?}")
        }
        Err(_) => None,
    }
}

impl History<'_> {
    async fn act(&mut self, act: &Act) {
        if let Act::Wait { hours } = act {
            let mut tx = self.fixture.begin().await;
            let now = clock::now(&mut tx).await.expect("it is read");
            drop(tx);
            let to = now.plus(std::time::Duration::from_hours(hours.unsigned_abs()));
            let system = self.fixture.database.system();
            let (_, ran) = clock::advance(&system, self.terms, to)
                .await
                .expect("time passes");
            assert_eq!(ran.failed, 0);
            return;
        }
        let mut tx = self.fixture.begin().await;
        let done = match act {
            Act::Bill { .. }
            | Act::Pay { .. }
            | Act::Refund { .. }
            | Act::Settle { .. }
            | Act::Credit { .. }
            | Act::Contest { .. }
            | Act::Void { .. }
            | Act::GiveUp { .. } => self.with_invoices(&mut tx, act).await,
            _ => Box::pin(self.with_subscription(&mut tx, act)).await,
        };
        // What was refused may have begun; nobody keeps that.
        if done {
            tx.commit().await.expect("what was done can be kept");
        }
    }

    async fn with_subscription(&self, tx: &mut ControlTx, act: &Act) -> bool {
        let (terms, tenant) = (self.terms, self.tenant);
        match act {
            Act::Subscribe {
                plan,
                yearly,
                coupon,
                trial,
            } => {
                let new = NewSubscription {
                    coupon: coupon.then(|| "HALF".to_owned()),
                    trial_days: Some(*trial),
                    ..NewSubscription::to(PLANS[*plan].parse().expect("a plan"), cycle(*yearly))
                };
                refused(subscriptions::create(tx, terms, tenant, new).await).is_some()
            }
            Act::Change { when, .. } => Box::pin(self.change(tx, order(act), *when)).await,
            Act::Cancel { now, credit } => {
                let when = if *now {
                    CancelWhen::Now { credit: *credit }
                } else {
                    CancelWhen::PeriodEnd
                };
                refused(subscriptions::cancel(tx, terms, tenant, None, when).await).is_some()
            }
            Act::Uncancel => refused(subscriptions::uncancel(tx, tenant, None).await).is_some(),
            Act::Pause => refused(subscriptions::pause(tx, terms, tenant, None, None).await).is_some(),
            Act::Resume => refused(subscriptions::resume(tx, terms, tenant, None).await).is_some(),
            Act::Overdue(0) => refused(subscriptions::mark_past_due(tx, terms, tenant).await).is_some(),
            Act::Overdue(1) => refused(subscriptions::mark_unpaid(tx, terms, tenant).await).is_some(),
            _ => refused(subscriptions::mark_paid(tx, terms, tenant).await).is_some(),
        }
    }

    /// The preview comes to what the change then comes to.
    async fn change(&self, tx: &mut ControlTx, order: ChangeOrder, when: u8) -> bool {
        let (terms, tenant) = (self.terms, self.tenant);
        let when = if when == 0 { When::PeriodEnd } else { When::Now };
        let shown = refused(subscriptions::preview(tx, terms, tenant, order.clone(), when).await);
        let Some(done) = refused(subscriptions::change(tx, terms, tenant, None, order, when).await) else {
            assert!(shown.is_none(), "what is refused is not shown: {shown:?}");
            return false;
        };
        if when == When::Now {
            assert_eq!(shown.as_ref().map(figures), Some(figures(&done)));
        }
        true
    }

    async fn with_invoices(&mut self, tx: &mut ControlTx, act: &Act) -> bool {
        let (terms, tenant) = (self.terms, self.tenant);
        if let Act::Bill { amount } = act {
            let line = NewLine::one_time("Work", usd(*amount));
            let (draft, _) = invoices::create(tx, terms, tenant, vec![line])
                .await
                .expect("a draft");
            return refused_by_invoice(invoices::finalize(tx, terms, tenant, draft.id, None).await).is_some();
        }
        if let Act::Settle { which, paid } = act {
            let Some(id) = self.refunds.get(*which).copied() else {
                return false;
            };
            let settled = if *paid {
                invoices::refund_paid(tx, tenant, id).await
            } else {
                invoices::refund_failed(tx, tenant, id).await
            };
            return refused_by_invoice(settled).is_some();
        }
        match act {
            Act::Pay { which, percent } => {
                let Some(invoice) = self.of(tx, *which).await else {
                    return false;
                };
                let payment = NewPayment {
                    id: tx.new_id(),
                    invoice: invoice.id,
                    amount: part(invoice.due, *percent),
                    reference: None,
                    received_at: None,
                };
                refused_by_invoice(invoices::record_payment(tx, terms, tenant, payment).await).is_some()
            }
            Act::Credit { which, percent } => {
                let Some(invoice) = self.of(tx, *which).await else {
                    return false;
                };
                let gross = part(invoice.total, *percent);
                refused_by_invoice(invoices::credit(tx, terms, tenant, invoice.id, gross, None).await)
                    .is_some()
            }
            Act::Void { which } => {
                let Some(invoice) = self.of(tx, *which).await else {
                    return false;
                };
                refused_by_invoice(invoices::void(tx, terms, tenant, invoice.id, None).await).is_some()
            }
            Act::GiveUp { which } => {
                let Some(invoice) = self.of(tx, *which).await else {
                    return false;
                };
                refused_by_invoice(invoices::mark_uncollectible(tx, terms, tenant, invoice.id, None).await)
                    .is_some()
            }
            _ => self.with_payments(tx, act).await,
        }
    }

    async fn with_payments(&mut self, tx: &mut ControlTx, act: &Act) -> bool {
        let (terms, tenant) = (self.terms, self.tenant);
        match act {
            Act::Refund { which, percent, from } => {
                let Some(invoice) = self.of(tx, *which).await else {
                    return false;
                };
                let document = invoices::get(tx, tenant, invoice.id).await.expect("it is read");
                let Some(payment) = document.payments.first() else {
                    return false;
                };
                let from = [RefundFrom::Invoice, RefundFrom::Balance, RefundFrom::Either][usize::from(*from)];
                let new = NewRepayment {
                    id: tx.new_id(),
                    payment: payment.id,
                    amount: part(payment.amount(), *percent),
                    from,
                    note: None,
                };
                let id = new.id;
                let asked = refused_by_invoice(invoices::request_refund(tx, terms, tenant, new).await);
                self.refunds.extend(asked.as_ref().map(|_| id));
                asked.is_some()
            }
            Act::Contest {
                which,
                percent,
                status,
            } => {
                let Some(invoice) = self.of(tx, *which).await else {
                    return false;
                };
                let document = invoices::get(tx, tenant, invoice.id).await.expect("it is read");
                let Some(payment) = document.payments.first() else {
                    return false;
                };
                contest(
                    tx,
                    &invoice,
                    payment,
                    (part(payment.amount(), *percent), STATUSES[*status]),
                )
                .await
            }
            _ => unreachable!("the others are acts on subscriptions"),
        }
    }

    /// One of his latest invoices that are final.
    async fn of(&self, tx: &mut ControlTx, which: usize) -> Option<Invoice> {
        let all = invoices::list(tx, self.tenant, None, None, 8)
            .await
            .expect("they are read");
        all.into_iter()
            .nth(which)
            .filter(|invoice| invoice.status != InvoiceStatus::Draft)
    }
}

fn figures(outcome: &Outcome) -> (Vec<(i64, i64)>, Vec<i64>) {
    let invoices = outcome
        .invoices
        .iter()
        .map(|billed| (billed.invoice.total.amount, billed.invoice.due.amount));
    let notes = outcome.credit_notes.iter().map(|note| note.total.amount);
    (invoices.collect(), notes.collect())
}

fn part(of: Money, percent: i64) -> Money {
    Money::new(of.amount * percent / 100, of.currency)
}

/// One customer's whole life.
pub(super) async fn live(fixture: &Fixture, terms: &Terms, acts: &[Act]) {
    let own = fixture.database.tenant(IsolationStrategy::SharedDatabase).await;
    let tenant = own.tenant_id();
    let mut tx = fixture.begin().await;
    accounts::create(&mut tx, tenant, account(ZONE))
        .await
        .expect("an account");
    let address = Address {
        country: Some("AT".to_owned()),
        ..Address::default()
    };
    let update = UpdateAccount {
        address: Some(address),
        ..UpdateAccount::default()
    };
    accounts::update(&mut tx, tenant, None, update)
        .await
        .expect("it is changed");
    tx.commit().await.expect("it is kept");
    let mut history = History {
        fixture,
        terms,
        own,
        tenant,
        refunds: Vec::new(),
        finals: BTreeMap::new(),
    };
    // Those who come after do not wait for this one.
    let end = [
        Act::Cancel {
            now: true,
            credit: true,
        },
        Act::Wait { hours: 2 },
    ];
    for act in acts.iter().chain(&end) {
        Box::pin(history.act(act)).await;
        history.look(false).await;
    }
    history.look(true).await;
    fixture.assert_sound().await;
}
