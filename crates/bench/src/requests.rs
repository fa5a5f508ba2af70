//! What a request costs: `GET /api/tenant`, recognised by its API key, limited, metered and answered, against the least
//! that the same libraries can do: a bare axum route that answers the same record as JSON, padded to as many bytes,
//! head and body together.
//!
//! Both are served by the same runtime in one process and called by the same caller over as many connections.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::load::Load;
use crate::measure::{Comparison, Samples, Unit};
use crate::stage::Stage;

const CONNECTIONS: usize = 32;
const ROUNDS: usize = 15;
const ROUND: Duration = Duration::from_secs(1);

/// A bare route.
struct Bare {
    address: SocketAddr,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Bare {
    /// Answers this, which is there once and as long as the process.
    async fn serve(body: Value) -> Result<Self> {
        let body: &'static Value = Box::leak(Box::new(body));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let answer = move || std::future::ready(Json(body));
        let router = Router::new().route("/api/tenant", get(answer));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, serving })
    }
}

/// Measures on a server of its own.
pub(crate) async fn measure(stage: &Stage, scale: usize) -> Result<Vec<Comparison>> {
    let served = stage.serve("requests").await?;
    let (tenant, _) = served.provision("requests", "shared_database").await?;
    let key = served.tenant_key(&tenant).await?;
    served.settle().await?;
    let product = Load::get(served.address(), "/api/tenant", &[key]);
    let bare = alike(&product.once().await?).await?;
    let opposite = Load::get(bare.address, "/api/tenant", &[]);
    let what = format!("`GET /api/tenant`, {CONNECTIONS} connections");
    let silent = compare(what.clone(), &product, &opposite, scale).await?;
    stage.log_to_file()?;
    let logged = compare(
        format!("{what}, each a line in the log"),
        &product,
        &opposite,
        scale,
    )
    .await?;
    bare.serving.abort();
    served.end().await?;
    Ok(vec![silent, logged])
}

/// A bare route whose answers have the same record and are as long.
async fn alike(answer: &[u8]) -> Result<Bare> {
    let head = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let record: Value = serde_json::from_slice(&answer[head.context("an answer")? + 4..])?;
    let padded = |length: usize| json!({"tenant": record, "padding": "x".repeat(length)});
    let trial = Bare::serve(padded(100)).await?;
    let length = Load::get(trial.address, "/api/tenant", &[]).once().await?.len();
    trial.serving.abort();
    let padding = answer.len().checked_sub(length - 100);
    Bare::serve(padded(padding.context("a short head")?)).await
}

async fn compare(what: String, product: &Load, bare: &Load, scale: usize) -> Result<Comparison> {
    let time = ROUND / u32::try_from(scale)?;
    let (mut here, mut there) = (Samples::default(), Samples::default());
    for round in 0..=ROUNDS {
        let (one, other) = (
            product.run(CONNECTIONS, time).await?,
            bare.run(CONNECTIONS, time).await?,
        );
        // The first round warms up.
        if round > 0 {
            here.add(one);
            there.add(other);
        }
    }
    Ok(Comparison {
        what,
        against: "a bare axum route with the same record and as many bytes".to_owned(),
        unit: Unit::PerSecond,
        product: here,
        bare: there,
        // 0.7 of its throughput.
        limit: 1.43,
        enough: None,
    })
}
