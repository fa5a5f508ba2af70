use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use isolation::{IsolationStrategy, Tx};
use kernel::{MasterKey, Secret, TenantId};
use tenants::directory::Directory;
use tenants::plans::Limit;
use testkit::{RedisServer, TestDatabase};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::pace::{CellId, SharedPace, most_at_once};
use super::{Redis, RedisSettings};
use crate::counters::{Meter, Metering, Refusal, Settings, Visitor};
use crate::metrics::BuiltIn;
use crate::periods::Period;
use crate::quotas::{Mode, Quota};
use crate::rate_limits::Rate;

const PATIENT: Duration = Duration::from_secs(1);
const WAIT: Duration = Duration::from_secs(30);

async fn node(url: &str, patience: Duration) -> Arc<SharedPace> {
    let settings = RedisSettings {
        url: Secret::new(url.to_owned()),
        patience,
    };
    let link = Arc::new(Redis::new(&settings).expect("a URL"));
    link.connect().await.expect("it answers");
    Arc::new(SharedPace::new(link, &MasterKey::new([7; 32])))
}

fn cell() -> CellId {
    CellId::tenant(kernel::Seams::real().new_id())
}

async fn eventually(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + WAIT;
    while !ask().await {
        assert!(Instant::now() < deadline, "waited too long for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Callers on each of three nodes who never wait: in any span the nodes let pass what the bound says and no more, and
/// nearly as much as the rate says.
#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_together_stay_within_the_bound() {
    let Some(redis) = RedisServer::start().await else {
        return;
    };
    for (rate, span) in [(Rate::new(5, 7), 1200), (Rate::new(200, 100), 1500)] {
        let cell = cell();
        let mut nodes = Vec::new();
        for _ in 0..3 {
            nodes.push(node(&redis.url(), PATIENT).await);
        }
        let (passed, started) = (Arc::new(AtomicU32::new(0)), Instant::now());
        let callers = nodes.iter().flat_map(|node| [node, node, node]).map(|node| {
            let (node, passed) = (Arc::clone(node), Arc::clone(&passed));
            tokio::spawn(async move {
                while started.elapsed() < Duration::from_millis(span) {
                    let pace = node.pass(&[(cell, rate)]).await.expect("Redis answers");
                    passed.fetch_add(u32::from(pace.passage.allowed), Relaxed);
                    tokio::task::yield_now().await;
                }
            })
        });
        for caller in callers.collect::<Vec<_>>() {
            caller.await.expect("no panic");
        }
        let came_back = started.elapsed().as_secs_f64() * f64::from(rate.per_second);
        let (passed, allowed) = (f64::from(passed.load(Relaxed)), f64::from(rate.burst) + came_back);
        let held = f64::from(3 * (most_at_once(rate) - 1));
        // What was taken before the beginning is nothing here, so what is held now is missing rather than too much.
        assert!(passed <= allowed + 1.0, "{passed} of {allowed} at {rate:?}");
        assert!(
            passed >= f64::from(rate.burst) + f64::from(rate.per_second) * 1.0 - held,
            "{passed} of {allowed} at {rate:?}"
        );
    }
}

/// What one node took and did not need serves the others.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_needed_goes_back() {
    let Some(redis) = RedisServer::start().await else {
        return;
    };
    let (cell, rate) = (cell(), Rate::new(100, 100));
    let (one, other) = (
        node(&redis.url(), PATIENT).await,
        node(&redis.url(), PATIENT).await,
    );
    let stop = CancellationToken::new();
    let running = tokio::spawn(Arc::clone(&one).run(stop.clone()));
    for _ in 0..20 {
        assert!(
            one.pass(&[(cell, rate)])
                .await
                .expect("Redis answers")
                .passage
                .allowed
        );
    }
    // 1 + 2 + 4 + 8 + 10 were taken for 20, and all of them are back long before a second has passed for 25 more.
    stop.cancel();
    running.await.expect("no panic");
    let pace = other.pass(&[(cell, rate)]).await.expect("Redis answers");
    assert!(pace.passage.remaining >= 79, "{pace:?}");
}

/// Who is refused by his tenant's limit has used up nothing of his key's, and the first who refuses is told.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_by_one_uses_nothing_of_the_others() {
    let Some(redis) = RedisServer::start().await else {
        return;
    };
    let node = node(&redis.url(), PATIENT).await;
    let (key, tenant) = ((CellId::key(1), Rate::new(1, 10)), (cell(), Rate::new(1, 3)));
    for _ in 0..3 {
        assert!(
            node.pass(&[key, tenant])
                .await
                .expect("Redis answers")
                .passage
                .allowed
        );
    }
    for _ in 0..20 {
        let refused = node.pass(&[key, tenant]).await.expect("Redis answers");
        assert_eq!(
            (refused.passage.allowed, refused.passage.limit),
            (false, 3),
            "{refused:?}"
        );
        assert!(refused.passage.retry_after_seconds() == 1);
    }
    let mut passed = 0;
    while node.pass(&[key]).await.expect("Redis answers").passage.allowed {
        passed += 1;
    }
    assert!((7..=8).contains(&passed), "{passed}");
}

/// A Redis that stands still costs its patience once; killed and started again, it is used again.
#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_away_is_not_waited_for() {
    const PATIENCE: Duration = Duration::from_millis(100);
    let Some(mut redis) = RedisServer::start().await else {
        return;
    };
    let (cell, rate) = (cell(), Rate::new(1000, 1000));
    let node = node(&redis.url(), PATIENCE).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(Arc::clone(&node).run(stop.clone()));
    let shared = async || node.pass(&[(cell, rate)]).await.is_some();
    eventually("Redis", shared).await;
    redis.halt();
    let started = Instant::now();
    // What was taken in advance may last for some.
    let mut asked = 0;
    while node.pass(&[(cell, rate)]).await.is_some() {
        asked += 1;
        assert!(asked <= most_at_once(rate));
    }
    assert!(started.elapsed() < PATIENCE * 5, "{:?}", started.elapsed());
    let started = Instant::now();
    for _ in 0..1000 {
        assert!(node.pass(&[(cell, rate)]).await.is_none());
    }
    assert!(
        started.elapsed() < PATIENCE,
        "asked again: {:?}",
        started.elapsed()
    );
    redis.go_on();
    eventually("Redis to be asked again", shared).await;
    redis.kill();
    eventually("it to be missed", async || !shared().await).await;
    redis.restart().await;
    eventually("Redis to be asked again", shared).await;
    stop.cancel();
    running.await.expect("no panic");
}

async fn metering(db: &TestDatabase, redis: Option<Arc<Redis>>) -> Metering {
    let directory = Directory::new(db.databases().clone(), 100);
    let settings = Settings {
        redis,
        flush_every: Duration::from_millis(50),
        ..Settings::default()
    };
    let metering = Metering::new(db.databases().clone(), directory, settings);
    metering.appear().await.expect("the database answers");
    metering
}

async fn meter(metering: &Metering, tenant: TenantId) -> Arc<Meter> {
    let meter = metering.meter(tenant).await.expect("the database answers");
    meter.expect("there is the tenant")
}

async fn limited(db: &TestDatabase, metric: BuiltIn, limit: i64, period: Period) -> TenantId {
    let tenant = db.tenant(IsolationStrategy::SharedDatabase).await.tenant_id();
    let quota = Quota {
        metric: metric.into(),
        limit: Limit::new(limit).expect("a limit"),
        period,
        soft_limit: None,
        mode: Mode::Hard,
    };
    let mut tx = db.system().control().await.expect("the control plane answers");
    crate::quotas::set(&mut tx, tenant, &quota, None)
        .await
        .expect("set");
    tx.commit().await.expect("committed");
    tenant
}

/// Takes calls as fast as it can until it was refused for a while; how many passed.
async fn exhaust(metering: Metering, tenant: TenantId, refusals: u32) -> u32 {
    let meter = meter(&metering, tenant).await;
    let (mut passed, mut refused) = (0, 0);
    while refused < refusals {
        if metering.take_shared(&meter, BuiltIn::ApiCalls, 1).await.is_ok() {
            (passed, refused) = (passed + 1, 0);
        } else {
            refused += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    passed
}

/// Two nodes race for one quota: together they use all of it and not one more, in every round.
#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_race_for_a_quota_and_use_exactly_that() {
    let db = TestDatabase::new().await;
    let other = db.another_node().await;
    let nodes = [metering(&db, None).await, metering(&other, None).await];
    nodes[0].appear().await.expect("the database answers");
    assert!(nodes.iter().all(Metering::shares_quotas));
    let stop = CancellationToken::new();
    let running: Vec<_> = nodes
        .iter()
        .map(|node| tokio::spawn(node.clone().run(stop.clone())))
        .collect();
    for (limit, period) in [
        (1, Period::Daily),
        (2, Period::Monthly),
        (97, Period::Daily),
        (3000, Period::Total),
    ] {
        let tenant = limited(&db, BuiltIn::ApiCalls, limit, period).await;
        let callers: Vec<_> = (0..8)
            .map(|caller| tokio::spawn(exhaust(nodes[caller % 2].clone(), tenant, 50)))
            .collect();
        let mut passed = 0;
        for caller in callers {
            passed += caller.await.expect("no panic");
        }
        assert_eq!(i64::from(passed), limit, "{period:?}");
    }
    stop.cancel();
    for run in running {
        run.await.expect("an orderly end");
    }
    assert_eq!(leases(&db).await, 0, "nothing is held by nodes that left");
}

async fn leases(db: &TestDatabase) -> i64 {
    let mut tx = db.system().control().await.expect("the control plane answers");
    sqlx::query_scalar("select count(*) from control.quota_leases")
        .fetch_one(tx.conn())
        .await
        .expect("a number")
}

/// Alone it leases nothing; when another comes, what it has not written yet is counted; alone again it has all.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_comes_and_goes() {
    let db = TestDatabase::new().await;
    let tenant = limited(&db, BuiltIn::ApiCalls, 100, Period::Daily).await;
    let first = metering(&db, None).await;
    assert!(!first.shares_quotas());
    let known = meter(&first, tenant).await;
    for _ in 0..40 {
        assert!(
            first
                .admit_shared(&known, &Visitor::default())
                .await
                .refusal
                .is_none()
        );
    }
    assert_eq!(leases(&db).await, 0);
    let other = db.another_node().await;
    let second = metering(&other, None).await;
    assert!(second.shares_quotas());
    first.appear().await.expect("the database answers");
    // Its 40 are not written; from now on it leases, and with them the others know.
    assert!(
        first
            .admit_shared(&known, &Visitor::default())
            .await
            .refusal
            .is_none()
    );
    assert_eq!(exhaust(second.clone(), tenant, 3).await, 59);
    first.flush().await.expect("written");
    let refused = first.admit_shared(&known, &Visitor::default()).await.refusal;
    assert!(
        matches!(&refused, Some(Refusal::Quota(check)) if check.current >= 41),
        "{refused:?}"
    );
    // An orderly end writes and gives back.
    let stop = CancellationToken::new();
    stop.cancel();
    second.run(stop).await;
    first.appear().await.expect("the database answers");
    assert!(!first.shares_quotas());
    eventually("the refusal to be over", async || {
        let refused = first.admit_shared(&known, &Visitor::default()).await.refusal;
        matches!(&refused, Some(Refusal::Quota(check)) if check.current == 100)
    })
    .await;
}

/// What is not known before it is over is held within a lease as well: it ends when that is used up.
#[tokio::test(flavor = "multi_thread")]
async fn bandwidth_is_leased_too() {
    let db = TestDatabase::new().await;
    let tenant = limited(&db, BuiltIn::Bandwidth, 100_000, Period::Monthly).await;
    let other = db.another_node().await;
    let nodes = [metering(&db, None).await, metering(&other, None).await];
    nodes[0].appear().await.expect("the database answers");
    let mut served = 0_u64;
    for round in 0..400 {
        let node = &nodes[round % 2];
        let meter = meter(node, tenant).await;
        if node
            .admit_shared(&meter, &Visitor::default())
            .await
            .refusal
            .is_none()
        {
            node.settle(
                &meter,
                &crate::counters::Outcome {
                    status: 200,
                    bytes: 1000,
                    latency: PATIENT,
                    person: None,
                },
            );
            served += 1000;
        }
        node.flush().await.expect("written");
        node.renew_leases().await;
        db.clock().advance_micros(100_000);
        other.clock().advance_micros(100_000);
    }
    assert!((99_000..=102_000).contains(&served), "{served}");
}
