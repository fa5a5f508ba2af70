//! A request with ten, a thousand and a hundred thousand active tenants: what one of them costs must not depend on how
//! many others there are, and each may take only so much memory.
//!
//! Three servers with the same ten tenants, which are asked in turns. Beside them the others lie in the database, and
//! each of these has called once, so that whatever a process remembers of an active tenant is remembered: its
//! credential, its record, its directory entry, its meter. What the meter is of that is measured apart, in process.

use std::fmt::Write;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use isolation::Databases;
use kernel::TenantId;
use metering::Metering;
use metering::counters::{Outcome, Visitor};
use sqlx::Connection;
use tenants::directory::Directory;

use crate::load::Load;
use crate::measure::{Comparison, Samples, Unit};
use crate::stage::{Served, Stage, run};

const ASKED: usize = 10;
const SOME: usize = 1000;
const MANY: usize = 100_000;
const CONNECTIONS: usize = 32;
/// Meters that are measured by themselves, after a third as many that take up what memory was free before.
const METERS: usize = 60_000;
const ROUNDS: usize = 11;
/// Bytes for an active tenant.
const TARGET: f64 = 2048.0;

/// One server with so many active tenants.
struct Side {
    served: Served,
    load: Load,
}

/// What was measured.
pub(crate) struct Measured {
    pub(crate) rows: Vec<Comparison>,
    /// The table of memory.
    pub(crate) memory: String,
}

/// Measures on three servers of its own.
pub(crate) async fn measure(stage: &Stage, scale: usize) -> Result<Measured> {
    let few = Side::start(stage, "scale_few", 0).await?;
    let some = Side::start(stage, "scale_some", SOME / scale).await?;
    let many = Side::start(stage, "scale_many", 0).await?;
    let (others, meters) = (MANY / scale, METERS / scale);
    many.place(others).await?;
    // Kept to the end: what it took is not to be free for the others.
    let (meter, _metering) = meter_bytes(stage, &many, meters).await?;
    // So are the calls, which are the callers' and not the product's.
    let calls = many.calls(others);
    let before = resident()?;
    calls.each_once(CONNECTIONS).await?;
    let bytes = (resident()? - before) / f64::from(u32::try_from(others)?);
    drop(calls);
    let rows = vec![
        compare(&some, &few, SOME, scale).await?,
        compare(&many, &few, MANY, scale).await?,
    ];
    for side in [few, some, many] {
        side.served.end().await?;
    }
    Ok(Measured {
        rows,
        memory: memory(&[
            (
                "an active tenant's meter: its counters, quotas and pace",
                meters,
                meter,
            ),
            (
                "an active tenant, with everything that is remembered of it",
                others,
                bytes,
            ),
        ])?,
    })
}

impl Side {
    async fn start(stage: &Stage, name: &str, others: usize) -> Result<Self> {
        // Nobody is forgotten while the others are still being called.
        let served = stage.serve_with(name, &[("usage.idle_time", "2h")]).await?;
        let mut keys = Vec::new();
        for number in 0..ASKED {
            let slug = format!("asked-{number}");
            let (tenant, _) = served.provision(&slug, "shared_database").await?;
            keys.push(served.tenant_key(&tenant).await?);
        }
        served.settle().await?;
        let load = Load::get(served.address(), "/api/tenant", &keys);
        let side = Self { served, load };
        if others > 0 {
            side.place(others).await?;
            side.calls(others).each_once(CONNECTIONS).await?;
        }
        Ok(side)
    }

    /// So many more.
    async fn place(&self, others: usize) -> Result<()> {
        let mut connection = self.served.plain_connection().await?;
        run(&mut connection, likenesses(others)).await?;
        connection.close().await?;
        Ok(())
    }

    /// A call of each of them.
    fn calls(&self, others: usize) -> Load {
        let keys: Vec<String> = (1..=others).map(|number| format!("tny_other{number}")).collect();
        Load::get(self.served.address(), "/api/tenant", &keys)
    }
}

/// Tenants like the first one, with a key each.
fn likenesses(count: usize) -> String {
    format!(
        "set synchronous_commit = off;
         create temp table others as
             select n, gen_random_uuid() as id, gen_random_uuid() as key from generate_series(1, {count}) n;
         create temp table model as select t.id from control.tenants t where slug = 'asked-0';
         insert into control.tenants select made.*
             from control.tenants t join model using (id), others o, jsonb_populate_record(t,
                 jsonb_build_object('id', o.id, 'slug', 'other-' || n, 'name', 'Other ' || n)) made;
         insert into control.stores select made.*
             from control.stores s join model m on s.tenant_id = m.id, others o,
                 jsonb_populate_record(s, jsonb_build_object('tenant_id', o.id)) made;
         insert into control.slugs (slug, tenant_id) select 'other-' || n, id from others;
         create temp table model_key as
             select k.id from control.api_keys k join model m on k.tenant_id = m.id limit 1;
         insert into control.api_keys select made.*
             from control.api_keys k join model_key using (id), others o, jsonb_populate_record(k,
                 jsonb_build_object('tenant_id', o.id, 'id', o.key, 'user_id', null,
                     'secret_hash', '\\x' || encode(sha256(convert_to('tny_other' || n, 'UTF8')), 'hex'))) made;
         drop table others, model, model_key;
         analyze;"
    )
}

async fn compare(one: &Side, other: &Side, tenants: usize, scale: usize) -> Result<Comparison> {
    let time = Duration::from_secs(1) / u32::try_from(scale)?;
    let (mut here, mut there) = (Samples::default(), Samples::default());
    for round in 0..=ROUNDS {
        let (many, few) = (
            one.load.run(CONNECTIONS, time).await?,
            other.load.run(CONNECTIONS, time).await?,
        );
        // The first round warms up.
        if round > 0 {
            here.add(many);
            there.add(few);
        }
    }
    Ok(Comparison {
        what: format!("`GET /api/tenant`, {tenants} active tenants"),
        against: format!("the same with {ASKED}"),
        unit: Unit::PerSecond,
        product: here,
        bare: there,
        limit: 1.2,
        enough: None,
    })
}

/// Bytes of this process that are in memory (proc_pid_statm(5)).
fn resident() -> Result<f64> {
    const PAGE: f64 = 4096.0;
    let text = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u32 = text.split(' ').nth(1).context("the resident pages")?.parse()?;
    Ok(f64::from(pages) * PAGE)
}

/// What this process grows by with each meter: of a tenant that called, once its counts are written.
async fn meter_bytes(stage: &Stage, side: &Side, meters: usize) -> Result<(f64, Metering)> {
    let all = meters + meters / 3;
    let mut connection = side.served.plain_connection().await?;
    let ids: Vec<TenantId> =
        sqlx::query_scalar("select id from control.tenants where slug like 'other-%' limit $1")
            .bind(i64::try_from(all)?)
            .fetch_all(&mut connection)
            .await?;
    connection.close().await?;
    ensure!(ids.len() == all, "there are only {} tenants", ids.len());
    let config = stage.config("scale_many", "http://127.0.0.1:1")?;
    let (databases, _hints) = Databases::open(config.databases()?, config.seams()).await?;
    let directory = Directory::new(databases.clone(), 10);
    let metering = Metering::new(databases.clone(), directory, config.metering()?);
    let (first, others) = ids.split_at(all - meters);
    called(&metering, first).await?;
    let before = resident()?;
    called(&metering, others).await?;
    let bytes = (resident()? - before) / f64::from(u32::try_from(meters)?);
    databases.close().await;
    Ok((bytes, metering))
}

/// Each of these calls, and that is written: a few at a time, as it is where they do not all call at once.
async fn called(metering: &Metering, tenants: &[TenantId]) -> Result<()> {
    let outcome = Outcome {
        status: 200,
        bytes: 1000,
        latency: Duration::from_micros(300),
        person: None,
    };
    for some in tenants.chunks(100) {
        for tenant in some {
            let meter = metering.meter(*tenant).await?.context("the tenant's meter")?;
            ensure!(
                metering.admit(&meter, &Visitor::default()).refusal.is_none(),
                "a refusal"
            );
            metering.settle(&meter, &outcome);
        }
        metering.flush().await?;
    }
    Ok(())
}

fn memory(rows: &[(&str, usize, f64)]) -> Result<String> {
    let mut text = String::from("| memory | measured | target | |\n|---|---|---|---|\n");
    for (what, tenants, bytes) in rows {
        ensure!(bytes.is_finite(), "no memory was measured");
        let verdict = if *bytes < TARGET { "met" } else { "missed" };
        writeln!(
            text,
            "| {what}, over {tenants} | {bytes:.0} bytes | < 2048 bytes | **{verdict}** |"
        )?;
    }
    Ok(text)
}
