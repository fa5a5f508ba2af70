//! News reach every node's caches within a second, and an interruption is told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use isolation::{Databases, Listener, News, Settings, Subscription};
use kernel::Seams;
use sqlx::Executor;
use sqlx::postgres::PgConnectOptions;
use testkit::TestDatabase;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixStream};
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

/// A way to the server that passes everything on until it is `broken`; from then on nothing comes through, and nobody
/// is told. Answers the URL that leads through it.
async fn tunnel(url: &str, broken: CancellationToken) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let (who, place) = url.split_once('@').expect("a URL with a user");
    let (_, database) = place.split_once('/').expect("a URL with a database");
    let through = format!("{who}@127.0.0.1:{port}/{database}");
    let server: PgConnectOptions = url.parse().expect("a PostgreSQL URL");
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let (server, broken) = (server.clone(), broken.clone());
            tokio::spawn(async move {
                let mut upstream = reach(&server).await;
                let passing = copy_bidirectional(&mut client, &mut upstream);
                if broken.run_until_cancelled(passing).await.is_none() {
                    std::future::pending::<()>().await;
                }
            });
        }
    });
    through
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

async fn reach(server: &PgConnectOptions) -> Box<dyn Stream> {
    let port = server.get_port();
    if let Some(folder) = server.get_socket() {
        let socket = folder.join(format!(".s.PGSQL.{port}"));
        return Box::new(UnixStream::connect(socket).await.expect("the server is there"));
    }
    let address = (server.get_host(), port);
    Box::new(TcpStream::connect(address).await.expect("the server is there"))
}

#[tokio::test]
async fn a_connection_that_breaks_without_a_word_is_noticed_within_a_second() {
    let here = TestDatabase::new().await;
    for listen in [true, false] {
        let broken = CancellationToken::new();
        let through = tunnel(here.url(), broken.clone()).await;
        let settings = Settings {
            admin: through.parse().expect("a PostgreSQL URL"),
            pooler: None,
            prepared_statements: true,
            listen,
            control_connections: 2,
            tenant_databases: 1,
            master: testkit::master_key(),
        };
        let (there, _hints) = Databases::open(settings, Seams::real())
            .await
            .expect("the product connects");
        let stop = CancellationToken::new();
        let task = tokio::spawn(there.clone().spread_news(stop.clone()));
        let mut news = there.subscribe();
        while next(&mut news).await != News::Everything {}
        broken.cancel();
        // A second, and what a busy machine adds to it.
        let told = timeout(Duration::from_millis(1800), async {
            while news.next().await != News::Interrupted {}
        });
        assert!(told.await.is_ok(), "listening: {listen}");
        stop.cancel();
        task.await.expect("the task ends");
    }
}

#[derive(Default)]
struct Notebook(Mutex<Vec<News>>);

impl Listener for Notebook {
    fn hear(&self, news: &News) {
        self.0.lock().expect("not poisoned").push(news.clone());
    }
}

#[tokio::test]
async fn a_cache_hears_of_its_own_node_s_change_before_the_commit_is_answered() {
    let here = TestDatabase::new().await;
    let notebook = Arc::new(Notebook::default());
    here.databases().tell(&notebook);
    announce(&here, "a").await;
    let mut undone = here.system().control().await.expect("the control plane answers");
    undone.announce("tenant", "b").await.expect("announced");
    drop(undone);
    let (topic, key) = ("tenant".to_owned(), "a".to_owned());
    // Nobody spreads the news of others here, so this is what the commit itself told.
    let heard = notebook.0.lock().expect("not poisoned").clone();
    assert_eq!(heard, [News::Interrupted, News::One { topic, key }]);
    let left = Arc::downgrade(&notebook);
    drop(notebook);
    assert!(left.upgrade().is_none(), "who is told is not kept alive for it");
}
