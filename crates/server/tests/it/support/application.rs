//! An application that knows nothing of tenants.

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Json;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// An application that shows what it was sent.
pub(crate) struct Application {
    /// Where it listens.
    pub(crate) address: String,
    serving: JoinHandle<()>,
}

impl Application {
    /// On a free port.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let routes = Router::new().fallback(show);
        let serving = tokio::spawn(async move { axum::serve(listener, routes).await.expect("it serves") });
        Self { address, serving }
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn show(method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Json<Value> {
    let mut shown = serde_json::Map::new();
    for name in headers.keys() {
        let values: Vec<_> = headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect();
        shown.insert(name.to_string(), json!(values));
    }
    let body = String::from_utf8_lossy(&body);
    Json(json!({"method": method.as_str(), "uri": uri.to_string(), "headers": shown, "body": body}))
}
