use std::sync::Arc;
use std::time::Duration;

use isolation::{IsolationStrategy, TenantCtx, Tx};
use kernel::{TenantId, Timestamp};
use sqlx::Executor;
use tenants::directory::Directory;
use tenants::plans::Limit;
use testkit::TestDatabase;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::*;
use crate::events::{Reading, ingest};
use crate::metrics::BuiltIn;
use crate::periods::Period;
use crate::quotas::{Mode, Quota, Status};
use crate::rate_limits::Rate;

fn metering(db: &TestDatabase, settings: Settings) -> Metering {
    let directory = Directory::new(db.databases().clone(), 100);
    Metering::new(db.databases().clone(), directory, settings)
}

async fn tenant(db: &TestDatabase) -> TenantCtx {
    db.tenant(IsolationStrategy::SharedDatabase).await
}

async fn meter(metering: &Metering, tenant: TenantId) -> Arc<Meter> {
    metering
        .meter(tenant)
        .await
        .expect("the database answers")
        .expect("there is the tenant")
}

async fn limit(db: &TestDatabase, tenant: TenantId, metric: BuiltIn, limit: i64, period: Period) {
    let mut tx = db.system().control().await.expect("the control plane answers");
    let quota = Quota {
        metric: metric.into(),
        limit: Limit::new(limit).expect("a limit"),
        period,
        soft_limit: None,
        mode: Mode::Hard,
    };
    crate::quotas::set(&mut tx, tenant, &quota, None)
        .await
        .expect("set");
    tx.commit().await.expect("committed");
}

fn outcome(bytes: u64, person: Option<Uuid>) -> Outcome {
    Outcome {
        status: 200,
        bytes,
        latency: Duration::from_millis(3),
        person,
    }
}

async fn one<T>(db: &TestDatabase, query: &'static str, tenant: TenantId) -> T
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
{
    let mut tx = db.system().control().await.expect("the control plane answers");
    sqlx::query_scalar(query)
        .bind(tenant)
        .fetch_one(tx.conn())
        .await
        .expect("one row")
}

const CALLS: &str = "select coalesce(sum(sum), 0)::bigint from control.usage_days where tenant_id = $1 and metric = 'api_calls'";

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_counted_and_written_once() {
    let db = TestDatabase::new().await;
    let tenant = tenant(&db).await.tenant_id();
    let metering = metering(&db, Settings::default());
    let meter = meter(&metering, tenant).await;
    let people: Vec<Uuid> = (0..5)
        .map(|_| Uuid::from_bytes(db.databases().seams().random()))
        .collect();
    for round in 0..100 {
        assert!(metering.admit(&meter, &Visitor::default()).refusal.is_none());
        metering.settle(&meter, &outcome(1000, Some(people[round % 5])));
        if round % 30 == 0 {
            metering.flush().await.expect("written");
        }
    }
    metering.flush().await.expect("written");
    metering.flush().await.expect("written");
    let sums =
        "select string_agg(metric || ' ' || count || ' ' || sum || ' ' || uniques, ', ' order by metric)
                from control.usage_months where tenant_id = $1";
    let shown: String = one(&db, sums, tenant).await;
    let wanted = "active_users 0 0 5, api_calls 100 100 0, bandwidth 100 100000 0, requests 100 100 0";
    assert_eq!(shown, wanted);
    let performance = "select statuses[2] + (select sum(n) from unnest(latencies) n)::bigint * 1000 from control.usage_performance where tenant_id = $1";
    assert_eq!(one::<i64>(&db, performance, tenant).await, 100_100);
    assert_eq!(
        metering
            .usage(&meter, BuiltIn::ApiCalls)
            .map(|check| check.current),
        Some(100)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_flush_keeps_what_it_had_and_an_unanswered_commit_is_not_repeated() {
    let db = TestDatabase::new().await;
    let tenant = tenant(&db).await.tenant_id();
    let metering = metering(&db, Settings::default());
    let meter = meter(&metering, tenant).await;
    metering.admit(&meter, &Visitor::default());
    metering.flush().await.expect("written");
    // Nothing can be written while the table is away.
    let mut admin = db.superuser().await;
    admin
        .execute("alter table control.usage_months rename to away")
        .await
        .expect("renamed");
    metering.admit(&meter, &Visitor::default());
    assert!(metering.flush().await.is_err());
    metering.admit(&meter, &Visitor::default());
    assert!(metering.flush().await.is_err());
    admin
        .execute("alter table control.away rename to usage_months")
        .await
        .expect("renamed");
    metering.flush().await.expect("written");
    assert_eq!(one::<i64>(&db, CALLS, tenant).await, 3);
    // As if the answer to a commit had been lost: the number is there already, so the batch is not written again.
    metering.admit(&meter, &Visitor::default());
    admin
        .execute("update control.usage_flushes set sequence = sequence + 1")
        .await
        .expect("updated");
    metering.flush().await.expect("known to be written");
    metering.admit(&meter, &Visitor::default());
    metering.flush().await.expect("written");
    assert_eq!(one::<i64>(&db, CALLS, tenant).await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_where_the_last_process_stopped() {
    let db = TestDatabase::new().await;
    let tenant = tenant(&db).await.tenant_id();
    limit(&db, tenant, BuiltIn::ApiCalls, 10, Period::Daily).await;
    let first = metering(&db, Settings::default());
    let stop = CancellationToken::new();
    let running = tokio::spawn(first.clone().run(stop.clone()));
    let one = meter(&first, tenant).await;
    for _ in 0..7 {
        assert!(first.admit(&one, &Visitor::default()).refusal.is_none());
    }
    stop.cancel();
    running.await.expect("an orderly end");
    let node = db.another_node().await;
    let second = metering(&node, Settings::default());
    let other = meter(&second, tenant).await;
    for _ in 0..3 {
        assert!(second.admit(&other, &Visitor::default()).refusal.is_none());
    }
    let refused = second.admit(&other, &Visitor::default());
    let Some(Refusal::Quota(check)) = refused.refusal else {
        panic!("{refused:?}")
    };
    assert_eq!(
        (check.current, check.status, check.quota.metric.as_str()),
        (10, Status::Exceeded, "api_calls")
    );
    assert!(check.reset_at.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_day_ends_while_requests_come() {
    let db = TestDatabase::new().await;
    let tenant = tenant(&db).await.tenant_id();
    limit(&db, tenant, BuiltIn::ApiCalls, 5, Period::Daily).await;
    let metering = metering(&db, Settings::default());
    let meter = meter(&metering, tenant).await;
    for day in 0..3 {
        for call in 0..7 {
            let admission = metering.admit(&meter, &Visitor::default());
            assert_eq!(admission.refusal.is_none(), call < 5, "day {day}, call {call}");
        }
        // Not flushed before the day is over: the counts must still go to the day that they are of.
        db.clock().advance_seconds(24 * 3600);
    }
    metering.flush().await.expect("written");
    let days = "select string_agg(sum::text, ',' order by starts_at) from control.usage_days where tenant_id = $1 and metric = 'api_calls'";
    assert_eq!(one::<String>(&db, days, tenant).await, "5,5,5");
}

#[tokio::test(flavor = "multi_thread")]
async fn quotas_change_under_way() {
    let db = TestDatabase::new().await;
    let tenant = tenant(&db).await.tenant_id();
    let metering = metering(&db, Settings::default());
    let known = meter(&metering, tenant).await;
    let calls = || metering.admit(&known, &Visitor::default());
    assert!((0..20).all(|_| calls().refusal.is_none()));
    limit(&db, tenant, BuiltIn::ApiCalls, 22, Period::Daily).await;
    limit(&db, tenant, BuiltIn::ApiCalls, 21, Period::Monthly).await;
    metering.refresh(tenant);
    assert!(metering.ready(tenant).is_none());
    metering.flush().await.expect("written");
    meter(&metering, tenant).await;
    let standing = calls().calls.expect("limited");
    // The month was not limited before, so its use comes from the database; the nearer of the two is told.
    assert_eq!((standing.used, standing.remaining()), (21, Some(0)));
    assert!(calls().refusal.is_some());
    // The daily quota got back what the monthly one refused.
    let checks = known.checks(db.databases().seams().now());
    let used: Vec<u64> = checks
        .iter()
        .filter(|check| check.quota.metric == BuiltIn::ApiCalls.into())
        .map(|check| check.current)
        .collect();
    assert_eq!(used, [21, 21]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_callers_on_one_limit() {
    let db = TestDatabase::new().await;
    let tenant = tenant(&db).await.tenant_id();
    limit(&db, tenant, BuiltIn::ApiCalls, 1000, Period::Daily).await;
    let metering = metering(&db, Settings::default());
    let meter = meter(&metering, tenant).await;
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let (metering, meter) = (metering.clone(), Arc::clone(&meter));
            tokio::spawn(async move {
                (0..200)
                    .filter(|_| metering.admit(&meter, &Visitor::default()).refusal.is_none())
                    .count()
            })
        })
        .collect();
    let flusher = metering.clone();
    let writing = tokio::spawn(async move {
        for _ in 0..10 {
            flusher.flush().await.expect("written");
        }
    });
    let mut passed = 0;
    for caller in callers {
        passed += caller.await.expect("no panic");
    }
    writing.await.expect("no panic");
    metering.flush().await.expect("written");
    assert_eq!(passed, 1000);
    assert_eq!(one::<i64>(&db, CALLS, tenant).await, 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn reservations_and_levels() {
    let db = TestDatabase::new().await;
    let tenant = tenant(&db).await.tenant_id();
    limit(&db, tenant, BuiltIn::Storage, 1000, Period::Total).await;
    let metering = metering(&db, Settings::default());
    let meter = meter(&metering, tenant).await;
    let upload = metering
        .reserve(&meter, BuiltIn::Storage, 800)
        .expect("there is room");
    assert!(metering.reserve(&meter, BuiltIn::Storage, 300).is_err());
    upload.commit(500);
    metering
        .reserve(&meter, BuiltIn::Storage, 300)
        .expect("there is room")
        .release();
    metering.decrement(&meter, BuiltIn::Storage, 100);
    metering.track(&meter, BuiltIn::Storage, 50);
    assert!(metering.can_perform(&meter, BuiltIn::Storage, 550).is_ok());
    assert!(metering.can_perform(&meter, BuiltIn::Storage, 551).is_err());
    metering.flush().await.expect("written");
    let level = "select last::bigint from control.usage_hours where tenant_id = $1 and metric = 'storage'";
    assert_eq!(one::<i64>(&db, level, tenant).await, 450);
    metering.set(&meter, BuiltIn::Storage, 7);
    metering.flush().await.expect("written");
    assert_eq!(one::<i64>(&db, level, tenant).await, 7);
    let again = self::meter(&self::metering(&db, Settings::default()), tenant).await;
    assert_eq!(
        metering
            .usage(&again, BuiltIn::Storage)
            .map(|check| check.current),
        Some(7)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn too_fast_is_refused_before_it_counts() {
    let db = TestDatabase::new().await;
    let tenant = tenant(&db).await.tenant_id();
    let settings = Settings {
        address: Rate::new(1, 3),
        key: Rate::new(1, 5),
        ..Settings::default()
    };
    let metering = metering(&db, settings);
    let meter = meter(&metering, tenant).await;
    let from = |address: &str| Visitor {
        address: Some(address.parse().expect("an address")),
        key: Some(Uuid::nil()),
    };
    for remaining in [2, 1, 0] {
        let admission = metering.admit(&meter, &from("2001:db8::1"));
        assert_eq!(
            (admission.pace.passage.limit, admission.pace.passage.remaining),
            (3, remaining)
        );
    }
    // Another address of the same network.
    let refused = metering.admit(&meter, &from("2001:db8::2"));
    assert!(
        matches!(refused.refusal, Some(Refusal::TooFast(pace)) if pace.passage.retry_after_seconds() == 1)
    );
    assert!(metering.admit(&meter, &from("192.0.2.1")).refusal.is_none());
    assert!(
        metering
            .admit(&meter, &from("::ffff:192.0.2.1"))
            .refusal
            .is_none()
    );
    // The key has used its five.
    assert!(metering.admit(&meter, &from("192.0.2.2")).refusal.is_some());
    assert_eq!(
        metering
            .usage(&meter, BuiltIn::ApiCalls)
            .map(|check| check.current),
        Some(5)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn events_reach_the_quotas_and_the_idle_are_forgotten() {
    let db = TestDatabase::new().await;
    let ctx = tenant(&db).await;
    let tenant = ctx.tenant_id();
    limit(&db, tenant, BuiltIn::ComputeTime, 10, Period::Monthly).await;
    let metering = metering(
        &db,
        Settings {
            forget_after: Duration::from_mins(1),
            ..Settings::default()
        },
    );
    metering.flush().await.expect("partitions are made");
    let known = meter(&metering, tenant).await;
    for number in 0..4 {
        let event = format!(
            r#"{{"specversion":"1.0","id":"{number}","source":"s","type":"compute_time","data":{{"value":0.75}}}}"#
        );
        let mut tx = ctx.control().await.expect("the control plane answers");
        let batch = Reading::of(event.as_bytes()).expect("a batch");
        let ingested = ingest(&mut tx, &crate::events::Filters::default(), tenant, batch)
            .await
            .expect("ingested");
        tx.commit().await.expect("committed");
        metering.observe(&ingested.counted);
    }
    assert_eq!(
        metering
            .usage(&known, BuiltIn::ComputeTime)
            .map(|check| check.current),
        Some(3)
    );
    metering.admit(&known, &Visitor::default());
    db.clock().advance_seconds(120);
    metering.forget_idle();
    assert_eq!(metering.loaded(), 1, "it is in use and not written");
    drop(known);
    metering.forget_idle();
    assert_eq!(metering.loaded(), 1, "it is not written");
    metering.flush().await.expect("written");
    metering.forget_idle();
    assert_eq!(metering.loaded(), 0);
    let again = meter(&metering, tenant).await;
    assert_eq!(
        metering
            .usage(&again, BuiltIn::ComputeTime)
            .map(|check| check.current),
        Some(3)
    );
    assert_eq!(
        metering
            .usage(&again, BuiltIn::ApiCalls)
            .map(|check| check.current),
        Some(1)
    );
}

/// Under load every tenant has something to be written again as soon as it was written.
#[tokio::test(flavor = "multi_thread")]
async fn a_busy_tenant_is_written_once_a_turn() {
    let db = TestDatabase::new().await;
    let tenant = tenant(&db).await.tenant_id();
    let metering = metering(&db, Settings::default());
    let meter = meter(&metering, tenant).await;
    let stop = CancellationToken::new();
    let busy = std::thread::spawn({
        let (metering, meter, stop) = (metering.clone(), Arc::clone(&meter), stop.clone());
        move || {
            while !stop.is_cancelled() {
                metering.admit(&meter, &Visitor::default());
            }
        }
    });
    let turns = async || {
        let mut tx = db.system().control().await.expect("the control plane answers");
        sqlx::query_scalar::<_, i64>("select coalesce(max(sequence), 0) from control.usage_flushes")
            .fetch_one(tx.conn())
            .await
            .expect("a number")
    };
    for _ in 0..5 {
        metering.flush().await.expect("written");
    }
    let took = turns().await;
    stop.cancel();
    busy.join().expect("it ends");
    assert!((1..=5).contains(&took), "{took} transactions");
    metering.flush().await.expect("written");
    let called = metering
        .usage(&meter, BuiltIn::ApiCalls)
        .map(|check| check.current);
    let written: i64 = one(&db, CALLS, tenant).await;
    assert_eq!(called, u64::try_from(written).ok());
}

/// With the quotas of a plan, nothing waiting to be written, and a few people known.
#[test]
fn a_meter_is_small() {
    let size = std::mem::size_of::<Meter>() + 5 * std::mem::size_of::<crate::quotas::Gauge>();
    assert!(size <= 700, "{size} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_are_made_and_dropped_after_any_downtime() {
    let db = TestDatabase::new().await;
    let tenant = tenant(&db).await.tenant_id();
    let metering = metering(&db, Settings::default());
    let meter = meter(&metering, tenant).await;
    metering.admit(&meter, &Visitor::default());
    metering.flush().await.expect("written");
    db.clock().advance_seconds(3_000_000_000);
    let far: Timestamp = db.databases().seams().now();
    assert!(far.as_micros() > 4_000_000_000_000_000, "decades later");
    metering.admit(&meter, &Visitor::default());
    metering.flush().await.expect("written");
    assert_eq!(one::<i64>(&db, CALLS, tenant).await, 2);
    let dropped = crate::rollups::drop_expired(&db.system(), crate::rollups::Retention::default())
        .await
        .expect("dropped");
    assert!(dropped >= 8, "{dropped}");
    assert_eq!(one::<i64>(&db, CALLS, tenant).await, 1);
    let months =
        "select sum(sum)::bigint from control.usage_months where tenant_id = $1 and metric = 'api_calls'";
    assert_eq!(one::<i64>(&db, months, tenant).await, 2);
}
