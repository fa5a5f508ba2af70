//! A request while two hundred people log in, against the same on an idle server: hashing passwords must not starve
//! whoever is in already.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Result, ensure};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::client::Client;
use crate::measure::{Comparison, Samples, Unit};
use crate::stage::{Served, Stage};

const AT_ONCE: usize = 200;
const SLUG: &str = "crowd";
const PASSWORD: &str = "seven lanterns over quiet water";

/// Measures on a server of its own.
pub(crate) async fn measure(stage: &Stage, scale: usize) -> Result<Vec<Comparison>> {
    let served = stage.serve("logins").await?;
    let reader = prepare(&served).await?;
    let row = compare(&served, &reader, scale).await?;
    served.end().await?;
    Ok(vec![row])
}

/// A tenant whose owner has a password, and a caller with a key.
async fn prepare(served: &Served) -> Result<Client> {
    let order = json!({
        "name": "Crowd", "slug": SLUG, "plan": "enterprise",
        "owner": {"email": "owner@crowd.example.com", "name": "Olga Owner", "password": PASSWORD},
    });
    let made = served.admin.post("/admin/provision", &order).await?;
    let reader = served.tenant_client(&made.text("/tenantId")?).await?;
    served.settle().await?;
    Ok(reader)
}

async fn compare(served: &Served, reader: &Client, scale: usize) -> Result<Comparison> {
    const ROUNDS: usize = 9;
    let each = 1000 / scale;
    let (mut crowded, mut idle) = (Samples::default(), Samples::default());
    let came_in = Arc::new(AtomicUsize::new(0));
    for round in 0..=ROUNDS {
        let quiet = slowest(reader, each).await?;
        let stop = CancellationToken::new();
        let crowd = tokio::spawn(log_in(served.admin.clone(), stop.clone(), Arc::clone(&came_in)));
        // Until all of them have asked.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let busy = slowest(reader, each).await?;
        stop.cancel();
        crowd.await?;
        // The first round warms up.
        if round > 0 {
            idle.add(quiet);
            crowded.add(busy);
        }
    }
    let came_in = came_in.load(Relaxed);
    ensure!(came_in > ROUNDS, "only {came_in} came in");
    Ok(Comparison {
        what: format!("p99 of `GET /api/tenant` while {AT_ONCE} people log in"),
        against: "the same on an idle server".to_owned(),
        unit: Unit::Milliseconds,
        product: crowded,
        bare: idle,
        limit: 3.0,
        enough: None,
    })
}

/// The p99 of so many requests, one after the other.
async fn slowest(reader: &Client, count: usize) -> Result<f64> {
    let mut times = Samples::default();
    for _ in 0..count {
        times.add_time(reader.get("/api/tenant").await?.took);
    }
    Ok(times.percentile(99))
}

/// So many people log in at once, and again as soon as they are in. Who is sent away comes again when he is told to.
async fn log_in(client: Client, stop: CancellationToken, came_in: Arc<AtomicUsize>) {
    let person = |_| {
        let (client, stop, came_in) = (client.clone(), stop.clone(), Arc::clone(&came_in));
        async move {
            while !stop.is_cancelled() {
                let order = order();
                let asked = stop.run_until_cancelled(client.try_post("/api/auth/login", &order));
                let Some(Ok((status, wait))) = asked.await else {
                    return;
                };
                came_in.fetch_add(usize::from(status == 200), Relaxed);
                if wait > 0 {
                    stop.run_until_cancelled(tokio::time::sleep(Duration::from_secs(wait)))
                        .await;
                }
            }
        }
    };
    join_all((0..AT_ONCE).map(person)).await;
}

fn order() -> Value {
    json!({"tenant": SLUG, "email": "owner@crowd.example.com", "password": PASSWORD, "session": "token"})
}
