//! Subscriptions on a real database.

mod access;
mod course;
mod ordering;
mod redeeming;

use pricing::catalogue::{Catalogue, TrialEnd};
use pricing::tax::TaxBehaviour;
use pricing::{Money, ProrationMode};
use tenants::{BillingCycle, Status};

use super::*;
use crate::clock;
use crate::fixture::{Fixture, at, usd};
use crate::invoices::{self, CreditNote, Invoice, InvoiceKind, InvoiceStatus, LineKind, NewPayment};
use crate::ledger::Account;
use crate::terms::{Inner, Terms};

/// 5.00 and 20.00 for thirty days, and what other tests need.
const PRICES: &str = r#"
[[editions]]
version = 1
[[editions.plans]]
id = "free"
trialDays = 0
trialEnd = "free"
prices = [{ cycle = "monthly", currency = "USD", model = "flat", amount = "0" },
          { cycle = "yearly", currency = "USD", model = "flat", amount = "0" }]
dunning = { retryAfterDays = [3], finalAction = "cancel" }
[[editions.plans]]
id = "starter"
trialDays = 0
trialEnd = "free"
prices = [{ cycle = "monthly", currency = "USD", model = "flat", amount = "5.00" },
          { cycle = "yearly", currency = "USD", model = "flat", amount = "50.00" }]
dunning = { retryAfterDays = [3], finalAction = "cancel" }
[[editions.plans]]
id = "pro"
trialDays = 0
trialEnd = "free"
prices = [{ cycle = "monthly", currency = "USD", model = "per_seat", amount = "20.00" },
          { cycle = "yearly", currency = "USD", model = "per_seat", amount = "200.00" }]
dunning = { retryAfterDays = [3], finalAction = "cancel" }
[[editions.plans]]
id = "enterprise"
trialDays = 14
trialEnd = "suspend"
prices = [{ cycle = "monthly", currency = "USD", model = "flat", amount = "200.00" },
          { cycle = "yearly", currency = "USD", model = "flat", amount = "1999.99" }]
dunning = { retryAfterDays = [3], finalAction = "cancel" }
[[editions.addOns]]
id = "support"
name = "Support"
plans = ["starter", "pro"]
prices = [{ cycle = "monthly", currency = "USD", model = "flat", amount = "3.00" },
          { cycle = "yearly", currency = "USD", model = "flat", amount = "30.00" }]
[[editions.addOns]]
id = "setup"
name = "Setup"
prices = [{ currency = "USD", model = "flat", amount = "7.00" }]
[[editions.coupons]]
code = "HALF"
name = "Half"
discount = { percent = "50" }
duration = { repeating = 2 }
"#;

/// Longer than any test lasts: what is not paid stays so, without consequences.
const PATIENT: u16 = 36_500;

pub(crate) fn prices() -> Terms {
    Terms::new(Inner {
        catalogue: Catalogue::from_toml(PRICES).expect("a price list"),
        payment_days: PATIENT,
        ..Inner::default()
    })
}

/// The same, sold from Austria: whoever is there pays 20 % tax, on top of these prices or within them.
pub(crate) fn taxed_prices(tax_behaviour: TaxBehaviour, proration: ProrationMode) -> Terms {
    let mut inner = Inner {
        catalogue: Catalogue::from_toml(PRICES).expect("a price list"),
        tax_behaviour,
        proration,
        payment_days: PATIENT,
        ..Inner::default()
    };
    inner.seller.tax.place = "AT".parse().expect("a country");
    Terms::new(inner)
}

fn plan(name: &str) -> tenants::plans::PlanId {
    name.parse().expect("a plan")
}

fn to(name: &str) -> NewSubscription {
    NewSubscription::to(plan(name), BillingCycle::Monthly)
}

impl Fixture {
    /// It is this instant from here on.
    async fn go_to(&self, text: &str) -> clock::Ran {
        let system = self.database.system();
        let (_, ran) = clock::advance(&system, &self.terms, at(text))
            .await
            .expect("time passes");
        assert_eq!(ran.failed, 0);
        ran
    }

    async fn subscribe(&self, new: NewSubscription) -> Outcome {
        let mut tx = self.begin().await;
        let made = create(&mut tx, &self.terms, self.tenant, new)
            .await
            .expect("it begins");
        tx.commit().await.expect("it is kept");
        made
    }

    async fn change(&self, order: ChangeOrder, when: When) -> Outcome {
        let mut tx = self.begin().await;
        let changed = change(&mut tx, &self.terms, self.tenant, None, order, when)
            .await
            .expect("it is changed");
        tx.commit().await.expect("it is kept");
        changed
    }

    async fn pay_all(&self) {
        let mut tx = self.begin().await;
        let open = invoices::list(&mut tx, self.tenant, Some(InvoiceStatus::Open), None, 100)
            .await
            .expect("they are read");
        for invoice in open {
            let payment = NewPayment {
                id: self.database.databases().seams().new_id(),
                invoice: invoice.id,
                amount: invoice.due,
                reference: None,
                received_at: None,
            };
            invoices::record_payment(&mut tx, &self.terms, self.tenant, payment)
                .await
                .expect("it is paid");
        }
        tx.commit().await.expect("it is kept");
    }

    async fn invoices(&self) -> Vec<Invoice> {
        let mut tx = self.begin().await;
        let mut all = invoices::list(&mut tx, self.tenant, None, None, 200)
            .await
            .expect("they are read");
        all.reverse();
        all
    }

    async fn subscription(&self) -> Subscription {
        let mut tx = self.begin().await;
        let all = history(&mut tx, self.tenant).await.expect("they are read");
        all.into_iter().next().expect("there is one")
    }

    async fn status(&self) -> Status {
        let mut tx = self.begin().await;
        let tenant = tenants::get(&mut tx, self.tenant).await.expect("it is read");
        tenant.expect("there is one").status
    }

    async fn plan(&self) -> String {
        let mut tx = self.begin().await;
        let tenant = tenants::get(&mut tx, self.tenant).await.expect("it is read");
        tenant.expect("there is one").plan.to_string()
    }
}

fn order(name: &str) -> ChangeOrder {
    ChangeOrder {
        plan: Some(plan(name)),
        ..ChangeOrder::default()
    }
}

fn one(outcome: &Outcome) -> (&Billed, Option<&CreditNote>) {
    assert!(
        outcome.credit_notes.len() <= 1 && outcome.invoices.len() == 1,
        "{outcome:?}"
    );
    (&outcome.invoices[0], outcome.credit_notes.first())
}

#[tokio::test]
async fn five_to_twenty_after_one_of_thirty_days_nets_fourteen_fifty() {
    let fixture = Fixture::on(prices()).await;
    fixture.go_to("2027-06-01T00:00:00Z").await;
    let begun = fixture.subscribe(to("starter")).await;
    assert_eq!(one(&begun).0.invoice.total, usd(500));
    fixture.pay_all().await;
    fixture.go_to("2027-06-02T12:00:00Z").await;

    let mut tx = fixture.begin().await;
    let shown = preview(&mut tx, &fixture.terms, fixture.tenant, order("pro"), When::Now)
        .await
        .expect("it is shown");
    tx.commit().await.expect("nothing was done");
    let done = fixture.change(order("pro"), When::Now).await;
    for outcome in [&shown, &done] {
        let (billed, note) = one(outcome);
        assert_eq!(note.map(|note| note.total), Some(usd(483)));
        assert_eq!(billed.invoice.total, usd(1933));
        assert_eq!(
            (billed.invoice.balance_applied, billed.invoice.due),
            (usd(483), usd(1450))
        );
        assert_eq!(outcome.net(), Ok(usd(1450)));
        let kinds: Vec<_> = billed.lines.iter().map(|line| (line.kind, line.amount)).collect();
        assert_eq!(
            kinds,
            [(LineKind::Proration, usd(1933)), (LineKind::Credit, usd(-483))]
        );
        let timed = billed.lines[0].proration.expect("it is prorated");
        assert_eq!((timed.mode.name(), timed.whole_amount), ("day", usd(2000)));
    }
    let number = |outcome: &Outcome| outcome.invoices[0].invoice.number.clone();
    assert_eq!(number(&shown), number(&done), "the preview took nothing");
    assert_eq!(fixture.plan().await, "pro");
    fixture.assert_sound().await;
}

#[tokio::test]
async fn prepaid_two_hundred_cancelled_on_the_first_of_thirty_days_credits_241_66() {
    let mut inner = Inner {
        catalogue: Catalogue::from_toml(PRICES).expect("a price list"),
        ..Inner::default()
    };
    // 25 %: Denmark.
    inner.seller.tax.place = "DK".parse().expect("a country");
    let fixture = Fixture::on(Terms::new(inner)).await;
    fixture.go_to("2027-06-01T00:00:00Z").await;
    let new = NewSubscription {
        trial_days: Some(0),
        ..to("enterprise")
    };
    let begun = fixture.subscribe(new).await;
    assert_eq!(one(&begun).0.invoice.total, usd(25_000));
    fixture.pay_all().await;
    fixture.go_to("2027-06-01T15:00:00Z").await;
    let mut tx = fixture.begin().await;
    let when = CancelWhen::Now { credit: true };
    let ended = cancel(&mut tx, &fixture.terms, fixture.tenant, None, when)
        .await
        .expect("it ends");
    tx.commit().await.expect("it is kept");
    let note = &ended.credit_notes[0];
    assert_eq!(
        (note.subtotal, note.tax, note.total),
        (usd(19_333), usd(4833), usd(24_166))
    );
    assert_eq!(note.to_balance, usd(24_166));
    assert_eq!(fixture.stands(Account::CustomerBalance).await, -24_166);
    assert_eq!(fixture.status().await, Status::Canceled);
    let over = fixture.subscription().await;
    assert_eq!(over.status, SubscriptionStatus::Canceled);
    fixture.go_to("2028-06-01T00:00:00Z").await;
    assert_eq!(fixture.invoices().await.len(), 1, "nothing more is invoiced");
    fixture.assert_sound().await;
}

#[tokio::test]
async fn what_was_not_paid_is_not_given_back_but_not_demanded_either() {
    let fixture = Fixture::on(prices()).await;
    fixture.go_to("2027-06-01T00:00:00Z").await;
    fixture.subscribe(to("pro")).await;
    fixture.go_to("2027-06-16T00:00:00Z").await;
    let done = fixture.change(order("starter"), When::Now).await;
    let (billed, note) = one(&done);
    let note = note.expect("a credit note");
    assert_eq!(
        (note.total, note.to_due, note.to_balance),
        (usd(1000), usd(1000), usd(0))
    );
    assert_eq!((billed.invoice.total, billed.invoice.due), (usd(250), usd(250)));
    let due: i64 = fixture
        .invoices()
        .await
        .iter()
        .map(|invoice| invoice.due.amount)
        .sum();
    assert_eq!(due, 1250, "half a month of each");
    assert_eq!(fixture.stands(Account::CustomerBalance).await, 0);
    fixture.assert_sound().await;
}

#[tokio::test]
async fn changes_within_one_period_cost_together_what_was_used() {
    let fixture = Fixture::on(prices()).await;
    fixture.go_to("2027-06-01T00:00:00Z").await;
    fixture.subscribe(to("pro")).await;
    fixture.pay_all().await;
    // Ten days each: 20.00, 60.00, 20.00 a month.
    fixture.go_to("2027-06-11T00:00:00Z").await;
    let seats = |quantity| ChangeOrder {
        quantity: Some(quantity),
        ..ChangeOrder::default()
    };
    fixture.change(seats(3), When::Now).await;
    fixture.pay_all().await;
    fixture.go_to("2027-06-21T00:00:00Z").await;
    fixture.change(seats(1), When::Now).await;
    fixture.pay_all().await;
    fixture.assert_sound().await;
    let net = -fixture.stands(Account::Revenue).await;
    assert_eq!(net, 667 + 2000 + 667, "the thirds of 20.00, 60.00 and 20.00");
    fixture.go_to("2027-07-01T00:00:00Z").await;
    let july = fixture.invoices().await.pop().expect("an invoice");
    assert_eq!((july.kind, july.total), (InvoiceKind::Cycle, usd(2000)));
    assert!(
        july.balance_applied.is_positive(),
        "what the fewer seats gave back"
    );
    fixture.assert_sound().await;
}

#[tokio::test]
async fn another_cycle_begins_a_new_period() {
    let fixture = Fixture::on(prices()).await;
    fixture.go_to("2027-06-01T00:00:00Z").await;
    fixture.subscribe(to("starter")).await;
    fixture.pay_all().await;
    fixture.go_to("2027-06-16T08:30:00Z").await;
    let yearly = ChangeOrder {
        cycle: Some(BillingCycle::Yearly),
        ..ChangeOrder::default()
    };
    let done = fixture.change(yearly, When::Now).await;
    let (billed, note) = one(&done);
    assert_eq!(note.map(|note| note.total), Some(usd(250)));
    assert_eq!((billed.invoice.total, billed.invoice.due), (usd(5000), usd(4750)));
    assert_eq!(done.subscription.period.starts_at, done.takes_effect_at);
    assert_eq!(done.subscription.period.ends_at, at("2028-06-16T00:00:00Z"));
    fixture.go_to("2028-06-16T00:00:00Z").await;
    let all = fixture.invoices().await;
    assert_eq!(all.len(), 3);
    assert_eq!(all[2].total, usd(5000));
    fixture.assert_sound().await;
}

#[tokio::test]
async fn what_is_ordered_for_the_end_of_the_period_waits() {
    let fixture = Fixture::on(prices()).await;
    fixture.go_to("2027-06-01T00:00:00Z").await;
    fixture.subscribe(to("pro")).await;
    fixture.pay_all().await;
    let mut tx = fixture.begin().await;
    let shown = preview(
        &mut tx,
        &fixture.terms,
        fixture.tenant,
        order("starter"),
        When::PeriodEnd,
    )
    .await
    .expect("it is shown");
    drop(tx);
    assert_eq!(shown.invoices[0].invoice.total, usd(500));
    assert_eq!(shown.takes_effect_at, at("2027-07-01T00:00:00Z"));
    let waits = fixture.change(order("starter"), When::PeriodEnd).await;
    assert!(waits.invoices.is_empty() && waits.credit_notes.is_empty());
    assert_eq!(fixture.plan().await, "pro");
    fixture.go_to("2027-07-01T00:00:00Z").await;
    assert_eq!(fixture.plan().await, "starter");
    assert_eq!(fixture.invoices().await[1].total, usd(500));
    assert_eq!(fixture.subscription().await.scheduled, None);

    // One that waits for an instant within the period, and one that is taken back.
    fixture.pay_all().await;
    let when = When::At(at("2027-07-11T00:00:00Z"));
    fixture.change(order("pro"), when).await;
    fixture.go_to("2027-07-20T00:00:00Z").await;
    assert_eq!(fixture.plan().await, "pro");
    let third = &fixture.invoices().await[2];
    // 21 of 31 days.
    assert_eq!((third.total, third.balance_applied), (usd(1355), usd(339)));
    fixture.change(order("starter"), When::PeriodEnd).await;
    let mut tx = fixture.begin().await;
    unschedule(&mut tx, fixture.tenant, None)
        .await
        .expect("it is taken back");
    tx.commit().await.expect("it is kept");
    fixture.go_to("2027-08-01T00:00:00Z").await;
    assert_eq!(fixture.plan().await, "pro");
    fixture.assert_sound().await;
}

#[tokio::test]
async fn from_the_free_plan_a_paid_one_begins_at_once() {
    let fixture = Fixture::on(prices()).await;
    fixture.go_to("2027-06-01T00:00:00Z").await;
    fixture.subscribe(to("free")).await;
    fixture.go_to("2027-08-20T00:00:00Z").await;
    assert_eq!(
        fixture.invoices().await.len(),
        0,
        "nothing is invoiced of nothing"
    );
    let done = fixture.change(order("starter"), When::Now).await;
    assert_eq!(one(&done).0.invoice.total, usd(500));
    assert_eq!(done.subscription.period.ends_at, at("2027-09-20T00:00:00Z"));
    fixture.assert_sound().await;
}
