use isolation::{Claim, IdempotencyKey, IsolationStrategy, StoredAnswer};
use testkit::TestDatabase;

fn key(fingerprint: u8) -> IdempotencyKey {
    IdempotencyKey {
        key: "order-1".into(),
        fingerprint: [fingerprint; 32],
    }
}

fn answer() -> StoredAnswer {
    StoredAnswer {
        status: 201,
        location: Some("/x/1".into()),
        etag: None,
        body: "{\"id\":1}".into(),
    }
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_and_another_one_is_refused() {
    let db = TestDatabase::new().await;
    for strategy in [
        IsolationStrategy::SharedDatabase,
        IsolationStrategy::DatabasePerTenant,
    ] {
        let ctx = db.tenant(strategy).await;
        let mut first = ctx.write().await.expect("a transaction");
        assert_eq!(first.claim(&key(1)).await.expect("claimed"), Claim::Fresh);
        first.store_answer(&key(1), &answer()).await.expect("kept");
        first.commit().await.expect("committed");

        let mut again = ctx.write().await.expect("a transaction");
        assert_eq!(
            again.claim(&key(1)).await.expect("claimed"),
            Claim::Replay(answer())
        );
        assert_eq!(again.claim(&key(2)).await.expect("claimed"), Claim::Reused);
    }
}

#[tokio::test]
async fn a_key_whose_transaction_failed_is_fresh_again() {
    let db = TestDatabase::new().await;
    let ctx = db.tenant(IsolationStrategy::SharedDatabase).await;
    let mut failed = ctx.write().await.expect("a transaction");
    assert_eq!(failed.claim(&key(1)).await.expect("claimed"), Claim::Fresh);
    drop(failed);
    let mut again = ctx.write().await.expect("a transaction");
    assert_eq!(again.claim(&key(1)).await.expect("claimed"), Claim::Fresh);
}

#[tokio::test]
async fn of_two_at_once_the_second_waits_for_the_first_ones_answer() {
    let db = TestDatabase::new().await;
    let ctx = db.tenant(IsolationStrategy::SharedDatabase).await;
    let mut first = ctx.write().await.expect("a transaction");
    assert_eq!(first.claim(&key(1)).await.expect("claimed"), Claim::Fresh);
    let second = tokio::spawn({
        let ctx = ctx.clone();
        async move { ctx.write().await.expect("a transaction").claim(&key(1)).await }
    });
    first.store_answer(&key(1), &answer()).await.expect("kept");
    first.commit().await.expect("committed");
    assert_eq!(
        second.await.expect("joined").expect("claimed"),
        Claim::Replay(answer())
    );
}

#[tokio::test]
async fn keys_of_two_tenants_do_not_meet() {
    let db = TestDatabase::new().await;
    let (one, other) = (
        db.tenant(IsolationStrategy::SharedDatabase).await,
        db.tenant(IsolationStrategy::SharedDatabase).await,
    );
    for ctx in [one, other] {
        let mut tx = ctx.write().await.expect("a transaction");
        assert_eq!(tx.claim(&key(1)).await.expect("claimed"), Claim::Fresh);
        tx.store_answer(&key(1), &answer()).await.expect("kept");
        tx.commit().await.expect("committed");
    }
    let mut platform = db.system().control().await.expect("a transaction");
    assert_eq!(platform.claim(&key(1)).await.expect("claimed"), Claim::Fresh);
}
