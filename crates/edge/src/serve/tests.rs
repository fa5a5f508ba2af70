use std::sync::atomic::AtomicUsize;

use axum::extract::State;
use axum::routing::get;
use kernel::Seams;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use crate::layers::alone::layers;

const PATIENCE: Duration = Duration::from_secs(20);

struct Running {
    address: SocketAddr,
    stop: Arc<Notify>,
    begun: Arc<AtomicUsize>,
    finish: Arc<Notify>,
    server: JoinHandle<Drained>,
}

type Hold = (Arc<AtomicUsize>, Arc<Notify>);

async fn hold(State((begun, finish)): State<Hold>) -> &'static str {
    begun.fetch_add(1, Ordering::SeqCst);
    finish.notified().await;
    "held"
}

async fn start(limits: Limits) -> Running {
    let (begun, finish, stop) = (
        Arc::<AtomicUsize>::default(),
        Arc::new(Notify::new()),
        Arc::new(Notify::new()),
    );
    let router = Router::new()
        .route(
            "/",
            get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.ip().to_string() }),
        )
        .route("/hold", get(hold))
        .with_state((begun.clone(), finish.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let stopped = stop.clone();
    let server = tokio::spawn(async move {
        let router = layers(router, &Seams::real(), &limits);
        serve(listener, router, &limits, stopped.notified()).await
    });
    Running {
        address,
        stop,
        begun,
        finish,
        server,
    }
}

impl Running {
    async fn send(&self, bytes: &[u8]) -> TcpStream {
        let mut client = TcpStream::connect(self.address).await.expect("listening");
        client.write_all(bytes).await.expect("sent");
        client
    }

    async fn until_begun(&self, requests: usize) {
        let begun = async {
            while self.begun.load(Ordering::SeqCst) < requests {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, begun).await.expect("the request arrives");
    }
}

/// Everything until the server closes.
async fn rest(mut client: TcpStream) -> String {
    let mut bytes = Vec::new();
    timeout(PATIENCE, client.read_to_end(&mut bytes))
        .await
        .expect("the server closes")
        .expect("readable");
    String::from_utf8(bytes).expect("text")
}

fn hasty() -> Limits {
    Limits {
        head_time: Duration::from_millis(150),
        ..Limits::default()
    }
}

#[tokio::test]
async fn tells_handlers_who_is_calling() {
    let running = start(Limits::default()).await;
    let client = running
        .send(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await;
    let answer = rest(client).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n127.0.0.1"),
        "{answer}"
    );
    assert!(!answer.to_lowercase().contains("\r\nserver:"), "{answer}");
}

#[tokio::test]
async fn a_head_that_does_not_come_is_not_waited_for() {
    let running = start(hasty()).await;
    for begun in [
        &b""[..],
        b"G",
        b"P",
        b"PRI * HTTP/2.0\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: ",
    ] {
        let client = running.send(begun).await;
        let answer = rest(client).await; // closed by the server, not by us
        assert!(!answer.contains("200"), "{answer}");
    }
}

#[tokio::test]
async fn an_idle_connection_is_not_kept() {
    let running = start(hasty()).await;
    let client = running.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(rest(client).await.ends_with("127.0.0.1"));
}

#[tokio::test]
async fn heads_and_addresses_over_the_limits_are_refused() {
    let limits = Limits {
        head_bytes: 8192,
        head_fields: 10,
        ..Limits::default()
    };
    let running = start(limits).await;
    let fields = (0..11).map(|n| format!("x-{n}: 1\r\n")).collect::<String>();
    for head in [
        format!(
            "GET / HTTP/1.1\r\nhost: x\r\nx-large: {}\r\n\r\n",
            "x".repeat(9000)
        ),
        format!("GET / HTTP/1.1\r\nhost: x\r\n{fields}\r\n"),
    ] {
        let answer = rest(running.send(head.as_bytes()).await).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
    let running = start(Limits {
        head_bytes: 128 << 10,
        ..Limits::default()
    })
    .await;
    let head = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(66_000));
    let answer = rest(running.send(head.as_bytes()).await).await;
    assert!(answer.starts_with("HTTP/1.1 414 "), "{answer}");
}

#[tokio::test]
async fn a_shutdown_lets_running_requests_finish() {
    let running = start(Limits::default()).await;
    let client = running.send(b"GET /hold HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let idle = running.send(b"").await;
    running.until_begun(1).await;
    running.stop.notify_one();
    let refused = async {
        while TcpStream::connect(running.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, refused).await.expect("no new connections");
    running.finish.notify_one();
    assert!(rest(client).await.ends_with("held"));
    drop(idle);
    let drained = timeout(PATIENCE, running.server)
        .await
        .expect("ends")
        .expect("no panic");
    assert_eq!(drained, Drained { cut_off: 0 });
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_ever() {
    let running = start(Limits {
        drain_time: Duration::from_millis(100),
        ..Limits::default()
    })
    .await;
    let client = running.send(b"GET /hold HTTP/1.1\r\nhost: x\r\n\r\n").await;
    running.until_begun(1).await;
    running.stop.notify_one();
    let drained = timeout(PATIENCE, running.server)
        .await
        .expect("ends")
        .expect("no panic");
    assert_eq!(drained, Drained { cut_off: 1 });
    assert_eq!(rest(client).await, "");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_a_place() {
    let running = start(Limits {
        connections: 1,
        ..Limits::default()
    })
    .await;
    let first = running
        .send(b"GET /hold HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await;
    running.until_begun(1).await;
    let second = running
        .send(b"GET /hold HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await;
    assert_eq!(running.begun.load(Ordering::SeqCst), 1);
    running.finish.notify_one();
    assert!(rest(first).await.ends_with("held"));
    running.until_begun(2).await;
    running.finish.notify_one();
    assert!(rest(second).await.ends_with("held"));
}
