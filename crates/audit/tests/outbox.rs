//! Events on their way from the stores they were written in to the trail.

use audit::{Event, EventType};
use isolation::{IsolationStrategy, TenantCtx};
use testkit::TestDatabase;

async fn record(ctx: &TenantCtx, number: i32) {
    let mut tx = ctx.write().await.expect("a transaction");
    audit::record(&mut tx, Event::new(EventType::DataCreated).meta("number", number))
        .await
        .expect("recorded");
    tx.commit().await.expect("committed");
}

#[tokio::test]
async fn events_of_every_store_arrive_once_and_in_order() {
    let db = TestDatabase::new().await;
    for strategy in [
        IsolationStrategy::SharedDatabase,
        IsolationStrategy::SchemaPerTenant,
        IsolationStrategy::DatabasePerTenant,
    ] {
        let ctx = db.tenant(strategy).await;
        for number in 0..3 {
            record(&ctx, number).await;
        }
        assert!(db.audit(ctx.tenant_id()).await.is_empty(), "not before the relay");
        db.relay().await;
        db.relay().await;
        let numbers: Vec<_> = db
            .audit(ctx.tenant_id())
            .await
            .iter()
            .map(|event| event.metadata["number"].clone())
            .collect();
        assert_eq!(numbers, [0, 1, 2], "{strategy:?}");
    }
}

#[tokio::test]
async fn an_event_of_a_transaction_that_fails_never_existed() {
    let db = TestDatabase::new().await;
    let ctx = db.tenant(IsolationStrategy::SharedDatabase).await;
    let mut tx = ctx.write().await.expect("a transaction");
    audit::record(&mut tx, Event::new(EventType::DataCreated))
        .await
        .expect("recorded");
    drop(tx);
    db.relay().await;
    assert!(db.audit(ctx.tenant_id()).await.is_empty());
}

/// A relay that finds another one at a store cannot know whether that one saw the newest event.
#[tokio::test]
async fn what_came_while_another_relay_was_at_it_is_not_forgotten() {
    let db = TestDatabase::new().await;
    let ctx = db.tenant(IsolationStrategy::SchemaPerTenant).await;
    let mut other = db.superuser().await;
    let name = format!("outbox {}", ctx.tenant_id());
    for lock in ["pg_advisory_lock", "pg_advisory_unlock"] {
        let query = format!("select {lock}(hashtextextended($1, 0))");
        sqlx::query(sqlx::AssertSqlSafe(query))
            .bind(&name)
            .execute(&mut other)
            .await
            .expect("the lock of the store's outbox");
        if lock == "pg_advisory_lock" {
            record(&ctx, 1).await;
            db.relay().await;
            assert!(db.audit(ctx.tenant_id()).await.is_empty(), "another one is at it");
        }
    }
    db.relay().await;
    assert_eq!(db.audit(ctx.tenant_id()).await.len(), 1);
}

/// A node that dies between commit and relay leaves a mark that says where to look.
#[tokio::test]
async fn what_a_dead_node_left_is_found() {
    let db = TestDatabase::new().await;
    let ctx = db.tenant(IsolationStrategy::DatabasePerTenant).await;
    record(&ctx, 1).await;
    let survivor = db.another_node().await;
    assert!(
        survivor
            .databases()
            .abandoned_stores()
            .await
            .expect("listed")
            .is_empty(),
        "the node may still live"
    );
    let mut connection = db.superuser().await;
    sqlx::query("update control.active_stores set seen_at = seen_at - interval '1 minute'")
        .execute(&mut connection)
        .await
        .expect("aged");
    let found = survivor.databases().abandoned_stores().await.expect("listed");
    assert_eq!(found, [ctx.store().clone()]);
}
