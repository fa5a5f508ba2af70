//! Dunning on a real database, by the test clock.

mod cards;
mod course;
mod endings;
mod trials;

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use pricing::catalogue::Catalogue;
use sqlx::{AssertSqlSafe, Executor, Row};
use tenants::{BillingCycle, Status, Tenant};

use super::{Case, of_invoice};
use crate::accounts::{self, UpdateAccount};
use crate::clock;
use crate::fixture::{Fixture, at};
use crate::invoices::{self, Invoice, NewPayment};
use crate::subscriptions::{self, NewSubscription, Subscription, SubscriptionStatus};
use crate::terms::{Inner, Terms};

/// The plans, with this after the last try.
fn prices(final_action: &str) -> Terms {
    let plan = |id: &str, amount: &str| {
        format!(
            r#"
[[editions.plans]]
id = "{id}"
trialDays = 0
trialEnd = "free"
prices = [{{ cycle = "monthly", currency = "USD", model = "flat", amount = "{amount}" }},
          {{ cycle = "yearly", currency = "USD", model = "flat", amount = "{amount}" }}]
dunning = {{ retryAfterDays = [3, 5, 7, 7], finalAction = "{final_action}" }}
"#
        )
    };
    let text = format!(
        "[[editions]]\nversion = 1\n{}{}{}",
        plan("free", "0"),
        plan("starter", "5.00"),
        plan("pro", "20.00")
    );
    Terms::new(Inner {
        catalogue: Catalogue::from_toml(&text).expect("a price list"),
        ..Inner::default()
    })
}

fn yearly() -> NewSubscription {
    NewSubscription {
        trial_days: Some(0),
        ..NewSubscription::to("starter".parse().expect("a plan"), BillingCycle::Yearly)
    }
}

/// A mail that is queued: to whom, and what about.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mail {
    to: String,
    subject: String,
    body: String,
}

async fn mails(tx: &mut ControlTx, tenant: TenantId) -> Vec<Mail> {
    let query = format!(
        "select recipient, subject, coalesce(body, '') as body from control.mails where tenant_id = '{}' order by created_at, id",
        tenant.uuid()
    );
    let rows = tx
        .conn()
        .fetch_all(AssertSqlSafe(query))
        .await
        .expect("they are read");
    let mail = |row: &sqlx::postgres::PgRow| Mail {
        to: row.get("recipient"),
        subject: row.get("subject"),
        body: row.get("body"),
    };
    rows.iter().map(mail).collect()
}

/// Gives the tenant's account an address to be written to at.
async fn reachable(tx: &mut ControlTx, tenant: TenantId, locale: &str) {
    let update = UpdateAccount {
        email: Some(Some("billing@acme.example".to_owned())),
        locale: Some(locale.to_owned()),
        ..UpdateAccount::default()
    };
    accounts::update(tx, tenant, None, update)
        .await
        .expect("it is changed");
}

/// A tenant that pays by hand, on terms with this final action, and has a yearly subscription since 1 June 2027.
async fn subscribed(final_action: &str) -> Fixture {
    let fixture = Fixture::on(prices(final_action)).await;
    pass_to(&fixture, "2027-06-01T00:00:00Z").await;
    let mut tx = fixture.begin().await;
    reachable(&mut tx, fixture.tenant, "en").await;
    subscriptions::create(&mut tx, &fixture.terms, fixture.tenant, yearly())
        .await
        .expect("it begins");
    tx.commit().await.expect("it is kept");
    fixture
}

async fn pass_to(fixture: &Fixture, to: &str) {
    let passed = clock::advance(&fixture.database.system(), &fixture.terms, at(to)).await;
    let (_, ran) = passed.expect("time passes");
    assert_eq!(ran.failed, 0);
}

/// How things stand.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Standing {
    subscription: SubscriptionStatus,
    tenant: Status,
    plan: String,
    mails: usize,
}

async fn standing(fixture: &Fixture) -> Standing {
    let mut tx = fixture.begin().await;
    let tenant = record(&mut tx, fixture.tenant).await;
    Standing {
        subscription: subscription(&mut tx, fixture.tenant).await.status,
        tenant: tenant.status,
        plan: tenant.plan.name().to_owned(),
        mails: mails(&mut tx, fixture.tenant).await.len(),
    }
}

fn stands(subscription: SubscriptionStatus, tenant: Status, plan: &str, mails: usize) -> Standing {
    Standing {
        subscription,
        tenant,
        plan: plan.to_owned(),
        mails,
    }
}

async fn record(tx: &mut ControlTx, tenant: TenantId) -> Tenant {
    let found = tenants::get(tx, tenant).await.expect("it is read");
    found.expect("a tenant")
}

async fn subscription(tx: &mut ControlTx, tenant: TenantId) -> Subscription {
    let all = subscriptions::history(tx, tenant).await.expect("they are read");
    all.into_iter().next().expect("a subscription")
}

async fn invoices_of(tx: &mut ControlTx, tenant: TenantId) -> Vec<Invoice> {
    let mut all = invoices::list(tx, tenant, None, None, 200)
        .await
        .expect("they are read");
    all.reverse();
    all
}

/// The tenant's first invoice, and its case.
async fn first(fixture: &Fixture) -> (Invoice, Option<Case>) {
    let mut tx = fixture.begin().await;
    let invoice = invoices_of(&mut tx, fixture.tenant).await.swap_remove(0);
    let case = of_invoice(&mut tx, fixture.tenant, invoice.id)
        .await
        .expect("it is read");
    (invoice, case)
}

fn all_of(invoice: &Invoice, fixture: &Fixture) -> NewPayment {
    NewPayment {
        id: fixture.database.databases().seams().new_id(),
        invoice: invoice.id,
        amount: invoice.due,
        reference: None,
        received_at: None,
    }
}

async fn pay(fixture: &Fixture, invoice: &Invoice) {
    let mut tx = fixture.begin().await;
    invoices::record_payment(&mut tx, &fixture.terms, fixture.tenant, all_of(invoice, fixture))
        .await
        .expect("it is paid");
    tx.commit().await.expect("it is kept");
}

/// What is open to the tenant, as the gate reads it.
async fn access(fixture: &Fixture) -> String {
    let mut tx = fixture.begin().await;
    let query = format!(
        "select access from control.tenants where id = '{}'",
        fixture.tenant.uuid()
    );
    let row = tx
        .conn()
        .fetch_one(AssertSqlSafe(query))
        .await
        .expect("it is read");
    row.get("access")
}

fn day(text: &str) -> Timestamp {
    at(&format!("2027-{text}T00:00:00Z"))
}
