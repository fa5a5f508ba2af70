//! Billing inside an application that is built on the library: a customer, a subscription, a change, a payment, a refund.
//!
//! ```text
//! cargo run -p billing --example billing_engine
//! ```
//!
//! It brings a PostgreSQL of its own, a tenant, and a Stripe that is played in this process.

use std::time::Duration;

use billing::accounts::{self, NewAccount};
use billing::invoices::{self, Invoice, InvoiceStatus, RefundFrom};
use billing::payments::refunds::{self, RefundOrder};
use billing::payments::{Payments, customers, methods};
use billing::providers::{Provider, ProviderKind};
use billing::stripe::{Client, Patience, Secrets, Settings};
use billing::subscriptions::{self, CancelWhen, ChangeOrder, NewSubscription, When};
use billing::{Terms, TermsOf, clock};
use isolation::{ControlTx, IsolationStrategy};
use jobs::{Handlers, Worker};
use kernel::{Seams, Secret, TenantId};
use pricing::{Currency, Zone};
use tenants::BillingCycle;
use testkit::{FakeStripe, TestDatabase};
use tokio_util::sync::CancellationToken;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let (database, stripe) = (TestDatabase::new().await, FakeStripe::start().await);
    for line in Box::pin(run(&database, &stripe)).await? {
        println!("{line}");
    }
    Ok(())
}

/// What the example says.
pub(crate) async fn run(database: &TestDatabase, stripe: &FakeStripe) -> Outcome<Vec<String>> {
    let payments = billing_engine(database, stripe)?;
    let terms = payments.terms();
    let tenant = database
        .tenant(IsolationStrategy::SharedDatabase)
        .await
        .tenant_id();
    let begin = || database.system();
    let mut said = Vec::new();

    // Create customer and subscription
    let customer = create_customer(database, &payments, tenant).await?;
    said.push("a customer at Stripe".to_owned());
    let mut tx = begin().control().await?;
    let wanted = NewSubscription {
        trial_days: Some(14),
        ..NewSubscription::to("pro".parse()?, BillingCycle::Monthly)
    };
    let made = subscriptions::create(&mut tx, terms, tenant, wanted).await?;
    tx.commit().await?;
    let subscription = made.subscription;
    said.push(format!("{}: {}", subscription.plan, subscription.status.name()));

    // A card, which Stripe has taken in the payer's browser
    let card = methods::attach(&payments, tenant, &customer, "pm_card_visa", "example").await?;
    let mut tx = begin().control().await?;
    let card = methods::keep(&mut tx, tenant, card, true).await?;
    tx.commit().await?;
    said.push(format!("pays with {}", card.label));

    // The trial is over: the first invoice is charged by a job
    let mut tx = begin().control().await?;
    let charged = subscriptions::end_trial(&mut tx, terms, tenant, None).await?;
    tx.commit().await?;
    let first = charged.invoices[0].invoice.id;
    work_until(database, &payments, async || {
        Ok(invoice(database, tenant, first).await?.status == InvoiceStatus::Paid)
    })
    .await?;
    said.push(describe(&invoice(database, tenant, first).await?));

    said.extend(Box::pin(change_refund_and_end(database, stripe, &payments, tenant)).await?);
    Ok(said)
}

async fn change_refund_and_end(
    database: &TestDatabase,
    stripe: &FakeStripe,
    payments: &Payments,
    tenant: TenantId,
) -> Outcome<Vec<String>> {
    let terms = payments.terms();
    let begin = || database.system();
    let mut said = Vec::new();

    // What an upgrade would cost, and the upgrade
    let upgrade = ChangeOrder {
        plan: Some("enterprise".parse()?),
        ..ChangeOrder::default()
    };
    let mut tx = begin().control().await?;
    let shown = subscriptions::preview(&mut tx, terms, tenant, upgrade.clone(), When::Now).await?;
    said.push(format!("an upgrade now costs {}", shown.net()?));
    let changed = subscriptions::change(&mut tx, terms, tenant, None, upgrade, When::Now).await?;
    tx.commit().await?;
    let second = changed.invoices[0].invoice.id;
    work_until(database, payments, async || {
        Ok(invoice(database, tenant, second).await?.status == InvoiceStatus::Paid)
    })
    .await?;
    said.push(describe(&invoice(database, tenant, second).await?));

    // Some of it goes back
    let mut tx = begin().control().await?;
    let order = RefundOrder {
        invoice: second,
        payment: None,
        amount: Some(10_000),
        from: RefundFrom::Invoice,
        reason: Some("as agreed".to_owned()),
    };
    let (refund, _) = refunds::order(&mut tx, terms, tenant, None, order).await?;
    tx.commit().await?;
    let returned = async || {
        Ok(stripe
            .objects("refunds")
            .iter()
            .any(|refund| refund["status"] == "succeeded"))
    };
    work_until(database, payments, returned).await?;
    said.push(format!("{} went back", refund.amount));

    // Cancelled, it goes on until its period ends
    let mut tx = begin().control().await?;
    let ending = subscriptions::cancel(&mut tx, terms, tenant, None, CancelWhen::PeriodEnd).await?;
    tx.commit().await?;
    let ends_at = ending.subscription.period.ends_at;
    clock::advance(&begin(), terms, ends_at).await?;
    let mut tx = begin().control().await?;
    let last = subscriptions::history(&mut tx, tenant).await?;
    said.push(format!("after a month: {}", last[0].status.name()));
    Ok(said)
}

/// Billing on these terms: collected by Stripe, at the address and with the key that it is configured with.
fn billing_engine(database: &TestDatabase, stripe: &FakeStripe) -> Outcome<Payments> {
    let settings = Settings {
        base: stripe.base().parse()?,
        key: Secret::new("sk_test_example".to_owned()),
        patience: Patience::default(),
    };
    let terms = Terms::new(TermsOf {
        provider: Provider::Stripe(Client::new(settings, Seams::real())),
        ..TermsOf::default()
    });
    Ok(Payments::new(
        database.databases().clone(),
        terms,
        Secrets::parse("whsec_example"),
    ))
}

async fn create_customer(database: &TestDatabase, payments: &Payments, tenant: TenantId) -> Outcome<String> {
    let mut tx = database.system().control().await?;
    let account = NewAccount {
        provider: ProviderKind::Stripe,
        email: Some("billing@acme.com".parse()?),
        name: "Acme Corp".to_owned(),
        currency: Currency::USD,
        time_zone: Zone::UTC,
    };
    accounts::create(&mut tx, tenant, account).await?;
    tx.commit().await?;
    Ok(customers::ensure(payments, tenant).await?)
}

async fn invoice(database: &TestDatabase, tenant: TenantId, id: invoices::InvoiceId) -> Outcome<Invoice> {
    let mut tx: ControlTx = database.system().control().await?;
    Ok(invoices::get(&mut tx, tenant, id).await?.invoice)
}

fn describe(invoice: &Invoice) -> String {
    let number = invoice.number.as_deref().unwrap_or("a draft");
    format!(
        "{number} over {}: {}, {} paid",
        invoice.total,
        invoice.status.name(),
        invoice.paid
    )
}

/// What a server does all the time: jobs call the provider.
async fn work_until(
    database: &TestDatabase,
    payments: &Payments,
    done: impl AsyncFn() -> Outcome<bool>,
) -> Outcome<()> {
    let stop = CancellationToken::new();
    let worker = Worker::new(database.system(), payments.handlers(Handlers::default()));
    let working = tokio::spawn(worker.run(stop.clone()));
    let waiting = async {
        while !done().await? {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Outcome::Ok(())
    };
    let waited = tokio::time::timeout(Duration::from_mins(1), waiting).await;
    stop.cancel();
    working.await?;
    waited?
}
