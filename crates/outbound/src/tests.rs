use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::any;
use http::{HeaderMap, Method};
use tokio::task::JoinHandle;

use super::*;

/// A server on this machine, who counts his callers.
struct Receiver {
    address: SocketAddr,
    calls: Arc<AtomicU32>,
    serving: JoinHandle<()>,
}

impl Receiver {
    async fn start() -> Self {
        let calls = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&calls);
        let count = move || counted.fetch_add(1, Ordering::SeqCst);
        let routes = Router::new()
            .route("/long", any(|| async { "x".repeat(5000) }))
            .route(
                "/elsewhere",
                any(|| async { (StatusCode::FOUND, [("location", "/long")]) }),
            )
            .route("/never", any(std::future::pending::<()>))
            .layer(axum::middleware::from_fn(
                move |request, next: axum::middleware::Next| {
                    count();
                    next.run(request)
                },
            ));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = listener.local_addr().expect("an address");
        let serving = tokio::spawn(async move { axum::serve(listener, routes).await.expect("serves") });
        Self {
            address,
            calls,
            serving,
        }
    }

    fn calls(&self) -> u32 {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn limits() -> Limits {
    Limits {
        total: Duration::from_millis(500),
        answer_bytes: 1000,
        ..Limits::default()
    }
}

fn get(url: &str) -> Request {
    Request {
        method: Method::GET,
        url: url.parse().expect("a URL"),
        headers: HeaderMap::new(),
        body: bytes::Bytes::new(),
    }
}

fn loopback() -> Policy {
    Policy {
        allowed_networks: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
        allow_http: true,
    }
}

#[test]
fn urls_are_judged_before_they_are_called() {
    let strict = Policy::default();
    for (url, refused) in [
        ("ftp://example.com/", Refused::Scheme),
        ("file:///etc/passwd", Refused::Scheme),
        ("http://example.com/", Refused::Scheme),
        ("//example.com", Refused::NotAnUrl),
        ("https://user@example.com/", Refused::Credentials),
        ("https://:secret@example.com/", Refused::Credentials),
        ("https://example.com/#x", Refused::Fragment),
        ("https://example.com:25/", Refused::Port),
        ("https://example.com:80/", Refused::Port),
        ("https://127.0.0.1/", Refused::Address),
        ("https://2130706433/", Refused::Address),
        ("https://0x7f.1/", Refused::Address),
        ("https://0177.0.0.1/", Refused::Address),
        ("https://127.1/", Refused::Address),
        ("https://[::1]/", Refused::Address),
        ("https://[::ffff:127.0.0.1]/", Refused::Address),
        ("https://[::ffff:7f00:1]/", Refused::Address),
        ("https://[64:ff9b::a9fe:a9fe]/", Refused::Address),
        ("https://169.254.169.254/latest/meta-data/", Refused::Address),
        ("https://localhost/", Refused::Address),
        ("https://LOCALHOST./", Refused::Address),
        ("https://x.localhost:8443/", Refused::Address),
        ("https://①②⑦.⓪.⓪.①/", Refused::Address),
    ] {
        assert_eq!(strict.check(url), Err(refused), "{url}");
    }
    let long = format!("https://example.com/{}", "x".repeat(2048));
    assert_eq!(strict.check(&long), Err(Refused::TooLong));
    for url in [
        "https://example.com",
        "https://example.com:8443/hook?a=b",
        "https://1.1.1.1/",
    ] {
        assert!(strict.check(url).is_ok(), "{url}");
    }
    assert!(loopback().check("http://127.0.0.1:8080/").is_ok());
    assert!(loopback().check("http://localhost/").is_ok());
    assert_eq!(loopback().check("http://10.0.0.1/"), Err(Refused::Address));
}

#[tokio::test]
async fn nothing_on_this_machine_is_reached_by_any_name() {
    let receiver = Receiver::start().await;
    let port = receiver.address.port();
    let policy = Policy {
        allow_http: true,
        ..Policy::default()
    };
    let client = Client::guarded(policy, limits());
    for host in ["127.0.0.1", "[::ffff:127.0.0.1]", "0.0.0.0", "localhost"] {
        let sent = client.send(get(&format!("http://{host}:{port}/long"))).await;
        let refused = matches!(sent, Err(OutboundError::Refused(Refused::Address)));
        assert!(refused, "{host}: {sent:?}");
    }
    assert_eq!(receiver.calls(), 0);
}

/// A name that looks like any other and leads to this machine, without asking the world's name servers: the machine's own
/// name, where it has one that leads to itself.
#[tokio::test]
async fn a_name_is_judged_by_what_it_leads_to() {
    let guard = resolver::Guard(Arc::new(Policy::default()));
    let found = reqwest::dns::Resolve::resolve(&guard, "localhost".parse().expect("a name")).await;
    let refused = found.err().and_then(|error| error.downcast::<Refused>().ok());
    assert_eq!(refused.as_deref(), Some(&Refused::Address));
    let allowed = resolver::Guard(Arc::new(loopback()));
    let found = reqwest::dns::Resolve::resolve(&allowed, "localhost".parse().expect("a name")).await;
    assert!(found.is_ok());
}

#[tokio::test]
async fn what_is_allowed_is_called_within_its_limits() {
    let receiver = Receiver::start().await;
    let client = Client::guarded(loopback(), limits());
    let base = format!("http://localhost:{}", receiver.address.port());
    let long = client.send(get(&format!("{base}/long"))).await.expect("answered");
    assert_eq!((long.status, long.body.len(), long.cut_off), (200, 1000, true));
    let elsewhere = client
        .send(get(&format!("{base}/elsewhere")))
        .await
        .expect("answered");
    assert_eq!((elsewhere.status, receiver.calls()), (302, 2), "nobody follows");
    let never = client.send(get(&format!("{base}/never"))).await;
    assert!(matches!(never, Err(OutboundError::Timeout)), "{never:?}");
}

#[tokio::test]
async fn a_trusted_client_goes_where_it_is_sent() {
    let receiver = Receiver::start().await;
    let client = Client::trusted(limits());
    let sent = client
        .send(get(&format!("http://{}/long", receiver.address)))
        .await;
    assert_eq!(sent.expect("answered").status, 200);
    let closed = Client::trusted(limits()).send(get("http://127.0.0.1:1/")).await;
    assert!(matches!(closed, Err(OutboundError::Connect(_))), "{closed:?}");
}
