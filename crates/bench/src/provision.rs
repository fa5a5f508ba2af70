//! Making tenants over HTTP, against the bare statements that each isolation strategy needs.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use kernel::Seams;
use sqlx::PgConnection;

use crate::measure::{Comparison, Samples, Unit};
use crate::specimen::{Likeness, Specimen};
use crate::stage::{Served, Stage, run};

const CLIENTS: usize = 8;

/// The tenant migrations, as one script.
static TENANT: sqlx::migrate::Migrator = sqlx::migrate!("../isolation/migrations/tenant");

/// Measures the three strategies on a server of its own.
pub(crate) async fn measure(stage: &Stage, scale: usize) -> Result<Vec<Comparison>> {
    let served = stage.serve("provision").await?;
    let rows = vec![
        shared(&served, scale).await?,
        schema(&served, scale).await?,
        database(&served, scale).await?,
    ];
    served.end().await?;
    Ok(rows)
}

async fn shared(served: &Served, scale: usize) -> Result<Comparison> {
    const ROUNDS: usize = 9;
    let each = 320 / scale;
    let mut bare = Bare::prepare(served).await?;
    let (mut product, mut plain) = (Samples::default(), Samples::default());
    for round in 0..=ROUNDS {
        let made = order_many(served, round, each).await?;
        served.settle().await?;
        let inserted = bare.insert_many(round, each).await?;
        // The first round warms up.
        if round > 0 {
            product.add(per_second(each, made));
            plain.add(per_second(each, inserted));
        }
    }
    Ok(Comparison {
        what: format!("provision `shared_database`, {CLIENTS} clients"),
        against: format!("inserting the same rows, {CLIENTS} connections, one transaction per tenant"),
        unit: Unit::PerSecond,
        product,
        bare: plain,
        limit: 3.0,
        enough: Some(100.0),
    })
}

fn per_second(count: usize, took: Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / took.as_secs_f64()
}

/// Every client orders one tenant after the other.
async fn order_many(served: &Served, round: usize, count: usize) -> Result<Duration> {
    let begun = Instant::now();
    let client = |client: usize| async move {
        for number in (client..count).step_by(CLIENTS) {
            served
                .provision(&format!("shared-{round}-{number}"), "shared_database")
                .await?;
        }
        anyhow::Ok(())
    };
    try_join_all((0..CLIENTS).map(client)).await?;
    Ok(begun.elapsed())
}

/// The inserts without the product.
struct Bare {
    specimen: Specimen,
    connections: Vec<PgConnection>,
    seams: Seams,
}

impl Bare {
    async fn prepare(served: &Served) -> Result<Self> {
        let slug = "specimen";
        let (tenant, _) = served.provision(slug, "shared_database").await?;
        served.settle().await?;
        let mut connection = served.plain_connection().await?;
        let specimen = Specimen::read(&mut connection, &tenant, slug).await?;
        let connections = try_join_all((0..CLIENTS).map(|_| served.plain_connection())).await?;
        Ok(Self {
            specimen,
            connections,
            seams: Seams::real(),
        })
    }

    async fn insert_many(&mut self, round: usize, count: usize) -> Result<Duration> {
        let specimen = &self.specimen;
        let slug = |number| format!("bare-{round}-{number}");
        let all: Vec<_> = (0..count)
            .map(|number| specimen.likeness(&self.seams, &slug(number), 0))
            .collect();
        let begun = Instant::now();
        let clients = self
            .connections
            .iter_mut()
            .zip(all.chunks(count.div_ceil(CLIENTS)));
        try_join_all(clients.map(|(connection, part)| insert_each(specimen, connection, part))).await?;
        Ok(begun.elapsed())
    }
}

async fn insert_each(specimen: &Specimen, connection: &mut PgConnection, part: &[Likeness]) -> Result<()> {
    for likeness in part {
        specimen.insert(connection, likeness).await?;
    }
    Ok(())
}

async fn schema(served: &Served, scale: usize) -> Result<Comparison> {
    let mut connection = served.plain_connection().await?;
    let (product, bare) = in_turns(served, "schema", "schema_per_tenant", scale, async |name| {
        run(&mut connection, bare_schema(&name)).await
    })
    .await?;
    Ok(Comparison {
        what: "provision `schema_per_tenant`, one client".to_owned(),
        against: "the same tables and grants as one script in one transaction".to_owned(),
        unit: Unit::Milliseconds,
        product,
        bare,
        limit: 2.0,
        enough: None,
    })
}

fn bare_schema(name: &str) -> String {
    let migrations: Vec<_> = TENANT.iter().map(|migration| migration.sql.as_str()).collect();
    format!(
        "begin; create schema {name} authorization tenantry_owner;
         set local role tenantry_owner; set local search_path = {name};
         {};
         grant usage on schema {name} to tenantry_app, tenantry_tenant, tenantry_relay;
         grant select, insert, update, delete on all tables in schema {name} to tenantry_app, tenantry_tenant;
         commit",
        migrations.join(";\n")
    )
}

async fn database(served: &Served, scale: usize) -> Result<Comparison> {
    let mut connection = served.plain_connection().await?;
    let find = "select datname::text from pg_database where datname like 'tenantry\\_template\\_%'";
    let template: String = sqlx::query_scalar(find)
        .fetch_one(&mut connection)
        .await
        .context("the template")?;
    let (product, bare) = in_turns(served, "database", "database_per_tenant", scale, async |name| {
        run(
            &mut connection,
            format!("create database {name} template {template}"),
        )
        .await
    })
    .await?;
    Ok(Comparison {
        what: "provision `database_per_tenant`, one client".to_owned(),
        against: "a bare `CREATE DATABASE … TEMPLATE` of the same template".to_owned(),
        unit: Unit::Milliseconds,
        product,
        bare,
        limit: 1.5,
        enough: None,
    })
}

/// One order, one bare statement, and so on. A sample is the median of a round of them.
async fn in_turns(
    served: &Served,
    kind: &str,
    strategy: &str,
    scale: usize,
    mut bare: impl AsyncFnMut(String) -> Result<()>,
) -> Result<(Samples, Samples)> {
    const ROUNDS: usize = 9;
    const EACH: usize = 5;
    let (mut products, mut bares) = (Samples::default(), Samples::default());
    for round in 0..=ROUNDS.div_ceil(scale) {
        let (mut product, mut plain) = (Samples::default(), Samples::default());
        for number in 0..EACH {
            let (_, took) = served
                .provision(&format!("{kind}-{round}-{number}"), strategy)
                .await?;
            product.add_time(took);
            served.settle().await?;
            let begun = Instant::now();
            bare(format!("bare_{kind}_{round}_{number}")).await?;
            plain.add_time(begun.elapsed());
        }
        if round > 0 {
            products.add(product.median());
            bares.add(plain.median());
        }
    }
    Ok((products, bares))
}
