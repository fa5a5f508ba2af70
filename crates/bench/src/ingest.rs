//! Events over HTTP, durable and each counted once, against `COPY` of the same rows into the same table.
//!
//! A batch is ten thousand events in one request; on the other side ten thousand rows in one `COPY`, in a transaction of
//! its own. The rows are those that the product kept, under other keys, in the order in which they would come. Bodies
//! and rows are made before the clock runs.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures_util::StreamExt;
use futures_util::future::try_join_all;
use sqlx::PgConnection;

use crate::client::Client;
use crate::events::{EVENTS, body, declare};
use crate::measure::{Comparison, Samples, Unit};
use crate::stage::{Served, Stage, run};

const ROUNDS: usize = 9;
/// Batches that each client sends in a round.
const EACH: usize = 3;
const MANY: usize = 4;
/// Of a batch.
const SIZE: usize = 10_000;
const COLUMNS: &str = "generation, tenant_id, key, source, id, metric, time, received_at, amount, member, dimensions, \
    stated, corrects, revokes, corrected_by, comparable";

/// How rows are written down.
#[derive(Debug, Clone, Copy)]
enum Format {
    Text,
    Binary,
}

/// Measures on a server of its own.
pub(crate) async fn measure(stage: &Stage, scale: usize) -> Result<Vec<Comparison>> {
    let served = stage.serve("ingest").await?;
    let (tenant, _) = served.provision("ingest", "shared_database").await?;
    let client = served.tenant_client(&tenant).await?;
    declare(&client).await?;
    served.settle().await?;
    let (mut sent, rounds) = (Sent(0), ROUNDS.div_ceil(scale));
    sent.many(&client, 1).await?;
    let rows = vec![
        compare(&served, &client, &mut sent, (1, Format::Text), rounds).await?,
        compare(&served, &client, &mut sent, (MANY, Format::Text), rounds).await?,
        compare(&served, &client, &mut sent, (MANY, Format::Binary), rounds).await?,
    ];
    served.end().await?;
    Ok(rows)
}

async fn compare(
    served: &Served,
    client: &Client,
    sent: &mut Sent,
    (clients, format): (usize, Format),
    rounds: usize,
) -> Result<Comparison> {
    let mut connections = Vec::new();
    for _ in 0..clients {
        connections.push(served.plain_connection().await?);
    }
    let (mut product, mut plain) = (Samples::default(), Samples::default());
    for round in 0..=rounds {
        let counted = sent.many(client, clients).await?;
        let copied = copy_many(&mut connections, format).await?;
        // The first round warms up.
        if round > 0 {
            product.add(per_second(clients, counted));
            plain.add(per_second(clients, copied));
        }
    }
    run(&mut connections[0], "vacuum control.usage_events".to_owned()).await?;
    let format = match format {
        Format::Text => "text",
        Format::Binary => "binary",
    };
    let plural = if clients > 1 { "s" } else { "" };
    Ok(Comparison {
        what: format!("`POST /api/usage/events`, batches of {SIZE}, {clients} client{plural}"),
        against: format!("`COPY` of the same rows ({format}), {clients} connection{plural}"),
        unit: Unit::PerSecond,
        product,
        bare: plain,
        // Half of its throughput.
        limit: 2.0,
        enough: None,
    })
}

fn per_second(clients: usize, took: Duration) -> f64 {
    f64::from(u32::try_from(clients * EACH * SIZE).unwrap_or(u32::MAX)) / took.as_secs_f64()
}

/// Batches so far, so that no id comes twice.
struct Sent(usize);

impl Sent {
    async fn many(&mut self, client: &Client, clients: usize) -> Result<Duration> {
        let first = self.0;
        self.0 += clients * EACH;
        let bodies: Vec<Vec<_>> = (first..self.0)
            .map(|batch| body(&format!("batch-{batch}"), SIZE))
            .collect::<Vec<_>>()
            .chunks(EACH)
            .map(<[_]>::to_vec)
            .collect();
        let begun = Instant::now();
        try_join_all(bodies.into_iter().map(|bodies| send(client, bodies))).await?;
        Ok(begun.elapsed())
    }
}

async fn send(client: &Client, bodies: Vec<Vec<u8>>) -> Result<()> {
    for body in bodies {
        let answer = client.post_bytes(EVENTS, body).await?;
        let accepted = answer.body["accepted"].as_u64();
        ensure!(accepted == Some(SIZE as u64), "{}", answer.body);
    }
    Ok(())
}

/// Every connection copies as many rows as a client sends events.
async fn copy_many(connections: &mut [PgConnection], format: Format) -> Result<Duration> {
    let mut batches = Vec::new();
    for _ in 0..connections.len() {
        let mut of_connection = Vec::new();
        for _ in 0..EACH {
            of_connection.push(rows(&mut connections[0], format).await?);
        }
        batches.push(of_connection);
    }
    let begun = Instant::now();
    let copying = connections.iter_mut().zip(batches);
    try_join_all(copying.map(|(connection, batches)| copy(connection, batches, format))).await?;
    Ok(begun.elapsed())
}

async fn copy(connection: &mut PgConnection, batches: Vec<Vec<u8>>, format: Format) -> Result<()> {
    let options = format.options();
    for rows in batches {
        let statement = format!("copy control.usage_events ({COLUMNS}) from stdin {options}");
        let mut copying = connection.copy_in_raw(&statement).await?;
        copying.send(rows).await?;
        ensure!(copying.finish().await? == SIZE as u64, "rows are missing");
    }
    Ok(())
}

/// A batch of rows that the product kept, under other keys.
async fn rows(connection: &mut PgConnection, format: Format) -> Result<Vec<u8>> {
    let others = COLUMNS.replace(" key,", " gen_random_uuid(),");
    let options = format.options();
    let statement =
        format!("copy (select {others} from control.usage_events limit {SIZE}) to stdout {options}");
    let mut pieces = connection.copy_out_raw(&statement).await?;
    let mut rows = Vec::new();
    while let Some(piece) = pieces.next().await {
        rows.extend_from_slice(&piece?);
    }
    Ok(rows)
}

impl Format {
    fn options(self) -> &'static str {
        match self {
            Self::Text => "",
            Self::Binary => "(format binary)",
        }
    }
}
