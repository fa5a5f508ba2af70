use isolation::Tx as _;
use kernel::Validate as _;
use serde_json::json;

use super::Bench;
use super::receiver::Receiver;
use crate::deliveries::{self, DeliveryError, DeliveryFilter};
use crate::endpoints::{self, EndpointError, NewEndpoint, PatchEndpoint};
use crate::event::EventType;

#[tokio::test]
async fn what_must_not_be_called_cannot_be_registered() {
    let bench = Bench::new().await;
    let ctx = bench.tenant().await;
    let owner = Some(ctx.tenant_id());
    for url in [
        "https://10.0.0.1/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest/meta-data/",
        "http://user:password@example.com/",
        "gopher://example.com/",
        "",
    ] {
        let mut tx = ctx.control().await.expect("a transaction");
        let new = NewEndpoint {
            url: url.to_owned(),
            ..NewEndpoint::default()
        };
        let made = endpoints::create(&mut tx, &bench.webhooks, owner, new).await;
        let Err(EndpointError::Invalid(errors)) = made else {
            panic!("{url}: {made:?}")
        };
        assert_eq!(errors[0].pointer, "/url");
    }
}

/// An address that is allowed when it is registered and not any more when it is called.
#[tokio::test]
async fn what_may_no_longer_be_called_is_not() {
    let bench = Bench::new().await;
    let ctx = bench.tenant().await;
    let receiver = Receiver::start().await;
    let url = receiver.url.replace("127.0.0.1", "localhost");
    let (endpoint, _) = bench.endpoint(Some(ctx.tenant_id()), &url).await;
    bench.happens(&ctx, 1).await;
    let policy = outbound::Policy {
        allow_http: true,
        ..outbound::Policy::default()
    };
    let strict = crate::Webhooks::new(bench.db.databases().master(), policy, outbound::Limits::default());
    strict.settle(bench.db.databases()).await;
    assert_eq!(receiver.got().len(), 0);
    let delivery = &bench.deliveries(&endpoint).await[0];
    let error = delivery.history[0].error.as_deref().expect("an error");
    assert!(error.contains("public address"), "{error}");
}

#[tokio::test]
async fn another_owners_endpoint_is_not_there() {
    let bench = Bench::new().await;
    let (here, there) = (bench.tenant().await, bench.tenant().await);
    let receiver = Receiver::start().await;
    let owners = [Some(there.tenant_id()), None];
    for owner in owners {
        let (foreign, _) = bench.endpoint(owner, &receiver.url).await;
        for claimed in [Some(here.tenant_id()), owner] {
            let mut tx = here.control().await.expect("a transaction");
            let got = endpoints::get(&mut tx, claimed, foreign.id).await;
            assert!(matches!(got, Err(EndpointError::NotFound)), "{got:?}");
            let patch = PatchEndpoint::default();
            let changed = endpoints::update(&mut tx, &bench.webhooks, claimed, foreign.id, None, patch).await;
            assert!(matches!(changed, Err(EndpointError::NotFound)), "{changed:?}");
            let tested = deliveries::test(&mut tx, claimed, foreign.id).await;
            assert!(matches!(tested, Err(DeliveryError::NotFound)), "{tested:?}");
            let filter = DeliveryFilter::default();
            let listed = deliveries::list(&mut tx, claimed, foreign.id, filter, None, 10).await;
            assert!(matches!(listed, Err(DeliveryError::NotFound)), "{listed:?}");
            assert!(
                endpoints::list(&mut tx, claimed, None, 10)
                    .await
                    .expect("a list")
                    .is_empty()
            );
        }
    }
}

#[tokio::test]
async fn an_owner_has_so_many_and_changes_the_version_that_he_knows() {
    let bench = Bench::new().await;
    let ctx = bench.tenant().await;
    let (owner, url) = (Some(ctx.tenant_id()), "http://127.0.0.1:9999/");
    for _ in 0..endpoints::MOST {
        bench.endpoint(owner, url).await;
    }
    let mut tx = ctx.control().await.expect("a transaction");
    let new = NewEndpoint {
        url: url.to_owned(),
        ..NewEndpoint::default()
    };
    let more = endpoints::create(&mut tx, &bench.webhooks, owner, new).await;
    assert!(matches!(more, Err(EndpointError::TooMany)), "{more:?}");
    let one = endpoints::list(&mut tx, owner, None, 1)
        .await
        .expect("listed")
        .remove(0);
    let patch = || PatchEndpoint {
        description: Some("new".to_owned()),
        ..PatchEndpoint::default()
    };
    let changed = endpoints::update(&mut tx, &bench.webhooks, owner, one.id, Some(1), patch())
        .await
        .expect("changed");
    assert_eq!((changed.version, changed.description.as_str()), (2, "new"));
    let stale = endpoints::update(&mut tx, &bench.webhooks, owner, one.id, Some(1), patch()).await;
    assert!(matches!(stale, Err(EndpointError::VersionMismatch)), "{stale:?}");
    endpoints::delete(&mut tx, owner, one.id, None)
        .await
        .expect("deleted");
    let gone = endpoints::get(&mut tx, owner, one.id).await;
    assert!(matches!(gone, Err(EndpointError::NotFound)), "{gone:?}");
}

#[tokio::test]
async fn a_removed_tenant_leaves_nothing_and_old_deliveries_expire() {
    let bench = Bench::new().await;
    let (gone, stays) = (bench.tenant().await, bench.tenant().await);
    let receiver = Receiver::start().await;
    bench.endpoint(Some(gone.tenant_id()), &receiver.url).await;
    let (platform, _) = bench.endpoint(None, &receiver.url).await;
    bench.happens(&gone, 1).await;
    bench.happens(&stays, 2).await;
    bench.settle().await;
    let mut tx = bench.platform().await;
    crate::remove_all(&mut tx, gone.tenant_id())
        .await
        .expect("removed");
    tx.commit().await.expect("committed");
    assert_eq!(bench.deliveries(&platform).await.len(), 1);
    bench.db.clock().advance_seconds(31 * 86_400);
    crate::expiry::remove_expired(bench.db.system())
        .await
        .expect("removed");
    let mut tx = bench.platform().await;
    let left: i64 = sqlx::query_scalar(
        "select (select count(*) from control.webhook_events) + (select count(*) from control.webhook_deliveries)",
    )
    .fetch_one(tx.conn())
    .await
    .expect("counted");
    assert_eq!(left, 0);
}

#[test]
fn bad_fields_are_named() {
    let mut errors = Vec::new();
    NewEndpoint {
        url: String::new(),
        description: "two\nlines".to_owned(),
        event_types: vec![EventType::Test, EventType::Test],
    }
    .check(&mut errors);
    let pointers: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
    assert_eq!(pointers, ["/description", "/eventTypes"]);
    let unknown = json!({"url": "https://example.com", "eventTypes": ["nothing.known"]});
    assert!(serde_json::from_value::<NewEndpoint>(unknown).is_err());
}
