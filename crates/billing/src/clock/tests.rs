//! The driver on a real database.

use std::time::Duration;

use isolation::{IsolationStrategy, Tx};
use kernel::{TenantId, Timestamp};
use sqlx::{AssertSqlSafe, Executor, Row};
use tenants::BillingCycle;

use super::{advance, run};
use crate::accounts::{self, UpdateAccount};
use crate::fixture::{Fixture, account, at, usd};
use crate::invoices::{self, Invoice, InvoiceStatus};
use crate::subscriptions::{self, NewSubscription};
use crate::terms::Terms;

fn starter() -> NewSubscription {
    let plan = "starter".parse().expect("a plan");
    NewSubscription {
        trial_days: Some(0),
        ..NewSubscription::to(plan, BillingCycle::Monthly)
    }
}

async fn invoices_of(fixture: &Fixture, tenant: TenantId) -> Vec<Invoice> {
    let mut tx = fixture.begin().await;
    let mut all = invoices::list(&mut tx, tenant, None, None, 200)
        .await
        .expect("they are read");
    all.reverse();
    all
}

/// The last day of each month from January 2027 on that a subscription from the 31st is billed on.
const DAYS: [i64; 25] = [
    31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31,
];
/// How many hours the clocks are ahead of UTC at the midnight with which that day begins; the end of October 2027 falls on
/// the very day on which Berlin's go back.
const BERLIN: [i64; 25] = [
    1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1,
];
const NEW_YORK: [i64; 25] = [
    -5, -5, -4, -4, -4, -4, -4, -4, -4, -4, -5, -5, -5, -5, -4, -4, -4, -4, -4, -4, -4, -4, -5, -5, -5,
];
const AUCKLAND: [i64; 25] = [
    13, 13, 13, 12, 12, 12, 12, 12, 13, 13, 13, 13, 13, 13, 13, 12, 12, 12, 12, 12, 13, 13, 13, 13, 13,
];

fn midnight(month: usize, ahead: i64) -> Timestamp {
    let (year, number) = (2027 + month / 12, month % 12 + 1);
    let utc = at(&format!("{year}-{number:02}-{:02}T00:00:00Z", DAYS[month]));
    Timestamp::from_micros(utc.as_micros() - ahead * 3_600_000_000)
}

#[tokio::test]
async fn twenty_four_months_from_31_january_in_three_zones() {
    let plan = subscriptions::tests::prices();
    let fixture = Fixture::on(plan).await;
    let zones = [
        ("Europe/Berlin", BERLIN),
        ("America/New_York", NEW_YORK),
        ("Pacific/Auckland", AUCKLAND),
    ];
    let mut tenants = Vec::new();
    for (zone, ahead) in zones {
        let tenant = fixture
            .database
            .tenant(IsolationStrategy::SharedDatabase)
            .await
            .tenant_id();
        let mut tx = fixture.begin().await;
        accounts::create(&mut tx, tenant, account(zone))
            .await
            .expect("an account");
        tx.commit().await.expect("it is kept");
        tenants.push((tenant, zone, ahead));
    }
    let system = fixture.database.system();
    // Each begins at ten in the morning of its 31 January: the further east, the earlier.
    tenants.reverse();
    for (tenant, zone, ahead) in &tenants {
        if *zone == "Europe/Berlin" {
            tenants_begin(&fixture, *tenant, midnight(0, ahead[0])).await;
        }
    }
    let mut by_start: Vec<_> = tenants
        .iter()
        .filter(|(_, zone, _)| *zone != "Europe/Berlin")
        .collect();
    by_start.sort_by_key(|(_, _, ahead)| midnight(0, ahead[0]));
    for (tenant, _, ahead) in by_start {
        tenants_begin(&fixture, *tenant, midnight(0, ahead[0])).await;
    }
    advance(&system, &fixture.terms, at("2029-02-01T12:00:00Z"))
        .await
        .expect("time passes");
    for (tenant, zone, ahead) in tenants {
        let all = invoices_of(&fixture, tenant).await;
        assert_eq!(all.len(), 25, "{zone}");
        for (month, invoice) in all.iter().enumerate().skip(1) {
            let wanted = midnight(month, ahead[month]);
            let period = invoice.period.expect("a period");
            assert_eq!(period.starts_at, wanted, "{zone}, month {month}");
            let issued = invoice.finalized_at.expect("it is final");
            assert!(
                (wanted..wanted.plus(Duration::from_mins(1))).contains(&issued),
                "{zone}, month {month}: {issued}"
            );
            assert_eq!(
                all[month - 1].period.map(|before| before.ends_at),
                Some(wanted),
                "{zone}: no gap"
            );
            assert_eq!(invoice.total, usd(500));
        }
    }
    fixture.assert_sound().await;
}

/// Begins at ten o'clock of a day, or now where that is past: the first midnight is what is counted from.
async fn tenants_begin(fixture: &Fixture, tenant: TenantId, midnight: Timestamp) {
    let system = fixture.database.system();
    let (ten, _) = advance(&system, &fixture.terms, midnight.plus(Duration::from_hours(10)))
        .await
        .expect("time passes");
    assert!(
        ten < midnight.plus(Duration::from_hours(24)),
        "it is still that day there"
    );
    let mut tx = fixture.begin().await;
    subscriptions::create(&mut tx, &fixture.terms, tenant, starter())
        .await
        .expect("it begins");
    tx.commit().await.expect("it is kept");
}

/// So many tenants with subscriptions that began on 1 June.
async fn many(terms: Terms, count: usize) -> (Fixture, Vec<TenantId>) {
    let fixture = Fixture::on(terms).await;
    let system = fixture.database.system();
    advance(&system, &fixture.terms, at("2027-06-01T00:00:00Z"))
        .await
        .expect("time passes");
    let mut tenants = vec![fixture.tenant];
    for _ in 1..count {
        tenants.push(
            fixture
                .database
                .tenant(IsolationStrategy::SharedDatabase)
                .await
                .tenant_id(),
        );
    }
    for tenant in &tenants {
        let mut tx = fixture.begin().await;
        if *tenant != fixture.tenant {
            accounts::create(&mut tx, *tenant, account("UTC"))
                .await
                .expect("an account");
        }
        subscriptions::create(&mut tx, &fixture.terms, *tenant, starter())
            .await
            .expect("it begins");
        tx.commit().await.expect("it is kept");
    }
    (fixture, tenants)
}

/// Moves the time without doing what becomes due.
async fn time_passes(fixture: &Fixture, to: &str) {
    let mut tx = fixture.begin().await;
    super::time::advance_to(&mut tx, at(to))
        .await
        .expect("it is moved");
    tx.commit().await.expect("it is kept");
}

async fn assert_each_was_invoiced(fixture: &Fixture, tenants: &[TenantId], periods: usize) {
    for tenant in tenants {
        let all = invoices_of(fixture, *tenant).await;
        assert_eq!(all.len(), periods);
        for pair in all.windows(2) {
            let end = |invoice: &Invoice| invoice.period.expect("a period").ends_at;
            assert_eq!(end(&pair[0]), pair[1].period.expect("a period").starts_at);
        }
        assert!(all.iter().all(|invoice| invoice.status == InvoiceStatus::Open));
    }
    fixture.assert_sound().await;
}

#[tokio::test]
async fn two_nodes_invoice_each_period_once() {
    let (fixture, tenants) = many(subscriptions::tests::prices(), 40).await;
    let other = fixture.database.another_node().await;
    time_passes(&fixture, "2027-09-15T00:00:00Z").await;
    let (one, two) = (fixture.database.system(), other.system());
    let (a, b) = tokio::join!(run(&one, &fixture.terms), run(&two, &fixture.terms));
    let (a, b) = (a.expect("it ran"), b.expect("it ran"));
    assert_eq!((a.failed, b.failed), (0, 0));
    assert_eq!(a.steps + b.steps, 120, "{a:?} {b:?}");
    assert_each_was_invoiced(&fixture, &tenants, 4).await;
}

#[tokio::test]
async fn who_dies_at_any_moment_leaves_nothing_half_done() {
    let (fixture, tenants) = many(subscriptions::tests::prices(), 20).await;
    time_passes(&fixture, "2027-09-15T00:00:00Z").await;
    for millis in 1..40 {
        let (system, terms) = (fixture.database.system(), fixture.terms.clone());
        let running = tokio::spawn(async move { run(&system, &terms).await });
        tokio::time::sleep(Duration::from_millis(millis)).await;
        running.abort();
        let _ = running.await;
        fixture.assert_sound().await;
    }
    run(&fixture.database.system(), &fixture.terms)
        .await
        .expect("it ran");
    assert_each_was_invoiced(&fixture, &tenants, 4).await;
}

#[tokio::test]
async fn one_that_fails_keeps_nobody_waiting() {
    let (fixture, tenants) = many(subscriptions::tests::prices(), 3).await;
    let mut tx = fixture.begin().await;
    let broken = format!(
        "update control.subscriptions set catalogue_version = 7 where tenant_id = '{}'",
        tenants[1].uuid()
    );
    tx.conn()
        .execute(AssertSqlSafe(broken))
        .await
        .expect("it is broken");
    tx.commit().await.expect("it is kept");
    time_passes(&fixture, "2027-07-01T00:00:00Z").await;
    let ran = run(&fixture.database.system(), &fixture.terms)
        .await
        .expect("it ran");
    assert_eq!((ran.steps, ran.failed), (2, 1));
    let mut tx = fixture.begin().await;
    let repaired =
        "update control.subscriptions set catalogue_version = 1, next_at = period_ends_at where failures = 1";
    let row = tx.conn().execute(repaired).await.expect("it is repaired");
    assert_eq!(row.rows_affected(), 1, "it was to be tried again later");
    tx.commit().await.expect("it is kept");
    run(&fixture.database.system(), &fixture.terms)
        .await
        .expect("it ran");
    assert_each_was_invoiced(&fixture, &tenants, 2).await;
}

#[tokio::test]
async fn the_subscription_of_a_tenant_that_was_given_up_ends() {
    let (fixture, tenants) = many(subscriptions::tests::prices(), 2).await;
    let mut tx = fixture.begin().await;
    tenants::cancel(&mut tx, tenants[1], None)
        .await
        .expect("it is given up");
    tx.commit().await.expect("it is kept");
    advance(
        &fixture.database.system(),
        &fixture.terms,
        at("2027-07-01T00:00:00Z"),
    )
    .await
    .expect("time passes");
    assert_eq!(invoices_of(&fixture, tenants[0]).await.len(), 2);
    assert_eq!(invoices_of(&fixture, tenants[1]).await.len(), 1);
    let mut tx = fixture.begin().await;
    let row = tx
        .conn()
        .fetch_one("select count(*) from control.subscriptions where next_at is not null")
        .await
        .expect("it is read");
    assert_eq!(row.get::<i64, _>(0), 1);
}

#[tokio::test]
async fn the_zone_of_the_account_counts_from_the_next_anchor_on() {
    let fixture = Fixture::on(subscriptions::tests::prices()).await;
    let system = fixture.database.system();
    advance(&system, &fixture.terms, at("2027-06-01T12:00:00Z"))
        .await
        .expect("time passes");
    let mut tx = fixture.begin().await;
    subscriptions::create(&mut tx, &fixture.terms, fixture.tenant, starter())
        .await
        .expect("it begins");
    let zone = UpdateAccount {
        time_zone: Some("Asia/Kolkata".parse().expect("a zone")),
        ..UpdateAccount::default()
    };
    accounts::update(&mut tx, fixture.tenant, None, zone)
        .await
        .expect("it is changed");
    tx.commit().await.expect("it is kept");
    advance(&system, &fixture.terms, at("2027-07-02T00:00:00Z"))
        .await
        .expect("time passes");
    let mut tx = fixture.begin().await;
    let kept = subscriptions::get(&mut tx, fixture.tenant)
        .await
        .expect("it is there");
    assert_eq!(
        kept.period.starts_at,
        at("2027-07-01T00:00:00Z"),
        "what began in UTC stays in it"
    );
}
