//! Usage on invoices, on a real database.

use kernel::Timestamp;
use metering::events::{Reading, ingest};
use metering::metrics::{Aggregation, NewMetric, declare};
use pricing::catalogue::Catalogue;
use serde_json::{Value, json};
use tenants::BillingCycle;

use super::invoiced;
use crate::clock;
use crate::fixture::{Fixture, usd};
use crate::invoices::{self, Document, InvoiceKind, InvoiceStatus, LineKind};
use crate::subscriptions::{self, CancelWhen, ChangeOrder, NewSubscription, When};
use crate::terms::{Inner, Terms};

/// A hundred tokens are free, more cost a cent each; on the larger plan half of that, and none are free.
const PRICES: &str = r#"
[[editions]]
version = 1
[[editions.plans]]
id = "starter"
trialDays = 0
trialEnd = "free"
prices = [{ cycle = "monthly", currency = "USD", model = "flat", amount = "5.00" },
          { cycle = "yearly", currency = "USD", model = "flat", amount = "50.00" }]
dunning = { retryAfterDays = [3], finalAction = "cancel" }
usage = [{ metric = "tokens", name = "Tokens", prices = [
    { currency = "USD", model = "per_unit", amount = "0.01", free = "100" }] }]
[[editions.plans]]
id = "pro"
trialDays = 0
trialEnd = "free"
prices = [{ cycle = "monthly", currency = "USD", model = "flat", amount = "20.00" }]
dunning = { retryAfterDays = [3], finalAction = "cancel" }
usage = [{ metric = "tokens", name = "Tokens", prices = [
    { currency = "USD", model = "per_unit", amount = "0.005" }] }]
"#;

struct Stage {
    fixture: Fixture,
    began: Timestamp,
}

impl Stage {
    async fn new(cycle: BillingCycle) -> Self {
        let inner = Inner {
            catalogue: Catalogue::from_toml(PRICES).expect("a price list"),
            // Longer than any test lasts: what is not paid has no consequences here.
            payment_days: 36_500,
            ..Inner::default()
        };
        let fixture = Fixture::on(Terms::new(inner)).await;
        let system = fixture.database.system();
        metering::rollups::ensure(&system)
            .await
            .expect("partitions are made");
        let mut tx = fixture.begin().await;
        let metric = NewMetric::new("tokens", Aggregation::Sum, "tokens", Vec::new(), None).expect("valid");
        declare(&mut tx, fixture.tenant, &metric)
            .await
            .expect("it is declared");
        let new = NewSubscription::to("starter".parse().expect("a plan"), cycle);
        let made = subscriptions::create(&mut tx, &fixture.terms, fixture.tenant, new)
            .await
            .expect("it begins");
        tx.commit().await.expect("it is kept");
        Self {
            fixture,
            began: made.subscription.started_at,
        }
    }

    /// Sends one event.
    async fn send(&self, event: Value) {
        let mut event = event;
        let time = self.fixture.database.databases().seams().now().to_string();
        let fixed = json!({"specversion": "1.0", "source": "s", "type": "tokens", "time": time});
        for (name, value) in fixed.as_object().expect("an object") {
            event
                .as_object_mut()
                .expect("an object")
                .entry(name.clone())
                .or_insert(value.clone());
        }
        let mut tx = self.fixture.begin().await;
        let batch = Reading::of(&serde_json::to_vec(&[event]).expect("JSON")).expect("a batch");
        let ingested = ingest(
            &mut tx,
            &metering::events::Filters::default(),
            self.fixture.tenant,
            batch,
        )
        .await
        .expect("it is counted");
        assert_eq!(ingested.receipt.accepted, 1, "{:?}", ingested.receipt);
        tx.commit().await.expect("it is kept");
    }

    async fn use_tokens(&self, id: &str, count: u32) {
        self.send(json!({"id": id, "data": {"value": count}})).await;
    }

    /// So many days after it began.
    async fn day(&self, days: i64) {
        let to = self.began.plus_days(days);
        let system = self.fixture.database.system();
        let (_, ran) = clock::advance(&system, &self.fixture.terms, to)
            .await
            .expect("time passes");
        assert_eq!(ran.failed, 0);
    }

    async fn documents(&self) -> Vec<Document> {
        let mut tx = self.fixture.begin().await;
        let tenant = self.fixture.tenant;
        let all = invoices::list(&mut tx, tenant, None, None, 100)
            .await
            .expect("they are read");
        let mut documents = Vec::new();
        for invoice in all.into_iter().rev() {
            documents.push(
                invoices::get(&mut tx, tenant, invoice.id)
                    .await
                    .expect("it is read"),
            );
        }
        documents
    }
}

fn usage_of(document: &Document) -> Vec<(String, i64)> {
    let lines = document.lines.iter().filter(|line| line.kind == LineKind::Usage);
    lines
        .map(|line| (line.quantity.expect("so many").to_string(), line.amount.amount))
        .collect()
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story from its beginning to its end")]
async fn usage_is_invoiced_after_its_period_and_what_comes_late_with_the_next() {
    let stage = Stage::new(BillingCycle::Monthly).await;
    stage.use_tokens("a", 150).await;
    // The period is over; the draft waits for what comes within the grace time.
    let end = {
        let mut tx = stage.fixture.begin().await;
        let live = subscriptions::get(&mut tx, stage.fixture.tenant)
            .await
            .expect("it is there");
        live.period.ends_at
    };
    let system = stage.fixture.database.system();
    let terms = &stage.fixture.terms;
    clock::advance(&system, terms, end.plus(std::time::Duration::from_mins(1)))
        .await
        .expect("time passes");
    let documents = stage.documents().await;
    assert_eq!(documents[1].invoice.status, InvoiceStatus::Draft);
    stage.use_tokens("b", 20).await;
    stage.day(45).await;
    let documents = stage.documents().await;
    assert_eq!(documents[1].invoice.kind, InvoiceKind::Cycle);
    assert_eq!(usage_of(&documents[1]), [("170".to_owned(), 70)]);
    assert_eq!(documents[1].invoice.total, usd(570));

    stage.use_tokens("c", 30).await;
    stage.day(75).await;
    let documents = stage.documents().await;
    assert_eq!(
        usage_of(&documents[2]),
        [("200".to_owned(), 30)],
        "what came late, at the same price"
    );

    // Less after all: what was charged for it goes back.
    stage.send(json!({"id": "d", "data": {"revokes": "a"}})).await;
    stage.day(100).await;
    let documents = stage.documents().await;
    assert_eq!(usage_of(&documents[3]), []);
    let back: i64 = documents
        .iter()
        .flat_map(|document| &document.credit_notes)
        .map(|note| note.total.amount)
        .sum();
    assert_eq!(back, 100, "fifty tokens are free");
    let mut tx = stage.fixture.begin().await;
    let tenant = stage.fixture.tenant;
    let live = subscriptions::get(&mut tx, tenant).await.expect("it is there");
    let spans = invoiced(&mut tx, tenant, live.id, 100)
        .await
        .expect("they are read");
    let first = spans.last().expect("the first span");
    assert_eq!(
        (first.first_quantity.to_string(), first.quantity.to_string()),
        ("170".to_owned(), "50".to_owned())
    );
    assert_eq!((first.amount, first.adjustments), (0, 2));
    for pair in spans.windows(2) {
        assert_eq!(
            pair[0].span.starts_at, pair[1].span.ends_at,
            "no gap and no overlap"
        );
    }
    drop(tx);
    let told = stage.fixture.database.audit(tenant).await;
    let told = told
        .iter()
        .filter(|event| event.event_type == "billing.usage_difference_found");
    assert_eq!(told.count(), 2);
    stage.fixture.assert_sound().await;
}

#[tokio::test]
async fn usage_of_a_year_is_invoiced_by_the_month() {
    let stage = Stage::new(BillingCycle::Yearly).await;
    stage.use_tokens("a", 150).await;
    stage.day(100).await;
    let documents = stage.documents().await;
    assert_eq!(
        documents.len(),
        2,
        "months without usage to charge for have no invoice"
    );
    assert_eq!(documents[1].invoice.kind, InvoiceKind::Usage);
    assert_eq!(
        (usage_of(&documents[1]), documents[1].invoice.total),
        (vec![("150".to_owned(), 50)], usd(50))
    );
    stage.day(400).await;
    let documents = stage.documents().await;
    assert_eq!(documents.len(), 3);
    assert_eq!(documents[2].invoice.total, usd(5000));
    stage.fixture.assert_sound().await;
}

#[tokio::test]
async fn what_was_used_costs_what_it_cost_when_it_was_used() {
    let stage = Stage::new(BillingCycle::Monthly).await;
    let (tenant, terms) = (stage.fixture.tenant, &stage.fixture.terms);
    stage.use_tokens("a", 150).await;
    stage.day(10).await;
    let mut tx = stage.fixture.begin().await;
    let order = ChangeOrder {
        plan: Some("pro".parse().expect("a plan")),
        ..ChangeOrder::default()
    };
    let done = subscriptions::change(&mut tx, terms, tenant, None, order, When::Now)
        .await
        .expect("it is changed");
    tx.commit().await.expect("it is kept");
    let lines = &done.invoices[0].lines;
    let usage = lines
        .iter()
        .find(|line| line.kind == LineKind::Usage)
        .expect("usage");
    assert_eq!(
        usage.amount,
        usd(50),
        "by the prices of the plan that it was used under"
    );
    let mut tx = stage.fixture.begin().await;
    let when = CancelWhen::Now { credit: true };
    subscriptions::cancel(&mut tx, terms, tenant, None, when)
        .await
        .expect("it ends");
    tx.commit().await.expect("it is kept");
    stage.day(20).await;
    let drafts = stage.documents().await;
    assert!(
        drafts
            .iter()
            .all(|document| document.invoice.status != InvoiceStatus::Draft)
    );
    stage.fixture.assert_sound().await;
}
