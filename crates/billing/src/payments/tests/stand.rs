//! What the tests stand on: a database, a Stripe, and a tenant with a customer and a card.

use std::time::Duration;

use isolation::{ControlTx, Tx};
use jobs::{Handlers, Worker};
use kernel::{Faults, Seams, Secret, TenantId};
use pricing::Money;
use sqlx::Row;
use testkit::{FakeStripe, TestDatabase};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::fixture::{Fixture, assert_sound, usd};
use crate::invoices::{self, Invoice, InvoiceId, NewLine, NewRepayment, PaymentId, RefundFrom, RepaymentId};
use crate::payments::attempts::{self, Attempt, AttemptId, Order};
use crate::payments::refunds::{self, NewRefund, RefundError, RefundId};
use crate::payments::{Payments, customers, methods};
use crate::providers::{Provider, ProviderKind};
use crate::stripe::{Client, Patience, Secrets, Settings};
use crate::{Terms, TermsOf};

pub(crate) const SECRET: &str = "whsec_test";

pub(crate) struct Stand {
    pub(crate) db: TestDatabase,
    pub(crate) stripe: FakeStripe,
    pub(crate) payments: Payments,
    pub(crate) tenant: TenantId,
}

/// Impatient, so that a test that is about losing patience does not take long.
pub(crate) fn collecting(db: &TestDatabase, base: &str) -> Payments {
    Payments::new(db.databases().clone(), terms(base), Secrets::parse(SECRET))
}

fn terms(base: &str) -> Terms {
    let settings = Settings {
        base: base.parse().expect("an address"),
        key: Secret::new("sk_test_stand".to_owned()),
        patience: Patience {
            exchange: Duration::from_millis(500),
            pause: Duration::from_millis(2),
            longest_pause: Duration::from_millis(10),
            ..Patience::default()
        },
    };
    Terms::new(TermsOf {
        provider: Provider::Stripe(Client::new(settings, Seams::real())),
        ..TermsOf::default()
    })
}

/// Nobody else's identifier.
pub(crate) fn fresh() -> Uuid {
    Uuid::from_bytes(Seams::real().random())
}

impl Stand {
    /// With a customer, and this method as its default.
    pub(crate) async fn with_method(token: &str) -> Self {
        let stand = Self::new().await;
        stand.add_method(token).await;
        stand
    }

    pub(crate) async fn new() -> Self {
        let stripe = FakeStripe::start().await;
        let fixture = Fixture::on(terms(&stripe.base())).await;
        let (db, tenant) = (fixture.database, fixture.tenant);
        let payments = collecting(&db, &stripe.base());
        Self {
            db,
            stripe,
            payments,
            tenant,
        }
    }

    pub(crate) async fn tx(&self) -> ControlTx {
        self.db
            .system()
            .control()
            .await
            .expect("the control plane answers")
    }

    pub(crate) async fn customer(&self) -> String {
        customers::ensure(&self.payments, self.tenant)
            .await
            .expect("a customer")
    }

    /// Answers what Stripe calls it.
    pub(crate) async fn add_method(&self, token: &str) -> String {
        let customer = self.customer().await;
        let subject = fresh().to_string();
        let attached = methods::attach(&self.payments, self.tenant, &customer, token, &subject);
        let attached = attached.await.expect("attached");
        let mut tx = self.tx().await;
        let kept = methods::keep(&mut tx, self.tenant, attached, false)
            .await
            .expect("kept");
        tx.commit().await.expect("committed");
        kept.reference.expect("a reference")
    }

    /// A final invoice over 10.99 USD.
    pub(crate) async fn invoice(&self) -> Invoice {
        let (mut tx, terms) = (self.tx().await, self.payments.terms());
        let lines = vec![NewLine::one_time("Work", usd(1099))];
        let (draft, _) = invoices::create(&mut tx, terms, self.tenant, lines)
            .await
            .expect("a draft");
        let invoice = invoices::finalize(&mut tx, terms, self.tenant, draft.id, None)
            .await
            .expect("final");
        tx.commit().await.expect("committed");
        invoice
    }

    /// Asserts that the books are sound, and answers what of an invoice is due.
    pub(crate) async fn due(&self, invoice: InvoiceId) -> i64 {
        let mut tx = self.tx().await;
        assert_sound(&mut tx).await;
        let found = invoices::get(&mut tx, self.tenant, invoice)
            .await
            .expect("there is one");
        found.invoice.due.amount
    }

    /// An attempt over 10.99 USD for a new invoice, not worked on yet.
    pub(crate) async fn attempt(&self) -> Attempt {
        let invoice = self.invoice().await.id;
        self.attempt_for(invoice).await.expect("an attempt")
    }

    pub(crate) async fn attempt_for(&self, invoice: InvoiceId) -> Result<Attempt, attempts::CollectError> {
        let mut tx = self.tx().await;
        let order = Order {
            tenant: self.tenant,
            invoice,
            amount: usd(1099),
            description: "Invoice 7".to_owned(),
        };
        let attempt = attempts::collect(&mut tx, ProviderKind::Stripe, order).await?;
        tx.commit().await.expect("committed");
        Ok(attempt)
    }

    /// Asks for money to go back, as whoever refunds does.
    pub(crate) async fn refund(&self, payment: AttemptId, amount: Money) -> Result<RefundId, RefundError> {
        let (mut tx, terms) = (self.tx().await, self.payments.terms());
        let id: RefundId = self.db.databases().seams().new_id();
        let reason = Some("A mistake.".to_owned());
        refunds::ask(
            &mut tx,
            id,
            NewRefund {
                payment,
                amount,
                reason,
            },
        )
        .await?;
        let new = NewRepayment {
            id: RepaymentId::from_uuid(id.uuid()),
            payment: PaymentId::from_uuid(payment.uuid()),
            amount,
            from: RefundFrom::Invoice,
            note: None,
        };
        invoices::request_refund(&mut tx, terms, self.tenant, new)
            .await
            .expect("it is booked");
        tx.commit().await.expect("committed");
        Ok(id)
    }

    pub(crate) async fn read(&self, id: AttemptId) -> Attempt {
        attempts::get(&mut self.tx().await, id)
            .await
            .expect("read")
            .expect("there is one")
    }

    /// Works until no job is left, moving the clock to whatever waits; answers how many were given up.
    pub(crate) async fn work(&self) -> i64 {
        self.work_with(&self.payments).await
    }

    pub(crate) async fn work_with(&self, payments: &Payments) -> i64 {
        let stop = CancellationToken::new();
        let handlers = payments
            .handlers(Handlers::default())
            .on(|_: jobs::Run, _: mail::DeliverMail| async { Ok(()) });
        let working = tokio::spawn(Worker::new(self.db.system(), handlers).run(stop.clone()));
        let deadline = Instant::now() + Duration::from_mins(1);
        let dead = loop {
            assert!(Instant::now() < deadline, "jobs are never done");
            let (left, waiting, dead, wait) = self.jobs().await;
            if left == 0 {
                break dead;
            }
            if waiting == left {
                let seconds = u32::try_from(wait).unwrap_or_default();
                self.db.clock().advance_seconds(seconds + 1);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        stop.cancel();
        working.await.expect("the worker ends");
        dead
    }

    /// Jobs that are not done, those of them that wait for their time, those that were given up, and the seconds until
    /// the first of them is due.
    async fn jobs(&self) -> (i64, i64, i64, i64) {
        let mut tx = self.tx().await;
        let now = tx.now();
        let row = sqlx::query(
            "select count(*) filter (where status in ('queued', 'running')) as left,
                    count(*) filter (where status = 'queued' and run_at > $1) as waiting,
                    count(*) filter (where status = 'dead') as dead,
                    coalesce(extract(epoch from min(run_at) filter (where status = 'queued') - $1), 0)::bigint as wait
             from control.jobs",
        )
        .bind(now)
        .fetch_one(tx.conn())
        .await
        .expect("read");
        (
            row.get("left"),
            row.get("waiting"),
            row.get("dead"),
            row.get("wait"),
        )
    }

    /// What was charged at Stripe: how many payments, and how much arrived.
    pub(crate) fn charged(&self) -> (usize, i64) {
        (self.stripe.objects("payment_intents").len(), self.stripe.taken())
    }

    /// The node of another process, with these faults planted in it.
    pub(crate) async fn node(url: &str, faults: &str) -> TestDatabase {
        TestDatabase::attach(url, faults.parse::<Faults>().expect("faults")).await
    }
}
