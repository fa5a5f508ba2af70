//! News reach every node's caches within a second, and an interruption is told.

use std::time::Duration;

use isolation::{News, Subscription};
use sqlx::Executor;
use testkit::TestDatabase;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

async fn next(news: &mut Subscription) -> News {
    timeout(Duration::from_secs(10), news.next())
        .await
        .expect("there is news")
}

async fn announce(node: &TestDatabase, key: &str) {
    let mut tx = node.system().control().await.expect("the control plane answers");
    tx.announce("tenant", key).await.expect("announced");
    tx.commit().await.expect("committed");
}

#[tokio::test]
async fn another_node_hears_within_a_second_and_is_told_of_an_interruption() {
    let here = TestDatabase::new().await;
    let there = here.another_node().await;
    let stop = CancellationToken::new();
    let task = tokio::spawn(there.databases().clone().spread_news(stop.clone()));
    let mut news = there.databases().subscribe();
    assert_eq!(next(&mut news).await, News::Interrupted);
    assert_eq!(next(&mut news).await, News::Everything);

    announce(&here, "a:b").await;
    let heard = timeout(Duration::from_secs(1), news.next())
        .await
        .expect("within a second");
    let (topic, key) = ("tenant".to_owned(), "a:b".to_owned());
    assert_eq!(heard, News::One { topic, key });

    let kill = "select pg_terminate_backend(pid) from pg_stat_activity
                where datname = current_database() and usename = 'tenantry_app'";
    here.superuser()
        .await
        .execute(kill)
        .await
        .expect("the superuser may do this");
    assert_eq!(next(&mut news).await, News::Interrupted);
    assert_eq!(next(&mut news).await, News::Everything);

    stop.cancel();
    task.await.expect("the task ends");
    assert_eq!(next(&mut news).await, News::Interrupted);
}
