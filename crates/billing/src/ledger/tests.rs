//! The ledger on a real database.

use isolation::{ControlTx, IsolationStrategy, Tx};
use kernel::{Seams, TenantId};
use pricing::{Currency, Money};
use sqlx::{AssertSqlSafe, Executor};
use testkit::TestDatabase;

use super::*;

fn eur(amount: i64) -> Money {
    Money::new(amount, Currency::EUR)
}

fn invoice(amount: i64, tax: i64) -> Entry {
    Entry::of::<model::LedgerEntity>(Cause::Invoice, Seams::real().new_id(), Currency::EUR)
        .transfer(eur(amount), Account::Receivable, Account::Revenue)
        .and_then(|entry| entry.transfer(eur(tax), Account::Receivable, Account::TaxPayable))
        .expect("small amounts fit")
}

async fn fixture() -> (TestDatabase, TenantId) {
    let database = TestDatabase::new().await;
    let tenant = database
        .tenant(IsolationStrategy::SharedDatabase)
        .await
        .tenant_id();
    (database, tenant)
}

async fn begin(database: &TestDatabase) -> ControlTx {
    database
        .system()
        .control()
        .await
        .expect("the control plane answers")
}

async fn book(tx: &mut ControlTx, tenant: TenantId, entry: &Entry) -> bool {
    let now = tx.now();
    record(tx, tenant, entry, now).await.expect("it is booked")
}

#[tokio::test]
async fn accounts_stand_at_the_sum_of_what_is_booked() {
    let (database, tenant) = fixture().await;
    let mut tx = begin(&database).await;
    let first = invoice(1000, 190);
    assert!(book(&mut tx, tenant, &first).await);
    assert!(!book(&mut tx, tenant, &first).await, "a cause is booked once");
    assert!(book(&mut tx, tenant, &invoice(500, 0)).await);
    assert!(book(&mut tx, tenant, &invoice(0, 0)).await);
    tx.commit().await.expect("it balances");
    let mut tx = begin(&database).await;
    let stands = balances(&mut tx, tenant).await.expect("they are read");
    let stands: Vec<_> = stands.iter().map(|one| (one.account, one.money.amount)).collect();
    assert_eq!(
        stands,
        [
            (Account::Receivable, 1690),
            (Account::Revenue, -1500),
            (Account::TaxPayable, -190)
        ]
    );
    let all = entries(&mut tx, tenant, None, 10).await.expect("they are read");
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].postings.len(), 3);
    let rest = entries(&mut tx, tenant, Some((all[0].at, all[0].id)), 10)
        .await
        .expect("they are read");
    assert_eq!(rest, all[1..]);
}

/// What somebody might try who has a connection and no type in the way.
#[tokio::test]
async fn what_does_not_balance_cannot_be_committed() {
    let (database, tenant) = fixture().await;
    let entry = "insert into control.ledger_entries (tenant_id, id, cause, cause_id, occurrence, currency, postings, at, recorded_at)
                 values ('$T', '$E', 'invoice', '$E', 0, 'EUR', 2, now(), now());";
    let posting = "insert into control.ledger_postings (tenant_id, entry_id, account, currency, amount) values ('$T', '$E', ";
    let cases = [
        vec![entry.to_owned()],
        vec![entry.to_owned(), format!("{posting} 'cash', 'EUR', 5)")],
        vec![
            entry.to_owned(),
            format!("{posting} 'cash', 'EUR', 5), ('$T', '$E', 'revenue', 'EUR', -4)"),
        ],
        vec![
            entry.to_owned(),
            format!("{posting} 'cash', 'EUR', 5), ('$T', '$E', 'revenue', 'USD', -5)"),
        ],
        vec![
            entry.to_owned(),
            format!(
                "{posting} 'cash', 'EUR', 5), ('$T', '$E', 'fees', 'EUR', -3), ('$T', '$E', 'revenue', 'EUR', -2)"
            ),
        ],
    ];
    for statements in cases {
        let mut tx = begin(&database).await;
        let id: LedgerEntryId = tx.new_id();
        for statement in &statements {
            let text = statement
                .replace("$T", &tenant.uuid().to_string())
                .replace("$E", &id.uuid().to_string());
            tx.conn()
                .execute(AssertSqlSafe(text))
                .await
                .expect("not yet looked at");
        }
        let refused = tx.commit().await.expect_err("it does not balance").to_string();
        assert!(refused.contains("does not balance"), "{refused}");
    }
}

#[tokio::test]
async fn nobody_changes_what_is_booked() {
    let (database, tenant) = fixture().await;
    let mut tx = begin(&database).await;
    assert!(book(&mut tx, tenant, &invoice(1000, 0)).await);
    tx.commit().await.expect("it balances");
    for statement in [
        "update control.ledger_entries set cause = 'payment'",
        "delete from control.ledger_entries",
        "update control.ledger_postings set amount = 1",
        "delete from control.ledger_postings",
        "update control.ledger_balances set amount = 0",
        "insert into control.ledger_balances select tenant_id, 'cash', 'EUR', 1 from control.ledger_entries",
        "delete from control.ledger_balances",
    ] {
        let mut tx = begin(&database).await;
        let refused = tx
            .conn()
            .execute(statement)
            .await
            .expect_err(statement)
            .to_string();
        assert!(refused.contains("permission denied"), "{refused}");
    }
}

#[tokio::test]
async fn a_tenant_sees_its_own_books_only() {
    let (database, tenant) = fixture().await;
    let other = database.tenant(IsolationStrategy::SharedDatabase).await;
    let mut tx = begin(&database).await;
    assert!(book(&mut tx, tenant, &invoice(1000, 0)).await);
    tx.commit().await.expect("it balances");
    let mut tx = other.control().await.expect("it begins");
    assert_eq!(balances(&mut tx, tenant).await.expect("they are read"), []);
    assert_eq!(
        entries(&mut tx, tenant, None, 10).await.expect("they are read"),
        []
    );
}
