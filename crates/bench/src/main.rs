//! `bin/bench`: what the product's speed is worth, as ratios that both sides of are measured in turns in one run.
//!
//! - [`stage`]: a private PostgreSQL that waits for the disk, and the real server on it, called over HTTP.
//! - [`specimen`]: a tenant's rows as the product made them, to be inserted again without the product.
//! - [`provision`], [`tenants`], [`logins`], [`key_timing`]: what is measured.
//! - [`requests`], [`quota`], [`scale`]: what the path of every tenant's request costs; [`load`] is who calls.
//! - [`ingest`], [`events`]: what reported usage costs, at once and after much of it.
//! - [`billing_runs`], [`webhook_burst`]: what invoicing everybody costs, and how fast the payment provider is answered.
//! - [`measure`], [`report`]: samples, ratios, and the tables in `docs/performance.md`.
//!
//! A ratio says the same on a slow machine and on a busy one; the times beside it only illustrate. Nothing here is
//! a test: a target that is missed is shown as missed.

mod billing_runs;
mod client;
mod events;
mod ingest;
mod key_timing;
mod load;
mod logins;
mod measure;
mod provision;
mod quota;
mod report;
mod requests;
mod scale;
mod specimen;
mod stage;
mod tenants;
mod webhook_burst;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::report::{Report, Section};
use crate::stage::Stage;

/// Measures Tenantry on this machine, on a PostgreSQL of its own, and writes the ratios to docs/performance.md.
#[derive(Parser)]
#[command(name = "bin/bench")]
struct Arguments {
    /// What to measure [default: everything].
    #[command(subcommand)]
    what: Option<What>,
    /// Takes a tenth of the samples and writes nothing down: to see whether it works at all.
    #[arg(long, global = true)]
    quick: bool,
    /// The folder of PostgreSQL's programs [default: those on the PATH, or the newest installed].
    #[arg(long, global = true, value_name = "DIR", env = "TENANTRY_POSTGRES_BIN")]
    postgres_bin: Option<PathBuf>,
    /// The document with the tables.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = "docs/performance.md"
    )]
    document: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, Subcommand)]
enum What {
    /// `GET /api/tenant`, authenticated, limited and metered, against a bare route.
    Requests,
    /// Deciding in process whether a request may be served.
    Quota,
    /// Requests with a thousand and a hundred thousand active tenants, against the same with ten; their memory.
    Scale,
    /// Events over HTTP, durable and each counted once, against `COPY` of the same rows.
    Ingest,
    /// Reading and reporting usage after ten million events, against the same after ten thousand.
    Events,
    /// Making tenants, against the bare statements that each isolation strategy needs.
    Provision,
    /// Requests with ten thousand tenants, against the same with ten.
    Tenants,
    /// Requests while two hundred people log in, against the same on an idle server.
    Logins,
    /// Whether it takes longer to refuse a guess that is nearer to the truth.
    #[command(name = "key_timing")]
    KeyTiming,
    /// Invoicing a month of ten thousand subscriptions, against the same of a thousand; and by two nodes.
    Billing,
    /// A burst of webhooks of the payment provider's.
    Webhooks,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bin/bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<()> {
    let report = Report::open((!arguments.quick).then(|| arguments.document.clone()))?;
    let stage = Stage::start(arguments.postgres_bin.as_deref()).await?;
    let outcome = measure_all(&stage, arguments, report).await;
    stage.end().await?;
    outcome
}

async fn measure_all(stage: &Stage, arguments: &Arguments, mut report: Report) -> Result<()> {
    let scale = if arguments.quick { 10 } else { 1 };
    let asked = |what| arguments.what.is_none_or(|one| one == what);
    let machine = stage.describe().await?;
    if asked(What::Requests) {
        report.write(
            Section::Requests,
            &requests::measure(stage, scale).await?,
            &machine,
        )?;
    }
    if asked(What::Quota) {
        report.put(Section::Quota, &quota::measure(stage, scale).await?, &machine)?;
    }
    if asked(What::Scale) {
        let measured = scale::measure(stage, scale).await?;
        report.write_with(Section::Scale, &measured.rows, &measured.memory, &machine)?;
    }
    if asked(What::Ingest) {
        report.write(Section::Ingest, &ingest::measure(stage, scale).await?, &machine)?;
    }
    if asked(What::Events) {
        report.write(Section::Events, &events::measure(stage, scale).await?, &machine)?;
    }
    if asked(What::Provision) {
        report.write(
            Section::Provision,
            &provision::measure(stage, scale).await?,
            &machine,
        )?;
    }
    if asked(What::Tenants) {
        report.write(Section::Tenants, &tenants::measure(stage, scale).await?, &machine)?;
    }
    if asked(What::Logins) {
        report.write(Section::Logins, &logins::measure(stage, scale).await?, &machine)?;
    }
    if asked(What::KeyTiming) {
        let table = key_timing::measure(stage, scale).await?;
        report.put(Section::KeyTiming, &table, &machine)?;
    }
    if asked(What::Billing) {
        report.write(
            Section::Billing,
            &billing_runs::measure(stage, scale).await?,
            &machine,
        )?;
    }
    if asked(What::Webhooks) {
        let table = webhook_burst::measure(stage, scale).await?;
        report.put(Section::Webhooks, &table, &machine)?;
    }
    Ok(())
}
