//! What it costs to decide in process whether a request may be served: a quota alone, and everything that a request of
//! a tenant is asked (the rate limits of address, API key and tenant, its quotas), one after the other and with another
//! thread deciding for the same tenant at the same time.

use std::fmt::Write;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use isolation::Databases;
use kernel::{Seams, TenantId};
use metering::counters::{Meter, Outcome, Visitor};
use metering::metrics::{Aggregation, BuiltIn};
use metering::periods::{Calendar, Period};
use metering::quotas::{Gauge, Limited, Mode, Quota};
use metering::{Amount, Metering};
use tenants::directory::Directory;
use tenants::plans::Limit;

use crate::measure::Samples;
use crate::stage::Stage;

const ROUNDS: usize = 25;
const DECISIONS: u32 = 100_000;
/// Nanoseconds.
const TARGET: f64 = 1000.0;

/// Measures for a tenant of a server of its own.
pub(crate) async fn measure(stage: &Stage, scale: usize) -> Result<String> {
    let served = stage.serve("quota").await?;
    let (tenant, _) = served.provision("quota", "shared_database").await?;
    served.settle().await?;
    let tenant: TenantId = tenant.parse()?;
    let config = stage.config("quota", "http://127.0.0.1:1")?;
    let (databases, _hints) = Databases::open(config.databases()?, config.seams()).await?;
    let directory = Directory::new(databases.clone(), 10);
    let metering = Metering::new(databases.clone(), directory, config.metering()?);
    let meter = metering.meter(tenant).await?.context("the tenant's meter")?;
    let decisions = DECISIONS / u32::try_from(scale)?;
    let rows = tokio::task::spawn_blocking(move || rows(&metering, &meter, decisions)).await?;
    databases.close().await;
    served.end().await?;
    table(&rows)
}

type Row = (&'static str, Samples);

fn rows(metering: &Metering, meter: &Arc<Meter>, decisions: u32) -> Vec<Row> {
    let (seams, calendar) = (Seams::real(), Calendar::utc());
    let quota = Quota {
        metric: BuiltIn::ApiCalls.into(),
        limit: Limit::new(i64::MAX).unwrap_or(Limit::UNLIMITED),
        period: Period::Daily,
        soft_limit: None,
        mode: Mode::Hard,
    };
    let now = seams.now();
    let limited = Limited {
        quota,
        aggregation: Aggregation::Sum,
    };
    let gauge = Gauge::new(limited.into(), calendar.span(Period::Daily, now), Amount::ZERO);
    let take = || drop(black_box(gauge.take(1, seams.now(), &calendar)));
    let visitor = Visitor {
        address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        key: Some(uuid::Uuid::from_u128(7)),
    };
    let admit = || drop(black_box(metering.admit(meter, &visitor)));
    let outcome = Outcome {
        status: 200,
        bytes: 1000,
        latency: Duration::from_micros(300),
        person: None,
    };
    let settle = || metering.settle(meter, &outcome);
    vec![
        ("one unit of a quota", timed(decisions, take)),
        ("rate limits and quotas of a request", timed(decisions, admit)),
        (
            "the same, while another thread decides for the same tenant",
            raced(decisions, admit),
        ),
        (
            "counting what the request was, afterwards",
            timed(decisions, settle),
        ),
    ]
}

/// Nanoseconds of one, a sample a round.
fn timed(times: u32, act: impl Fn()) -> Samples {
    let mut samples = Samples::default();
    for round in 0..=ROUNDS {
        let begun = Instant::now();
        for _ in 0..times {
            act();
        }
        // The first round warms up.
        if round > 0 {
            samples.add(begun.elapsed().as_secs_f64() * 1e9 / f64::from(times));
        }
    }
    samples
}

fn raced(times: u32, act: impl Fn() + Sync) -> Samples {
    std::thread::scope(|scope| {
        let other = scope.spawn(|| timed(times, &act));
        let samples = timed(times, &act);
        drop(other.join());
        samples
    })
}

fn table(rows: &[Row]) -> Result<String> {
    let mut text =
        String::from("| decided in process | each: median (min–max) | target | |\n|---|---|---|---|\n");
    for (what, samples) in rows {
        ensure!(samples.median().is_finite(), "nothing was measured");
        let verdict = if samples.median() < TARGET {
            "met"
        } else {
            "missed"
        };
        let (median, least, most) = (samples.median(), samples.least(), samples.most());
        writeln!(
            text,
            "| {what} | {median:.0} ns ({least:.0}–{most:.0}) | < 1 µs | **{verdict}** |"
        )?;
    }
    Ok(text)
}
