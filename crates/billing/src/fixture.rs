//! What the tests of this room begin with.

use isolation::{ControlTx, IsolationStrategy, Tx};
use kernel::{TenantId, Timestamp};
use pricing::{Currency, Money, Zone};
use sqlx::Executor;
use testkit::TestDatabase;

use crate::accounts::{self, Address, NewAccount, UpdateAccount};
use crate::ledger::{self, Account};
use crate::providers::ProviderKind;
use crate::terms::{Inner, Terms};

/// A database with one tenant that has an account.
pub(crate) struct Fixture {
    pub(crate) database: TestDatabase,
    pub(crate) tenant: TenantId,
    pub(crate) terms: Terms,
}

pub(crate) fn usd(amount: i64) -> Money {
    Money::new(amount, Currency::USD)
}

/// An instant.
pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::on(Terms::new(Inner::default())).await
    }

    pub(crate) async fn on(terms: Terms) -> Self {
        let database = TestDatabase::new().await;
        let tenant = database
            .tenant(IsolationStrategy::SharedDatabase)
            .await
            .tenant_id();
        let fixture = Self {
            database,
            tenant,
            terms,
        };
        let mut tx = fixture.begin().await;
        accounts::create(&mut tx, tenant, account("UTC"))
            .await
            .expect("an account is made");
        tx.commit().await.expect("it is kept");
        fixture
    }

    pub(crate) async fn begin(&self) -> ControlTx {
        self.database
            .system()
            .control()
            .await
            .expect("the control plane answers")
    }

    /// Taxed with 20 % from here on: the customer is a private person in the seller's own country.
    pub(crate) async fn taxed() -> Self {
        let mut inner = Inner::default();
        inner.seller.tax.place = "AT".parse().expect("a country");
        let fixture = Self::on(Terms::new(inner)).await;
        let mut tx = fixture.begin().await;
        let update = UpdateAccount {
            address: Some(Address {
                country: Some("AT".to_owned()),
                ..Address::default()
            }),
            ..UpdateAccount::default()
        };
        accounts::update(&mut tx, fixture.tenant, None, update)
            .await
            .expect("it is changed");
        tx.commit().await.expect("it is kept");
        fixture
    }

    /// The tenant is on trial, as one that was just made.
    pub(crate) async fn on_trial(&self) {
        let mut tx = self.begin().await;
        let statement = format!(
            "update control.tenants set status = 'trial' where id = '{}'",
            self.tenant.uuid()
        );
        tx.conn()
            .execute(sqlx::AssertSqlSafe(statement))
            .await
            .expect("it is changed");
        tx.commit().await.expect("it is kept");
    }

    /// The tenant has said how it pays.
    pub(crate) async fn add_method(&self) {
        let mut tx = self.begin().await;
        let statement = format!(
            "insert into control.payment_methods (id, tenant_id, provider, kind, label, is_default, created_at, updated_at)
             values (gen_random_uuid(), '{}', 'ledger', 'bank_transfer', 'By transfer', true, now(), now())",
            self.tenant.uuid()
        );
        tx.conn()
            .execute(sqlx::AssertSqlSafe(statement))
            .await
            .expect("it is added");
        tx.commit().await.expect("it is kept");
    }

    /// What an account of the ledger stands at.
    pub(crate) async fn stands(&self, account: Account) -> i64 {
        let mut tx = self.begin().await;
        ledger::balance(&mut tx, self.tenant, account, Currency::USD)
            .await
            .expect("it is read")
            .amount
    }

    /// Everything that must hold of the books at any time.
    pub(crate) async fn assert_sound(&self) {
        let mut tx = self.begin().await;
        assert_sound(&mut tx).await;
    }
}

pub(crate) fn account(zone: &str) -> NewAccount {
    NewAccount {
        provider: ProviderKind::Ledger,
        email: None,
        name: "Acme Corp".to_owned(),
        currency: Currency::USD,
        time_zone: zone.parse::<Zone>().expect("a zone"),
    }
}

/// What must hold of all books at any time, each as a query that finds what breaks it.
const BREACHES: [(&str, &str); 12] = [
    (
        "an entry does not sum to zero",
        "select entry_id::text from control.ledger_postings group by tenant_id, entry_id having sum(amount) <> 0",
    ),
    (
        "the accounts do not sum to zero",
        "select tenant_id::text from control.ledger_balances group by tenant_id, currency having sum(amount) <> 0",
    ),
    (
        "the cash is not what came, less what went back and what disputes took",
        "select tenant_id::text from (
            select tenant_id, currency, sum(applied + surplus) as amount from control.payments group by 1, 2
            union all select tenant_id, currency, -sum(amount) from control.repayments where status = 'paid' group by 1, 2
            union all select tenant_id, currency, -sum(amount) from control.disputes
                where status not in ('won', 'prevented') and status not like 'warning\\_%' group by 1, 2
            union all select tenant_id, currency, -amount from control.ledger_balances where account = 'cash') all_of
         group by tenant_id, currency having sum(amount) <> 0",
    ),
    (
        "what is contested is not what open disputes are about",
        "select tenant_id::text from (
            select tenant_id, currency, sum(amount) as amount from control.disputes
                where status not in ('won', 'prevented', 'lost') and status not like 'warning\\_%' group by 1, 2
            union all select tenant_id, currency, -amount from control.ledger_balances where account = 'disputes') all_of
         group by tenant_id, currency having sum(amount) <> 0",
    ),
    (
        "a balance is not the sum of its postings",
        "select b.account from control.ledger_balances b where b.amount <>
            (select sum(p.amount) from control.ledger_postings p
             where (p.tenant_id, p.account, p.currency) = (b.tenant_id, b.account, b.currency))",
    ),
    (
        NUMBERS,
        "select series from (
            select 'invoice' as series, count(sequence) as given, coalesce(max(sequence), 0) as last from control.invoices
            union all select 'credit_note', count(*), coalesce(max(sequence), 0) from control.credit_notes) numbers
         left join control.document_numbers n using (series) where given <> numbers.last or coalesce(n.last, 0) <> given",
    ),
    (
        "what is due is not what is receivable",
        "select tenant_id::text from (
            select tenant_id, sum(due) as amount from control.invoices where status <> 'draft' group by tenant_id
            union all select tenant_id, -amount from control.ledger_balances where account = 'receivable') both_of
         group by tenant_id having sum(amount) <> 0",
    ),
    (
        "more was refunded than was paid",
        "select id::text from control.payments where refunded > applied + surplus",
    ),
    (
        "what is to go back is not what was asked for",
        "select tenant_id::text from (
            select tenant_id, sum(amount) as amount from control.repayments where status = 'pending' group by tenant_id
            union all select tenant_id, amount from control.ledger_balances where account = 'refunds') all_of
         group by tenant_id having sum(amount) <> 0",
    ),
    (
        "more was credited than was invoiced",
        "select l.id::text from control.invoice_lines l join control.credit_note_lines c
             on (c.tenant_id, c.invoice_line_id) = (l.tenant_id, l.id)
         group by l.tenant_id, l.id having sum(c.amount) > l.net or sum(c.tax) > l.tax",
    ),
    (
        "more was given back than was paid",
        "select id::text from control.invoices where status <> 'draft' and credited_paid > greatest(paid + balance_applied + carried_over, 0)",
    ),
    (
        "an invoice is not the sum of its lines",
        "select i.id::text from control.invoices i join control.invoice_lines l on (l.tenant_id, l.invoice_id) = (i.tenant_id, i.id)
         group by i.tenant_id, i.id having
            sum(l.net) + coalesce(sum(l.tax) filter (where l.kind in ('subscription', 'usage', 'one_time', 'proration')), 0) <> i.total
            or coalesce(sum(l.amount) filter (where l.kind = 'tax'), 0) <> i.tax
            or coalesce(-sum(l.amount) filter (where l.kind = 'discount'), 0) <> i.discount",
    ),
];

/// The one that holds of all tenants together only.
const NUMBERS: &str = "numbers have gaps";

pub(crate) async fn assert_sound(tx: &mut ControlTx) {
    assert_unbroken(tx, |_| true).await;
}

/// The same of the one tenant that the transaction sees, but for the numbers, which it shares with all others.
pub(crate) async fn assert_sound_of_one(tx: &mut ControlTx) {
    assert_unbroken(tx, |breach| breach != NUMBERS).await;
}

async fn assert_unbroken(tx: &mut ControlTx, looked_for: fn(&str) -> bool) {
    for (breach, query) in BREACHES.into_iter().filter(|(breach, _)| looked_for(breach)) {
        let found = sqlx::query(query).fetch_all(tx.conn()).await.expect(breach);
        assert!(found.is_empty(), "{breach}: {} times", found.len());
    }
}
