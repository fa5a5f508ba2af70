use std::time::Duration;

use isolation::Tx as _;
use kernel::{Actor, ActorKind, Grants};
use testkit::TestDatabase;
use tokio::time::Instant;

use super::{create, get, list, revoke, rotate};
use crate::fixture::{as_actor, events, grants, inside, key, new_tenant, owner, platform, wanted};
use crate::key::{KeyError, Overlap};
use crate::token;

#[tokio::test]
async fn a_tenant_makes_lists_and_revokes_its_keys() {
    let db = TestDatabase::new().await;
    let ctx = new_tenant(&db).await;
    let tenant = ctx.tenant_id();
    let mut tx = inside(&ctx).await;
    let mut made = Vec::new();
    for name in ["one", "two", "three"] {
        let new = wanted(name, &["projects:read"], None);
        made.push(create(&mut tx, tenant, Grants::all(), new).await.expect("a key"));
    }
    let (first, _) = &made[0];
    assert_eq!(get(&mut tx, tenant, first.id).await.expect("there"), *first);

    let page = list(&mut tx, tenant, None, None, 2).await.expect("a page");
    assert_eq!(
        page.iter().map(|key| &*key.name).collect::<Vec<_>>(),
        ["three", "two"]
    );
    let rest = list(&mut tx, tenant, None, Some(page[1].id), 2)
        .await
        .expect("a page");
    assert_eq!(rest, std::slice::from_ref(first));
    let found = list(&mut tx, tenant, Some(&page[1].prefix), None, 10)
        .await
        .expect("a page");
    assert_eq!(found, page[1..]);

    let revoked = revoke(&mut tx, tenant, first.id).await.expect("revoked");
    assert!(revoked.revoked_at.is_some());
    assert_eq!(revoke(&mut tx, tenant, first.id).await.expect("again"), revoked);
    assert_eq!(get(&mut tx, tenant, first.id).await.expect("there"), revoked);
    tx.commit().await.expect("committed");
    let created = "security.api_key_created";
    assert_eq!(
        events(&db, tenant).await,
        [created, created, created, "security.api_key_revoked"]
    );
}

#[tokio::test]
async fn the_key_itself_is_nowhere() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let (stored, secret) = key(&db, tenant, wanted("ci", &["*"], None)).await;
    assert_eq!(stored.prefix, secret.expose()[..12]);
    let mut tx = platform(&db).await;
    let hash: Vec<u8> = sqlx::query_scalar("select secret_hash from control.api_keys where id = $1")
        .bind(stored.id)
        .fetch_one(tx.conn())
        .await
        .expect("the row");
    assert_eq!(hash, token::hash(secret.expose()));
    let everything: String = sqlx::query_scalar(
        "select string_agg(t::text, '') from (select k::text from control.api_keys k
         union all select e::text from control.audit_events e union all select c::text from control.changes c) as t",
    )
    .fetch_one(tx.conn())
    .await
    .expect("all rows");
    assert!(everything.contains(&stored.prefix));
    assert!(!everything.contains(&secret.expose()[16..]));
}

#[tokio::test]
async fn nobody_makes_or_takes_over_a_key_that_allows_more() {
    let db = TestDatabase::new().await;
    let ctx = new_tenant(&db).await;
    let tenant = ctx.tenant_id();
    let (mighty, _) = key(&db, tenant, wanted("mighty", &["*"], None)).await;
    let held = grants(&["api_keys:*", "projects:read"]);
    let mut tx = inside(&ctx).await;
    let more = create(&mut tx, tenant, held, wanted("more", &["projects:*"], None)).await;
    assert!(matches!(more, Err(KeyError::BeyondCaller)), "{more:?}");
    let taken = rotate(&mut tx, tenant, held, mighty.id, Overlap::default()).await;
    assert!(matches!(taken, Err(KeyError::BeyondCaller)), "{taken:?}");
    assert!(
        create(&mut tx, tenant, held, wanted("same", &["projects:read"], None))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn nobody_makes_a_key_that_acts_as_somebody_else() {
    let db = TestDatabase::new().await;
    let ctx = new_tenant(&db).await;
    let tenant = ctx.tenant_id();
    let ada = owner(&db, tenant).await;
    let as_ada = || crate::api_keys::NewApiKey {
        user_id: Some(ada.id),
        ..wanted("mine", &["projects:read"], None)
    };
    let (hers, _) = key(&db, tenant, as_ada()).await;

    let machine = as_actor(&db, &ctx, Actor::new(ActorKind::ApiKey, "api_key_x"), &["*"]);
    let mut tx = inside(&machine).await;
    let made = create(&mut tx, tenant, Grants::all(), as_ada()).await;
    assert!(matches!(made, Err(KeyError::ForSomebodyElse)), "{made:?}");
    let taken = rotate(&mut tx, tenant, Grants::all(), hers.id, Overlap::default()).await;
    assert!(matches!(taken, Err(KeyError::ForSomebodyElse)), "{taken:?}");

    let herself = as_actor(&db, &ctx, Actor::new(ActorKind::User, ada.id.to_string()), &["*"]);
    let mut tx = inside(&herself).await;
    assert!(create(&mut tx, tenant, Grants::all(), as_ada()).await.is_ok());
}

#[tokio::test]
async fn another_tenants_key_is_not_there() {
    let db = TestDatabase::new().await;
    let (here, there) = (new_tenant(&db).await, new_tenant(&db).await);
    let (foreign, _) = key(&db, there.tenant_id(), wanted("theirs", &["*"], None)).await;
    for claimed in [here.tenant_id(), there.tenant_id()] {
        let mut tx = inside(&here).await;
        assert!(matches!(
            get(&mut tx, claimed, foreign.id).await,
            Err(KeyError::NotFound)
        ));
        assert!(
            list(&mut tx, claimed, None, None, 10)
                .await
                .expect("a page")
                .is_empty()
        );
        assert!(matches!(
            revoke(&mut tx, claimed, foreign.id).await,
            Err(KeyError::NotFound)
        ));
        let rotated = rotate(&mut tx, claimed, Grants::all(), foreign.id, Overlap::default()).await;
        assert!(matches!(rotated, Err(KeyError::NotFound)));
    }
    let mut tx = inside(&here).await;
    let planted = create(
        &mut tx,
        there.tenant_id(),
        Grants::all(),
        wanted("planted", &["*"], None),
    )
    .await;
    assert!(matches!(planted, Err(KeyError::Database(_))), "{planted:?}");
    let mut tx = platform(&db).await;
    let kept = get(&mut tx, there.tenant_id(), foreign.id).await.expect("there");
    assert_eq!(kept, foreign);
}

#[tokio::test]
async fn a_person_of_another_tenant_or_a_tenant_that_is_not_are_refused() {
    let db = TestDatabase::new().await;
    let (here, there) = (new_tenant(&db).await, new_tenant(&db).await);
    let stranger = owner(&db, there.tenant_id()).await;
    let mut new = wanted("ci", &["*"], None);
    new.user_id = Some(stranger.id);
    let mut tx = platform(&db).await;
    let made = create(&mut tx, here.tenant_id(), Grants::all(), new).await;
    let Err(KeyError::Invalid(errors)) = made else {
        panic!("{made:?}")
    };
    assert_eq!(errors[0].pointer, "/userId");
    let mut tx = platform(&db).await;
    let nowhere = tx.new_id();
    let made = create(&mut tx, nowhere, Grants::all(), wanted("ci", &["*"], None)).await;
    assert!(matches!(made, Err(KeyError::NotFound)), "{made:?}");
}

#[tokio::test]
async fn a_rotated_key_ends_with_the_overlap() {
    let db = TestDatabase::new().await;
    let ctx = new_tenant(&db).await;
    let tenant = ctx.tenant_id();
    let (old, old_secret) = key(&db, tenant, wanted("ci", &["projects:*"], None)).await;
    let mut tx = inside(&ctx).await;
    let before = tx.now();
    let overlap = Overlap::of(Duration::from_hours(1)).expect("short enough");
    let (new, new_secret) = rotate(&mut tx, tenant, Grants::all(), old.id, overlap)
        .await
        .expect("rotated");
    assert_ne!(old_secret, new_secret);
    assert_eq!(
        (&new.name, &new.scopes, new.expires_at),
        (&old.name, &old.scopes, None)
    );
    let old = get(&mut tx, tenant, old.id).await.expect("there");
    assert_eq!(old.replaced_by, Some(new.id));
    let end = old.expires_at.expect("it ends");
    assert!(
        end >= before.plus(Duration::from_hours(1)) && end < before.plus(Duration::from_mins(61)),
        "{end}"
    );
    let again = rotate(&mut tx, tenant, Grants::all(), old.id, overlap).await;
    assert!(matches!(again, Err(KeyError::AlreadyRotated)), "{again:?}");
    revoke(&mut tx, tenant, new.id).await.expect("revoked");
    let ended = rotate(&mut tx, tenant, Grants::all(), new.id, overlap).await;
    assert!(matches!(ended, Err(KeyError::Ended)), "{ended:?}");
}

#[tokio::test]
async fn of_two_rotations_at_once_the_second_waits_and_is_refused() {
    let db = TestDatabase::new().await;
    let ctx = new_tenant(&db).await;
    let tenant = ctx.tenant_id();
    let (old, _) = key(&db, tenant, wanted("ci", &["*"], None)).await;
    let (mut first, mut second) = (inside(&ctx).await, inside(&ctx).await);
    rotate(&mut first, tenant, Grants::all(), old.id, Overlap::default())
        .await
        .expect("rotated");
    let mut later = Box::pin(rotate(
        &mut second,
        tenant,
        Grants::all(),
        old.id,
        Overlap::default(),
    ));
    let mut superuser = db.superuser().await;
    let deadline = Instant::now() + Duration::from_secs(10);
    let waits = "select exists (select from pg_stat_activity
                 where datname = current_database() and wait_event_type = 'Lock')";
    loop {
        assert!(Instant::now() < deadline, "the second rotation should wait");
        tokio::select! {
            outcome = &mut later => panic!("{outcome:?} without waiting"),
            waiting = sqlx::query_scalar(waits).fetch_one(&mut superuser) => if waiting.expect("an answer") { break },
        }
    }
    first.commit().await.expect("committed");
    let outcome = later.await;
    assert!(matches!(outcome, Err(KeyError::AlreadyRotated)), "{outcome:?}");
}
