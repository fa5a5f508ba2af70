use isolation::Tx as _;
use kernel::Grants;
use testkit::TestDatabase;

use super::super::{
    PatchUser, UserError, UserStatus, change_role, deactivate, delete, get, reactivate, update,
};
use crate::fixture::{events, inside, key, new_tenant, person, platform, wanted};
use crate::{BuiltinRole, Name, api_keys, invitations};

#[tokio::test]
async fn every_change_counts_is_in_the_trail_and_shows_no_name() {
    let db = TestDatabase::new().await;
    let ctx = new_tenant(&db).await;
    let tenant = ctx.tenant_id();
    let bob = person(&db, tenant, "Bob", "member", UserStatus::Active).await;
    let (held, mut tx) = (Grants::all(), inside(&ctx).await);
    let name = PatchUser::name(Name::parse("Robert").expect("a name"));
    let bob = update(&mut tx, tenant, held, bob.id, Some(1), name)
        .await
        .expect("renamed");
    assert_eq!((bob.version, bob.name.as_str()), (2, "Robert"));
    let same = update(&mut tx, tenant, held, bob.id, None, PatchUser::default())
        .await
        .expect("nothing");
    assert_eq!(same, bob);
    let bob = change_role(&mut tx, tenant, held, bob.id, Some(2), BuiltinRole::Viewer.into())
        .await
        .expect("changed");
    let bob = deactivate(&mut tx, tenant, held, bob.id, Some(3))
        .await
        .expect("shut out");
    assert_eq!((bob.version, bob.status), (4, UserStatus::Deactivated));
    let bob = reactivate(&mut tx, tenant, held, bob.id, Some(4))
        .await
        .expect("back");
    assert_eq!((bob.version, bob.status), (5, UserStatus::Active));
    delete(&mut tx, tenant, held, bob.id, Some(5))
        .await
        .expect("gone");
    tx.commit().await.expect("committed");
    assert_eq!(
        events(&db, tenant).await,
        [
            "user.created",
            "user.updated",
            "user.role_changed",
            "user.deactivated",
            "user.reactivated",
            "user.deleted"
        ]
    );
    let trail = serde_json::to_string(&db.audit(tenant).await).expect("JSON");
    assert!(!trail.contains("Robert") && !trail.contains("bob@"), "{trail}");
}

#[tokio::test]
async fn a_change_of_another_version_is_refused() {
    let db = TestDatabase::new().await;
    let ctx = new_tenant(&db).await;
    let tenant = ctx.tenant_id();
    let bob = person(&db, tenant, "Bob", "member", UserStatus::Active).await;
    let (held, mut tx, old) = (Grants::all(), inside(&ctx).await, Some(7));
    let name = PatchUser::name(Name::parse("Robert").expect("a name"));
    for outcome in [
        update(&mut tx, tenant, held, bob.id, old, name).await.map(drop),
        change_role(&mut tx, tenant, held, bob.id, old, BuiltinRole::Viewer.into())
            .await
            .map(drop),
        deactivate(&mut tx, tenant, held, bob.id, old).await.map(drop),
        reactivate(&mut tx, tenant, held, bob.id, old).await.map(drop),
        delete(&mut tx, tenant, held, bob.id, old).await,
    ] {
        assert!(
            matches!(outcome, Err(UserError::VersionMismatch(_))),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn who_never_came_returns_as_invited_with_a_link_that_is_void() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let bob = person(&db, tenant, "Bob", "member", UserStatus::Invited).await;
    let mut tx = platform(&db).await;
    let (_, token) = invitations::invite(&mut tx, tenant, Grants::all(), bob.id)
        .await
        .expect("invited");
    deactivate(&mut tx, tenant, Grants::all(), bob.id, None)
        .await
        .expect("shut out");
    let back = reactivate(&mut tx, tenant, Grants::all(), bob.id, None)
        .await
        .expect("back");
    assert_eq!(back.status, UserStatus::Invited);
    let open = invitations::find(&mut tx, &token, None).await;
    assert!(
        matches!(open, Err(invitations::InvitationError::NotFound)),
        "{open:?}"
    );
}

#[tokio::test]
async fn a_deleted_person_takes_keys_and_invitations_along() {
    let db = TestDatabase::new().await;
    let ctx = new_tenant(&db).await;
    let tenant = ctx.tenant_id();
    let bob = person(&db, tenant, "Bob", "member", UserStatus::Active).await;
    let mut new = wanted("his", &["projects:read"], None);
    new.user_id = Some(bob.id);
    key(&db, tenant, new).await;
    // As the tenant itself, whose role may not delete keys: the database does it.
    let mut tx = inside(&ctx).await;
    delete(&mut tx, tenant, Grants::all(), bob.id, None)
        .await
        .expect("gone");
    tx.commit().await.expect("committed");
    let mut tx = platform(&db).await;
    let keys = api_keys::list(&mut tx, tenant, None, None, 10)
        .await
        .expect("a page");
    assert!(keys.is_empty(), "{keys:?}");
    assert!(matches!(
        get(&mut tx, tenant, bob.id).await,
        Err(UserError::NotFound)
    ));
}

#[tokio::test]
async fn what_he_may_do_is_announced_when_it_changes() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    person(&db, tenant, "Olga", "owner", UserStatus::Active).await;
    let bob = person(&db, tenant, "Bob", "member", UserStatus::Active).await;
    let (held, id) = (Grants::all(), bob.id);
    for step in 0..4 {
        let mut tx = platform(&db).await;
        sqlx::query("delete from control.changes")
            .execute(tx.conn())
            .await
            .expect("forgotten");
        match step {
            0 => change_role(&mut tx, tenant, held, id, None, BuiltinRole::Viewer.into())
                .await
                .map(drop),
            1 => deactivate(&mut tx, tenant, held, id, None).await.map(drop),
            2 => reactivate(&mut tx, tenant, held, id, None).await.map(drop),
            _ => delete(&mut tx, tenant, held, id, None).await,
        }
        .expect("done");
        let told: i64 =
            sqlx::query_scalar("select count(*) from control.changes where topic = 'person' and key = $1")
                .bind(id.uuid().to_string())
                .fetch_one(tx.conn())
                .await
                .expect("the news");
        assert_eq!(told, 1, "step {step}");
        tx.commit().await.expect("committed");
    }
}
