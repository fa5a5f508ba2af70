//! Several nodes on one database: rate limits and quotas hold for all of them together, and Redis may come and go.

use std::cell::Cell;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use testkit::RedisServer;
use tokio::time::Instant;

use crate::support::{App, Client, Installation, eventually};

const PATH: &str = "/api/tenant";

struct Nodes {
    first: App,
    second: App,
}

impl Nodes {
    async fn start(settings: &[(&str, &str)], redis: Option<&RedisServer>) -> Self {
        let installation = Installation::new().await;
        let node = || {
            let start = settings
                .iter()
                .fold(App::with(), |start, (key, value)| start.setting(key, value));
            match redis {
                Some(redis) => start.variable("REDIS_URL", redis.url()),
                None => start,
            }
        };
        let first = node().start_on(installation.clone()).await;
        let second = node().start_on(installation).await;
        Self { first, second }
    }

    /// A fresh tenant on this plan, at both nodes.
    async fn tenant(&self, slug: &str, plan: &str) -> [Client; 2] {
        let body = json!({
            "name": slug, "slug": slug, "plan": plan, "isolationStrategy": "shared_database",
            "owner": {"email": format!("owner@{slug}.example.com"), "name": "Olga Owner"},
        });
        let made = self
            .first
            .admin()
            .post("/admin/provision", &body)
            .await
            .expect(201);
        let key = self.first.tenant_key(&made.text("/tenantId"), &["*"]).await;
        [&self.first, &self.second].map(|node| node.nobody().with_key(&key))
    }

    /// Waits until both say so of Redis.
    async fn both_say(&self, state: &str) {
        for node in [&self.first, &self.second] {
            eventually("the nodes to notice", async || {
                let ready = node.nobody().get("/health/ready").await.expect(200);
                (ready.json()["redis"] == state).then_some(())
            })
            .await;
        }
    }

    async fn finish(self) {
        self.second.stop().await;
        self.first.finish().await;
    }
}

/// Asks both nodes in turn until one of them refuses; how many were let through, and the seconds that it took.
async fn until_refused(tenant: &[Client; 2]) -> (u32, f64) {
    let started = Instant::now();
    for asked in 0.. {
        let reply = tenant[asked % 2].get(PATH).await;
        if reply.status == 429 {
            assert!(
                reply
                    .header("retry-after")
                    .parse::<u64>()
                    .is_ok_and(|seconds| seconds >= 1)
            );
            reply.refused(429, "rate_limited");
            return (
                u32::try_from(asked).expect("few"),
                started.elapsed().as_secs_f64(),
            );
        }
        reply.expect(200);
    }
    unreachable!("it would have to answer for ever")
}

/// While Redis is killed, halted and started again under load nothing fails; and whenever it is there, the nodes let pass
/// together what one would.
#[tokio::test]
async fn redis_comes_and_goes_under_load() {
    let Some(mut redis) = RedisServer::start().await else {
        return;
    };
    let settings = [
        ("rate_limits.enterprise", "1/s burst 30"),
        ("redis.patience", "250ms"),
    ];
    let nodes = Nodes::start(&settings, Some(&redis)).await;
    let (load, limited) = (
        nodes.tenant("load", "pro").await,
        nodes.tenant("limited", "enterprise").await,
    );
    let (over, served) = (Cell::new(false), Cell::new(0_u32));
    let callers = (0..4).map(async |caller: usize| {
        while !over.get() {
            load[caller % 2].get(PATH).await.expect(200);
            served.set(served.get() + 1);
            // Twice the load would be above the rate of the plan.
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    });
    let events = async {
        nodes.both_say("ok").await;
        let (passed, seconds) = until_refused(&limited).await;
        assert!(
            passed >= 30 && f64::from(passed) <= 30.0 + seconds + 1.0,
            "{passed} in {seconds} s"
        );
        redis.kill();
        nodes.both_say("away").await;
        // Each for itself now: what the other let pass does not count.
        let (alone, _) = until_refused(&limited).await;
        assert!(alone >= 20, "{alone}");
        redis.restart().await;
        nodes.both_say("ok").await;
        let before = served.get();
        redis.halt();
        nodes.both_say("away").await;
        eventually("the load to go on", async || {
            (served.get() > before + 50).then_some(())
        })
        .await;
        redis.go_on();
        nodes.both_say("ok").await;
        let another = nodes.tenant("another", "enterprise").await;
        let (passed, seconds) = until_refused(&another).await;
        assert!(
            passed >= 30 && f64::from(passed) <= 30.0 + seconds + 1.0,
            "{passed} in {seconds} s"
        );
        over.set(true);
    };
    futures_util::future::join(join_all(callers), events).await;
    nodes.finish().await;
}

/// Who guesses at two nodes guesses no faster than at one.
#[tokio::test]
async fn an_address_is_held_back_by_all_nodes_together() {
    let Some(redis) = RedisServer::start().await else {
        return;
    };
    let settings = [
        ("security.trusted_header_networks", "192.0.2.0/24"),
        ("rate_limits.address", "1/s burst 30"),
        ("redis.patience", "250ms"),
    ];
    let nodes = Nodes::start(&settings, Some(&redis)).await;
    nodes.both_say("ok").await;
    let strangers = [&nodes.first, &nodes.second].map(|node| Client::from_address(&node.url, "127.0.0.78"));
    let started = Instant::now();
    let mut passed = 0_u32;
    for asked in 0.. {
        let reply = strangers[asked % 2].get(PATH).await;
        if reply.status == 429 {
            reply.refused(429, "rate_limited");
            break;
        }
        reply.expect(401);
        passed += 1;
    }
    let seconds = started.elapsed().as_secs_f64();
    assert!(
        passed >= 30 && f64::from(passed) <= 30.0 + seconds + 1.0,
        "{passed} in {seconds} s"
    );
    nodes.finish().await;
}

/// Callers at two nodes who want more than a day's calls get all of them, and not one more, with and without Redis.
#[tokio::test]
async fn two_nodes_use_up_one_quota() {
    let redis = RedisServer::start().await;
    for redis in [None, redis.as_ref()] {
        let settings = [("rate_limits.free", "100000/s burst 100000")];
        let nodes = Nodes::start(&settings, redis).await;
        let tenant = nodes.tenant("acme", "free").await;
        let callers = (0..6).map(async |caller: usize| {
            let (mut passed, mut refused) = (0, 0);
            // What one node has in advance comes back to the other in less than a second.
            while refused < 40 {
                let reply = tenant[caller % 2].get(PATH).await;
                if reply.status == 429 {
                    assert_eq!(reply.json()["metric"], "api_calls", "{reply:?}");
                    reply.refused(429, "quota_exceeded");
                    refused += 1;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                } else {
                    reply.expect(200);
                    (passed, refused) = (passed + 1, 0);
                }
            }
            passed
        });
        let passed: u32 = join_all(callers).await.into_iter().sum();
        assert_eq!(passed, 1000);
        nodes.finish().await;
    }
}

/// A node that is killed holds its part of a quota for ten seconds; then the others have it.
#[tokio::test]
async fn what_a_killed_node_held_is_free_again() {
    let nodes = Nodes::start(&[("rate_limits.free", "100000/s burst 100000")], None).await;
    let tenant = nodes.tenant("acme", "free").await;
    let mut connection = nodes.first.superuser().await;
    tenant[0].get(PATH).await.expect(200);
    let planted = "with dead as (insert into control.metering_nodes values (gen_random_uuid(), clock_timestamp()) returning node)
        insert into control.quota_leases
        select l.tenant_id, l.metric, l.bucket, l.starts_at, dead.node, 990, clock_timestamp() + interval '3 seconds'
        from control.quota_leases l, dead where l.metric = 'api_calls' limit 1";
    eventually("the first lease", async || {
        tenant[0].get(PATH).await.expect(200);
        let done = sqlx::query(planted)
            .execute(&mut connection)
            .await
            .expect("planted");
        (done.rows_affected() == 1).then_some(())
    })
    .await;
    let refused = eventually("what is left beside it to be used up", async || {
        let reply = tenant[1].get(PATH).await;
        (reply.status == 429).then_some(reply)
    })
    .await;
    assert!(
        refused.json()["current"]
            .as_u64()
            .is_some_and(|current| current < 20),
        "{refused:?}"
    );
    eventually("its lease to be over", async || {
        (tenant[1].get(PATH).await.status == 200).then_some(())
    })
    .await;
    nodes.finish().await;
}
