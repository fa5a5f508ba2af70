//! Reading and reporting usage when there are many events already, against the same with few: what an answer or a batch
//! costs must not depend on what came before.
//!
//! Both sides are servers with one tenant; its events of the last thirty days lie in two generations, and are in the
//! roll-ups.

use std::time::Duration;

use anyhow::Result;
use kernel::Seams;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::client::{Answer, Client};
use crate::measure::{Comparison, Samples, Unit};
use crate::stage::{Served, Stage, run};

/// Where events are reported.
pub(crate) const EVENTS: &str = "/api/usage/events";
const METRIC: &str = "tokens";
const FEW: u32 = 10_000;
const MANY: [u32; 2] = [1_000_000, 10_000_000];
const DAYS: u32 = 30;

/// One side.
struct Side {
    served: Served,
    caller: Client,
    events: u32,
}

#[derive(Clone, Copy)]
enum Request {
    Present,
    History,
    Report(usize),
}

/// Measures on servers of its own; the ten million only where there is time.
pub(crate) async fn measure(stage: &Stage, scale: usize) -> Result<Vec<Comparison>> {
    let few = Side::start(stage, FEW).await?;
    let mut rows = Vec::new();
    for events in MANY.into_iter().take(if scale > 1 { 1 } else { MANY.len() }) {
        let many = Side::start(stage, events).await?;
        for (request, each) in [
            (Request::Present, 100),
            (Request::History, 100),
            (Request::Report(100), 30),
            (Request::Report(10_000), 3),
        ] {
            rows.push(compare(&many, &few, request, (each / scale).max(1)).await?);
        }
        many.served.end().await?;
    }
    few.served.end().await?;
    Ok(rows)
}

/// Declares the metric that the events are about.
pub(crate) async fn declare(client: &Client) -> Result<()> {
    let metric =
        json!({"aggregation": "sum", "unit": "tokens", "dimensions": ["model", "region"], "series": 1000});
    client
        .put(&format!("/api/usage/custom-metrics/{METRIC}"), &metric)
        .await?;
    Ok(())
}

/// So many events of the last hour, whose ids begin so.
pub(crate) fn body(name: &str, count: usize) -> Vec<u8> {
    let now = Seams::real().now().as_micros();
    let event = |number: usize| {
        let seconds = i64::try_from(number % 3600).unwrap_or_default();
        let time = kernel::Timestamp::from_micros(now - seconds * 1_000_000);
        json!({
            "specversion": "1.0", "id": format!("{name}-{number:012}-request"), "source": "/services/gateway",
            "type": METRIC, "time": time.to_string(),
            "data": {"value": number % 997, "dimensions":
                {"model": format!("m{}", number % 4), "region": format!("region-{}", number % 3)}},
        })
    };
    Value::Array((0..count).map(event).collect())
        .to_string()
        .into_bytes()
}

impl Side {
    async fn start(stage: &Stage, events: u32) -> Result<Self> {
        let served = stage.serve(&format!("events_{events}")).await?;
        let (tenant, _) = served.provision("reporting", "shared_database").await?;
        let caller = served.tenant_client(&tenant).await?;
        declare(&caller).await?;
        served.settle().await?;
        let mut connection = served.plain_connection().await?;
        let tenant = tenant.parse::<kernel::TenantId>()?.uuid().to_string();
        for statement in past(&tenant, events) {
            run(&mut connection, statement).await?;
        }
        closed_ones_have_filters(&mut connection).await?;
        Ok(Self {
            served,
            caller,
            events,
        })
    }

    async fn send(&self, request: Request, name: &str) -> Result<Answer> {
        match request {
            Request::Present => self.caller.get("/api/usage").await,
            Request::History => {
                let path = format!("/api/usage/history/{METRIC}?days={DAYS}");
                self.caller.get(&path).await
            }
            Request::Report(count) => self.caller.post_bytes(EVENTS, body(name, count)).await,
        }
    }
}

/// As many events as a generation has when it is closed.
const GENERATION: u32 = 900_000;

/// Statements that make the past: the events in generations as the product would have closed them, two at the least, and
/// all of them in the roll-ups.
fn past(tenant: &str, events: u32) -> Vec<String> {
    let generations = events.div_ceil(GENERATION).max(2);
    let each = events / generations;
    let fill = |part: u32| {
        format!(
            "insert into control.usage_events (generation, tenant_id, key, source, id, metric, time, received_at, amount,
                 dimensions, revokes, comparable)
             select (select max(number) from control.usage_generations), '{tenant}', gen_random_uuid(), '/services/gateway', 'past-{part}-' || n, '{METRIC}',
                 now() - n * {DAYS} * interval '1 day' / {each}, now(), n % 997,
                 jsonb_build_object('model', 'm' || n % 4, 'region', 'region-' || n % 3), false, false
             from generate_series(1, {each}) n"
        )
    };
    let roll_up = |(table, grain): (&str, &str)| {
        format!(
            "insert into control.{table} (tenant_id, metric, starts_at, dimensions, count, sum, uniques)
             select tenant_id, metric, date_trunc('{grain}', time, 'UTC'), dimensions, count(*), sum(amount), 0
             from control.usage_events group by 1, 2, 3, 4"
        )
    };
    let tables = [
        ("usage_hours", "hour"),
        ("usage_days", "day"),
        ("usage_months", "month"),
    ];
    let mut statements = Vec::new();
    for part in 0..generations {
        if part > 0 {
            statements.push("select control.open_usage_generation(now(), now())".to_owned());
        }
        statements.push(fill(part));
    }
    statements.extend(tables.map(roll_up));
    statements.extend(["vacuum analyze".to_owned(), "checkpoint".to_owned()]);
    statements
}

/// The product makes them within a minute or so.
async fn closed_ones_have_filters(connection: &mut sqlx::PgConnection) -> Result<()> {
    let deadline = Instant::now() + Duration::from_mins(10);
    loop {
        let missing: i64 = sqlx::query_scalar(
            "select count(*) from control.usage_generations g where closed_at is not null
                 and not exists (select from control.usage_filters f where f.generation = g.number)",
        )
        .fetch_one(&mut *connection)
        .await?;
        if missing == 0 {
            return Ok(());
        }
        anyhow::ensure!(Instant::now() < deadline, "{missing} generations have no filter");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// One request here, one there, and so on. A sample is the median of a round of them.
async fn compare(many: &Side, few: &Side, request: Request, each: usize) -> Result<Comparison> {
    const ROUNDS: usize = 9;
    let (mut after_many, mut after_few) = (Samples::default(), Samples::default());
    for round in 0..=ROUNDS {
        let (mut here, mut there) = (Samples::default(), Samples::default());
        for number in 0..each {
            let name = format!("{}-{round}-{number}", many.events);
            here.add_time(many.send(request, &name).await?.took);
            there.add_time(few.send(request, &name).await?.took);
        }
        // The first round warms up.
        if round > 0 {
            after_many.add(here.median());
            after_few.add(there.median());
        }
    }
    Ok(Comparison {
        what: format!("{}, {} past events", describe(request), many.events),
        against: format!("the same with {}", few.events),
        unit: Unit::Milliseconds,
        product: after_many,
        bare: after_few,
        limit: 1.2,
        enough: None,
    })
}

fn describe(request: Request) -> String {
    match request {
        Request::Present => "`GET /api/usage`".to_owned(),
        Request::History => format!("`GET /api/usage/history/{METRIC}?days={DAYS}`"),
        Request::Report(count) => format!("`POST {EVENTS}`, {count} events"),
    }
}
