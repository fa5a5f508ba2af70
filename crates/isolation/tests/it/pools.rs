use isolation::IsolationStrategy;
use testkit::TestDatabase;

/// The test installation may hold four tenant databases open, two connections each.
#[tokio::test]
async fn connections_to_tenant_databases_stay_within_the_budget() {
    let db = TestDatabase::new().await;
    let mut tenants = Vec::new();
    for _ in 0..7 {
        tenants.push(db.tenant(IsolationStrategy::DatabasePerTenant).await);
    }
    let mut connection = db.superuser().await;
    let names: Vec<String> = tenants
        .iter()
        .map(|ctx| format!("t_{}", ctx.tenant_id().hex()))
        .collect();
    for round in 0..21 {
        let tx = tenants[round % 7].read().await.expect("a connection");
        drop(tx);
        let open: i64 = sqlx::query_scalar(
            "select count(*) from pg_stat_activity where datname = any ($1) and usename = datname",
        )
        .bind(&names)
        .fetch_one(&mut connection)
        .await
        .expect("the catalogue");
        assert!(open <= 8, "{open} connections are open");
    }
}

#[tokio::test]
async fn who_finds_every_database_in_use_waits_for_one() {
    let db = TestDatabase::new().await;
    let mut held = Vec::new();
    for _ in 0..4 {
        let ctx = db.tenant(IsolationStrategy::DatabasePerTenant).await;
        held.push(ctx.read().await.expect("within the budget"));
    }
    let fifth = db.tenant(IsolationStrategy::DatabasePerTenant).await;
    let waiting = tokio::spawn(async move { fifth.read().await.map(drop) });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished(), "the budget is used up");
    held.pop();
    waiting.await.expect("joined").expect("a place became free");
}
