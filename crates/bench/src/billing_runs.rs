//! Invoicing everybody's next period: what a subscription costs must not depend on how many others there are, a second node
//! must not slow it down, and no period may be invoiced twice.
//!
//! Two databases with likenesses of a tenant that has a subscription, in turns. No server runs meanwhile; the driver that every
//! node runs is run here, and billing's time is moved a month ahead before it.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use billing::{Terms, TermsOf, clock};
use futures_util::future::try_join_all;
use isolation::{Databases, PlatformCtx};
use kernel::Seams;
use sqlx::PgConnection;

use crate::measure::{Comparison, Samples, Unit};
use crate::specimen::Specimen;
use crate::stage::{Stage, run};

const FEW: usize = 1000;
const MANY: usize = 10_000;
/// Rounds of a month each, after one that warms up.
const ROUNDS: usize = 3;

/// A database with so many subscriptions, and two nodes on it.
struct Side {
    subscriptions: usize,
    nodes: [Databases; 2],
    terms: Terms,
    connection: PgConnection,
    /// Months that were invoiced.
    months: usize,
}

/// Measures on two databases of its own.
pub(crate) async fn measure(stage: &Stage, scale: usize) -> Result<Vec<Comparison>> {
    let mut few = Side::make(stage, "billing_few", FEW / scale).await?;
    let mut many = Side::make(stage, "billing_many", MANY / scale).await?;
    let [mut small, mut large, mut alone, mut together] = [const { Samples::new() }; 4];
    for round in 0..=ROUNDS {
        let (here, there) = (many.month(1).await?, few.month(1).await?);
        let (one, two) = (few.month(1).await?, few.month(2).await?);
        // The first round warms up.
        if round > 0 {
            large.add(here);
            small.add(there);
            alone.add(one);
            together.add(two);
        }
    }
    for side in [&mut few, &mut many] {
        side.assert_each_once().await?;
    }
    let what =
        |count: usize| format!("a month's renewal, usage and final invoice of each of {count} subscriptions");
    let rows = vec![
        Comparison {
            what: what(many.subscriptions),
            against: format!("the same of {}", few.subscriptions),
            unit: Unit::Milliseconds,
            product: large,
            bare: small,
            limit: 1.2,
            enough: None,
        },
        Comparison {
            what: format!("{}, by two nodes at once", what(few.subscriptions)),
            against: "the same by one".to_owned(),
            unit: Unit::Milliseconds,
            product: together,
            bare: alone,
            limit: 1.2,
            enough: None,
        },
    ];
    for side in [few, many] {
        for node in side.nodes {
            node.close().await;
        }
    }
    Ok(rows)
}

impl Side {
    async fn make(stage: &Stage, name: &str, subscriptions: usize) -> Result<Self> {
        const CONNECTIONS: usize = 4;
        let slug = "specimen";
        let served = stage.serve(name).await?;
        let (tenant, _) = served.provision(slug, "shared_database").await?;
        served.settle().await?;
        let mut connection = served.plain_connection().await?;
        run(&mut connection, ON_PRO.to_owned()).await?;
        let specimen = Specimen::read(&mut connection, &tenant, slug).await?;
        let (specimen, seams, made) = (&specimen, &Seams::real(), &served);
        let add = |first: usize| async move {
            let mut connection = made.plain_connection().await?;
            run(&mut connection, "set synchronous_commit = off".to_owned()).await?;
            for number in (1 + first..subscriptions).step_by(CONNECTIONS) {
                let likeness = specimen.likeness(seams, &format!("other-{number}"), number as u64);
                specimen.insert(&mut connection, &likeness).await?;
            }
            anyhow::Ok(())
        };
        try_join_all((0..CONNECTIONS).map(add)).await?;
        served.end().await?;
        run(&mut connection, "vacuum analyze".to_owned()).await?;
        // With those that the server came with.
        let subscriptions: i64 =
            sqlx::query_scalar("select count(*) from control.subscriptions where status = 'active'")
                .fetch_one(&mut connection)
                .await?;
        let config = stage.config(name, "http://127.0.0.1:1")?;
        // Nothing becomes overdue: what follows from that is not what is measured.
        let terms = Terms::new(TermsOf {
            payment_days: 20_000,
            ..(*config.terms()?).clone()
        });
        let node = async || anyhow::Ok(Databases::open(config.databases()?, config.seams()).await?.0);
        Ok(Self {
            subscriptions: usize::try_from(subscriptions)?,
            nodes: [node().await?, node().await?],
            terms,
            connection,
            months: 0,
        })
    }

    /// A month passes, and so many nodes invoice it. Answers the milliseconds that each subscription took.
    async fn month(&mut self, nodes: usize) -> Result<f64> {
        self.ahead("31 days").await?;
        let begun = Instant::now();
        let renewed = self.run(nodes).await?;
        let mut took = begun.elapsed();
        // Their drafts wait for usage that comes late.
        self.ahead("2 hours").await?;
        let begun = Instant::now();
        let invoiced = self.run(nodes).await?;
        took += begun.elapsed();
        let (steps, drafts) = (renewed[0], invoiced[1]);
        let count = self.subscriptions;
        ensure!(
            (steps, drafts, renewed[2] + invoiced[2]) == (count, count, 0),
            "{steps} renewals and {drafts} invoices of {count} subscriptions"
        );
        self.months += 1;
        Ok(each(took, count))
    }

    async fn ahead(&mut self, time: &str) -> Result<()> {
        let statement = format!(
            "insert into control.billing_clock as c (offset_micros) values (extract(epoch from interval '{time}') * 1000000)
             on conflict (singleton) do update set offset_micros = c.offset_micros + excluded.offset_micros"
        );
        run(&mut self.connection, statement).await
    }

    /// Steps, drafts and failures of all of them.
    async fn run(&self, nodes: usize) -> Result<[usize; 3]> {
        let systems: Vec<PlatformCtx> = self.nodes[..nodes]
            .iter()
            .map(|node| node.system("billing"))
            .collect();
        let runs = systems.iter().map(|system| clock::run(system, &self.terms));
        let ran = try_join_all(runs).await?;
        let sum = |part: fn(&clock::Ran) -> usize| ran.iter().map(part).sum();
        Ok([sum(|ran| ran.steps), sum(|ran| ran.drafts), sum(|ran| ran.failed)])
    }

    /// Whatever ran at the same time, each period has one invoice, and the numbers have no gaps.
    async fn assert_each_once(&mut self) -> Result<()> {
        let (invoices, periods, last): (i64, i64, i64) = sqlx::query_as(
            "select count(*), count(distinct (subscription_id, period_starts_at)), max(sequence) from control.invoices",
        )
        .fetch_one(&mut self.connection)
        .await?;
        let expected = i64::try_from(self.subscriptions * self.months)?;
        ensure!(
            [invoices, periods, last] == [expected; 3],
            "{invoices} invoices of {periods} periods with numbers up to {last}, and {expected} were due"
        );
        Ok(())
    }
}

/// The tenant's trial is over, and its first month began yesterday.
const ON_PRO: &str = "
    update control.tenants set plan = 'pro', status = 'active' where slug = 'specimen';
    update control.subscriptions set plan = 'pro', status = 'active', trial_ends_at = null, anchor = now() - interval '1 day',
        period_number = 0, period_starts_at = now() - interval '1 day', period_ends_at = now() + interval '1 month' - interval '1 day',
        usage_from = date_trunc('hour', now() - interval '1 day'), usage_number = 0,
        usage_ends_at = now() + interval '1 month' - interval '1 day', next_at = now() + interval '1 month' - interval '1 day'";

fn each(took: Duration, count: usize) -> f64 {
    crate::measure::milliseconds(took) / f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
