//! News reach every node's caches within a second, and an interruption is told.

use std::time::Duration;

use isolation::{Databases, News, Settings, Subscription};
use kernel::Seams;
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

#[tokio::test]
async fn a_node_that_cannot_listen_hears_within_a_second_too() {
    let here = TestDatabase::new().await;
    let settings = Settings {
        admin: here.url().parse().expect("a PostgreSQL URL"),
        pooler: None,
        prepared_statements: true,
        listen: false,
        control_connections: 2,
        tenant_databases: 1,
        master: testkit::master_key(),
    };
    announce(&here, "before").await;
    let (there, _hints) = Databases::open(settings, Seams::real())
        .await
        .expect("the product connects");
    let stop = CancellationToken::new();
    let task = tokio::spawn(there.clone().spread_news(stop.clone()));
    let mut news = there.subscribe();
    while next(&mut news).await != News::Everything {}
    for key in ["one", "two"] {
        announce(&here, key).await;
        let heard = timeout(Duration::from_secs(1), news.next())
            .await
            .expect("within a second");
        let (topic, key) = ("tenant".to_owned(), key.to_owned());
        assert_eq!(heard, News::One { topic, key });
    }
    stop.cancel();
    task.await.expect("the task ends");
    there.close().await;
}
