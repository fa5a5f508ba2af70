use isolation::{IsolationStrategy, Tx};
use testkit::TestDatabase;

#[tokio::test]
async fn what_was_committed_unhurriedly_is_on_the_disk_once_it_is_settled() {
    let db = TestDatabase::new().await;
    let tenant = db.tenant(IsolationStrategy::SharedDatabase).await.tenant_id();
    let mut connection = db.superuser().await;
    let mut tx = db.system().control().await.expect("the control plane answers");
    sqlx::query("update control.tenants set name = 'Renamed' where id = $1")
        .bind(tenant)
        .execute(tx.conn())
        .await
        .expect("renamed");
    tx.commit_unhurried().await.expect("committed");
    let written: String = sqlx::query_scalar("select pg_current_wal_insert_lsn()::text")
        .fetch_one(&mut connection)
        .await
        .expect("the log's end");
    db.databases().settle().await.expect("settled");
    let durable: bool = sqlx::query_scalar("select pg_current_wal_flush_lsn() >= $1::text::pg_lsn")
        .bind(written)
        .fetch_one(&mut connection)
        .await
        .expect("the log's durable end");
    assert!(durable);
}
