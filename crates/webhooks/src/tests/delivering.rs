use std::time::Duration;

use futures_util::future::join_all;
use isolation::Tx as _;
use tokio::time::Instant;

use super::receiver::{Receiver, Says};
use super::{Bench, alert};
use crate::deliveries::{self, DeliveryError, DeliveryStatus};
use crate::dispatch::ATTEMPTS;
use crate::endpoints::{self, Overlap, PatchEndpoint, Reason, Status};
use crate::{EventType, publish};

#[tokio::test]
async fn what_happened_is_told_signed_to_whoever_listens() {
    let bench = Bench::new().await;
    let (ctx, stranger) = (bench.tenant().await, bench.tenant().await);
    let (mine, theirs, platform) = (
        Receiver::start().await,
        Receiver::start().await,
        Receiver::start().await,
    );
    let (endpoint, secret) = bench.endpoint(Some(ctx.tenant_id()), &mine.url).await;
    bench.endpoint(Some(stranger.tenant_id()), &theirs.url).await;
    let (_, of_platform) = bench.endpoint(None, &platform.url).await;
    bench.happens(&ctx, 1).await;
    let mut undone = ctx.control().await.expect("a transaction");
    publish(&mut undone, &alert(ctx.tenant_id(), 2))
        .await
        .expect("published");
    drop(undone);
    bench.settle().await;

    assert_eq!((mine.numbers(), platform.numbers()), (vec![1], vec![1]));
    assert_eq!(theirs.got().len(), 0);
    let got = &mine.got()[0];
    assert_eq!(got.signatures_by(secret.expose()), 1);
    assert_eq!(got.signatures_by(of_platform.expose()), 0);
    assert_eq!(platform.got()[0].signatures_by(of_platform.expose()), 1);
    assert_eq!(got.header("content-type"), "application/json");
    let body = got.json();
    assert_eq!(body["type"], "usage.alert");
    assert_eq!(body["tenantId"], ctx.tenant_id().to_string());
    let delivery = &bench.deliveries(&endpoint).await[0];
    assert_eq!(got.header("webhook-id"), delivery.event_id.to_string());
    assert_eq!(platform.got()[0].header("webhook-id"), got.header("webhook-id"));
    assert_eq!(delivery.status, DeliveryStatus::Delivered);
    assert_eq!((delivery.attempts, delivery.history[0].status), (1, Some(204)));
}

#[tokio::test]
async fn an_endpoint_hears_only_of_its_types_and_only_while_it_is_active() {
    let bench = Bench::new().await;
    let ctx = bench.tenant().await;
    let (owner, receiver) = (Some(ctx.tenant_id()), Receiver::start().await);
    let (endpoint, _) = bench.endpoint(owner, &receiver.url).await;
    let change = async |patch| {
        let mut tx = ctx.control().await.expect("a transaction");
        endpoints::update(&mut tx, &bench.webhooks, owner, endpoint.id, None, patch)
            .await
            .expect("changed");
        tx.commit().await.expect("committed");
    };
    change(PatchEndpoint {
        event_types: Some(vec![EventType::EndpointDisabled]),
        ..PatchEndpoint::default()
    })
    .await;
    bench.happens(&ctx, 1).await;
    bench.settle().await;
    change(PatchEndpoint {
        event_types: Some(Vec::new()),
        status: Some(Status::Disabled),
        ..PatchEndpoint::default()
    })
    .await;
    bench.happens(&ctx, 2).await;
    bench.settle().await;
    let mut tx = ctx.control().await.expect("a transaction");
    let tried = deliveries::test(&mut tx, owner, endpoint.id).await;
    assert!(matches!(tried, Err(DeliveryError::Disabled)), "{tried:?}");
    drop(tx);
    change(PatchEndpoint {
        status: Some(Status::Active),
        ..PatchEndpoint::default()
    })
    .await;
    bench.happens(&ctx, 3).await;
    bench.settle().await;
    assert_eq!(receiver.numbers(), [3]);
}

#[tokio::test]
async fn what_fails_is_repeated_later_and_later_under_the_same_identifier() {
    let bench = Bench::new().await;
    let ctx = bench.tenant().await;
    let (owner, receiver) = (Some(ctx.tenant_id()), Receiver::start().await);
    let (endpoint, _) = bench.endpoint(owner, &receiver.url).await;
    for says in [
        Says::Status(500),
        Says::Redirect,
        Says::Nothing,
        Says::Status(400),
    ] {
        receiver.says_once(says);
    }
    bench.happens(&ctx, 1).await;
    bench.settle().await;
    for (attempts, pause) in [(1, 5), (2, 5 * 60), (3, 30 * 60), (4, 2 * 3600)] {
        assert_eq!(receiver.got().len(), attempts);
        bench.later(Duration::from_secs(pause - 2));
        bench.settle().await;
        assert_eq!(receiver.got().len(), attempts, "not before {pause} s");
        // With the jitter, and the time that this test takes.
        bench.later(Duration::from_secs(pause / 10 + 3));
        bench.settle().await;
    }
    let got = receiver.got();
    assert_eq!(got.len(), 5);
    assert!(
        got.iter()
            .all(|one| one.header("webhook-id") == got[0].header("webhook-id"))
    );
    assert_ne!(
        got[0].header("webhook-timestamp"),
        got[4].header("webhook-timestamp")
    );
    let delivery = &bench.deliveries(&endpoint).await[0];
    assert_eq!(
        (delivery.status, delivery.attempts),
        (DeliveryStatus::Delivered, 5)
    );
    let statuses: Vec<_> = delivery.history.iter().map(|attempt| attempt.status).collect();
    assert_eq!(statuses, [Some(500), Some(302), None, Some(400), Some(204)]);
    assert_eq!(delivery.history[2].error.as_deref(), Some("no answer in time"));
    assert_eq!(delivery.history[0].response.as_deref(), Some("what he says  "));
    let recovered = bench.endpoint_now(owner, endpoint.id).await;
    assert_eq!(recovered.failing_since, None);
}

#[tokio::test]
async fn whoever_asks_to_be_left_alone_is() {
    let bench = Bench::new().await;
    let ctx = bench.tenant().await;
    let receiver = Receiver::start().await;
    bench.endpoint(Some(ctx.tenant_id()), &receiver.url).await;
    receiver.says_once(Says::RetryAfter(3600));
    bench.happens(&ctx, 1).await;
    bench.settle().await;
    bench.happens(&ctx, 2).await;
    bench.later(Duration::from_secs(3500));
    bench.settle().await;
    assert_eq!(receiver.numbers(), [1], "nothing, whatever happens");
    bench.later(Duration::from_secs(110));
    bench.settle().await;
    let mut numbers = receiver.numbers();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 1, 2]);
}

#[tokio::test]
async fn an_endpoint_that_nothing_gets_through_to_for_days_is_disabled_and_everything_can_be_replayed() {
    let bench = Bench::new().await;
    let ctx = bench.tenant().await;
    let (owner, receiver) = (Some(ctx.tenant_id()), Receiver::start().await);
    let (endpoint, _) = bench.endpoint(owner, &receiver.url).await;
    receiver.says(Says::Status(503));
    bench.happens(&ctx, 1).await;
    bench.settle().await;
    let mut days = 0;
    while bench.endpoint_now(owner, endpoint.id).await.status == Status::Active {
        assert!(days < 12, "ten attempts, a day apart at most");
        bench.later(Duration::from_hours(27));
        bench.happens(&ctx, 2 + days).await;
        bench.settle().await;
        days += 1;
    }
    let disabled = bench.endpoint_now(owner, endpoint.id).await;
    assert_eq!(disabled.disabled_reason, Some(Reason::Failing));
    let first = bench.deliveries(&endpoint).await.pop().expect("the first");
    assert_eq!(usize::try_from(first.attempts), Ok(ATTEMPTS));
    let kinds: Vec<_> = bench.db.audit(ctx.tenant_id()).await;
    assert!(
        kinds
            .iter()
            .any(|event| event.event_type == "config.webhook_disabled")
    );
    let waiting = bench.deliveries(&endpoint).await;
    assert!(
        waiting
            .iter()
            .all(|delivery| delivery.status == DeliveryStatus::Failed)
    );

    receiver.says(Says::Status(200));
    let before = receiver.got().len();
    let mut tx = ctx.control().await.expect("a transaction");
    let refused = deliveries::replay_failed(&mut tx, owner, endpoint.id, first.created_at).await;
    assert!(matches!(refused, Err(DeliveryError::Disabled)), "{refused:?}");
    let active = PatchEndpoint {
        status: Some(Status::Active),
        ..PatchEndpoint::default()
    };
    endpoints::update(&mut tx, &bench.webhooks, owner, endpoint.id, None, active)
        .await
        .expect("changed");
    let replayed = deliveries::replay_failed(&mut tx, owner, endpoint.id, waiting[1].created_at)
        .await
        .expect("replayed");
    tx.commit().await.expect("committed");
    assert_eq!(replayed, 2, "the two newest");
    bench.settle().await;
    assert_eq!(receiver.got().len(), before + 2);
    let again = bench.deliveries(&endpoint).await;
    assert_eq!(again[0].status, DeliveryStatus::Delivered);
    assert_eq!(again[0].history.last().expect("an attempt").number, 1);

    let mut tx = ctx.control().await.expect("a transaction");
    deliveries::replay(&mut tx, owner, endpoint.id, again[0].id)
        .await
        .expect("replayed");
    tx.commit().await.expect("committed");
    bench.settle().await;
    assert_eq!(receiver.got().len(), before + 3, "a delivered one too");
}

#[tokio::test]
async fn one_that_is_gone_is_disabled_at_once_and_told() {
    let bench = Bench::new().await;
    let ctx = bench.tenant().await;
    let (owner, receiver, other) = (
        Some(ctx.tenant_id()),
        Receiver::start().await,
        Receiver::start().await,
    );
    let (gone, _) = bench.endpoint(owner, &receiver.url).await;
    bench.endpoint(owner, &other.url).await;
    receiver.says(Says::Status(410));
    bench.happens(&ctx, 1).await;
    bench.settle().await;
    let gone = bench.endpoint_now(owner, gone.id).await;
    assert_eq!(gone.disabled_reason, Some(Reason::Gone));
    let told = other.got();
    let last = told.last().expect("told").json();
    assert_eq!(last["type"], "webhook.disabled");
    assert_eq!(last["data"]["webhookId"], gone.id.to_string());
    let mut tx = bench.platform().await;
    let jobs: i64 = sqlx::query_scalar("select count(*) from control.jobs where kind = 'webhooks.disabled'")
        .fetch_one(tx.conn())
        .await
        .expect("jobs");
    assert_eq!(jobs, 1);
}

#[tokio::test]
async fn both_secrets_sign_until_the_overlap_ends() {
    let bench = Bench::new().await;
    let ctx = bench.tenant().await;
    let (owner, receiver) = (Some(ctx.tenant_id()), Receiver::start().await);
    let (endpoint, old) = bench.endpoint(owner, &receiver.url).await;
    let mut tx = ctx.control().await.expect("a transaction");
    let overlap = Overlap::of(Duration::from_hours(1)).expect("an overlap");
    let (rotated, new) = endpoints::rotate_secret(&mut tx, &bench.webhooks, owner, endpoint.id, overlap)
        .await
        .expect("rotated");
    tx.commit().await.expect("committed");
    assert!(rotated.former_secret_until.is_some());
    for (number, by_old) in [(1, 1), (2, 0)] {
        bench.happens(&ctx, number).await;
        bench.settle().await;
        let got = receiver.got().pop().expect("one");
        assert_eq!(got.signatures_by(new.expose()), 1);
        assert_eq!(got.signatures_by(old.expose()), by_old);
        bench.later(Duration::from_hours(1));
    }
    let mut tx = bench.platform().await;
    let everything: String = sqlx::query_scalar(
        "select string_agg(t, '') from (select e::text t from control.webhook_endpoints e
         union all select a::text from control.audit_events a) rows",
    )
    .fetch_one(tx.conn())
    .await
    .expect("rows");
    for secret in [old, new] {
        assert!(!everything.contains(secret.expose().trim_start_matches("whsec_")));
    }
}

/// An owner with many dead endpoints and a hundred events waiting for each does not delay anybody else.
#[tokio::test]
async fn whoever_is_slow_delays_himself_only() {
    let bench = Bench::new().await;
    let (slow, quick) = (bench.tenant().await, bench.tenant().await);
    let (tar_pit, receiver) = (Receiver::start().await, Receiver::start().await);
    tar_pit.says(Says::Nothing);
    for _ in 0..endpoints::MOST {
        bench.endpoint(Some(slow.tenant_id()), &tar_pit.url).await;
    }
    for number in 0..50 {
        bench.happens(&slow, number).await;
    }
    bench.endpoint(Some(quick.tenant_id()), &receiver.url).await;
    bench.happens(&quick, 1000).await;
    let stop = tokio_util::sync::CancellationToken::new();
    let running = tokio::spawn(
        bench
            .webhooks
            .clone()
            .run(bench.db.databases().clone(), stop.clone()),
    );
    let deadline = Instant::now() + Duration::from_secs(10);
    while receiver.got().is_empty() {
        assert!(Instant::now() < deadline, "delayed");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.cancel();
    running.await.expect("it ends");
}

#[tokio::test]
async fn several_nodes_deliver_each_event_once() {
    let bench = Bench::new().await;
    let ctx = bench.tenant().await;
    let receiver = Receiver::start().await;
    bench.endpoint(Some(ctx.tenant_id()), &receiver.url).await;
    for number in 0..40 {
        bench.happens(&ctx, number).await;
    }
    let other = Bench::over(bench.db.another_node().await);
    let nodes = [&bench, &other, &bench, &other];
    join_all(nodes.map(Bench::settle)).await;
    bench.settle().await;
    let mut numbers = receiver.numbers();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..40).collect::<Vec<_>>());
}
