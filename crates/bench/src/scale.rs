//! A request with ten, a thousand and a hundred thousand active tenants: what one of them costs must not depend on how
//! many others there are, and each may take only so much memory.
//!
//! Three servers with the same ten tenants, which are asked in turns. Beside them the others lie in the database, and
//! each of these has called once, so that whatever a process remembers of an active tenant is remembered: its
//! credential, its record, its directory entry, its meter.

use std::fmt::Write;

use anyhow::{Context, Result, ensure};
use sqlx::Connection;

use crate::load::Load;
use crate::measure::{Comparison, Samples, Unit};
use crate::stage::{Served, Stage, run};

const ASKED: usize = 10;
const SOME: usize = 1000;
const MANY: usize = 100_000;
const CONNECTIONS: usize = 32;
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
    let before = resident()?;
    let others = MANY / scale;
    many.add(others).await?;
    let bytes = (resident()? - before) / f64::from(u32::try_from(others)?);
    let rows = vec![
        compare(&some, &few, SOME, scale).await?,
        compare(&many, &few, MANY, scale).await?,
    ];
    for side in [few, some, many] {
        side.served.end().await?;
    }
    Ok(Measured {
        rows,
        memory: memory(others, bytes)?,
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
        side.add(others).await?;
        Ok(side)
    }

    /// So many more, each of which calls once.
    async fn add(&self, others: usize) -> Result<()> {
        if others == 0 {
            return Ok(());
        }
        let mut connection = self.served.plain_connection().await?;
        run(&mut connection, likenesses(others)).await?;
        connection.close().await?;
        let keys: Vec<String> = (1..=others).map(|number| format!("tny_other{number}")).collect();
        Load::get(self.served.address(), "/api/tenant", &keys)
            .each_once(CONNECTIONS)
            .await
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
    let time = std::time::Duration::from_secs(1) / u32::try_from(scale)?;
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

fn memory(tenants: usize, bytes: f64) -> Result<String> {
    ensure!(bytes.is_finite(), "no memory was measured");
    let verdict = if bytes < TARGET { "met" } else { "missed" };
    let mut text = String::from("| memory | measured | target | |\n|---|---|---|---|\n");
    writeln!(
        text,
        "| an active tenant, with everything that is remembered of it, over {tenants} | {bytes:.0} bytes | < 2048 bytes | **{verdict}** |"
    )?;
    Ok(text)
}
