use kernel::{Actor, ActorKind, Grants};
use testkit::TestDatabase;

use super::super::{
    NewUser, PatchUser, UserError, UserStatus, add, change_role, deactivate, delete, reactivate, update,
};
use crate::fixture::{as_actor, as_user, inside, new_tenant, person};
use crate::roles::{self, NewRole};
use crate::{BuiltinRole, Name, RoleName};

fn role(name: &str) -> RoleName {
    name.parse().expect("a role's name")
}

#[tokio::test]
async fn nobody_gives_a_role_that_allows_more_than_he_may() {
    let db = TestDatabase::new().await;
    let ctx = new_tenant(&db).await;
    let tenant = ctx.tenant_id();
    person(&db, tenant, "Olga", "owner", UserStatus::Active).await;
    let member = person(&db, tenant, "Mia", "member", UserStatus::Active).await;
    for (by, gives, allowed) in [
        ("owner", "owner", true),
        ("admin", "owner", false),
        ("admin", "admin", true),
        ("admin", "viewer", true),
        ("member", "admin", false),
        ("member", "member", true),
        ("viewer", "member", false),
    ] {
        let held = BuiltinRole::of(by).expect("a role").grants();
        let mut tx = inside(&ctx).await;
        let new = NewUser {
            email: "new@example.com".parse().expect("an address"),
            name: Name::parse("New").expect("a name"),
            role: role(gives),
        };
        let added = add(&mut tx, tenant, held, new).await;
        assert_eq!(added.is_ok(), allowed, "{by} invites {gives}: {added:?}");
        assert!(allowed || matches!(added, Err(UserError::BeyondCaller)));
        // A viewer cannot reach a member in the first place.
        let changed = change_role(&mut tx, tenant, held, member.id, None, role(gives)).await;
        assert_eq!(changed.is_ok(), allowed, "{by} makes {gives}: {changed:?}");
        assert!(allowed || matches!(changed, Err(UserError::BeyondCaller)));
    }
}

#[tokio::test]
async fn nobody_touches_somebody_who_may_more_than_he() {
    let db = TestDatabase::new().await;
    let ctx = new_tenant(&db).await;
    let tenant = ctx.tenant_id();
    person(&db, tenant, "Olga", "owner", UserStatus::Active).await;
    let owner = person(&db, tenant, "Otto", "owner", UserStatus::Active).await;
    let shut_out = person(&db, tenant, "Omar", "owner", UserStatus::Deactivated).await;
    let admin = person(&db, tenant, "Anna", "admin", UserStatus::Active).await;
    let other = person(&db, tenant, "Aron", "admin", UserStatus::Active).await;
    let (ctx, held) = (as_user(&db, &ctx, &admin), BuiltinRole::Admin.grants());
    let mut tx = inside(&ctx).await;
    let name = || PatchUser::name(Name::parse("X").expect("a name"));
    for outcome in [
        update(&mut tx, tenant, held, owner.id, None, name())
            .await
            .map(drop),
        change_role(&mut tx, tenant, held, owner.id, None, role("viewer"))
            .await
            .map(drop),
        deactivate(&mut tx, tenant, held, owner.id, None).await.map(drop),
        reactivate(&mut tx, tenant, held, shut_out.id, None)
            .await
            .map(drop),
        delete(&mut tx, tenant, held, owner.id, None).await,
    ] {
        assert!(matches!(outcome, Err(UserError::BeyondCaller)), "{outcome:?}");
    }
    update(&mut tx, tenant, held, other.id, None, name())
        .await
        .expect("his like");
    delete(&mut tx, tenant, held, other.id, None)
        .await
        .expect("his like");
}

#[tokio::test]
async fn nobody_changes_his_own_role_himself_or_by_his_key() {
    let db = TestDatabase::new().await;
    let ctx = new_tenant(&db).await;
    let tenant = ctx.tenant_id();
    let ada = person(&db, tenant, "Ada", "owner", UserStatus::Active).await;
    person(&db, tenant, "Ben", "owner", UserStatus::Active).await;
    let key = Actor {
        on_behalf_of: Some(ada.id.to_string()),
        ..Actor::new(ActorKind::ApiKey, "api_key_x")
    };
    for ctx in [as_user(&db, &ctx, &ada), as_actor(&db, &ctx, key, &["*"])] {
        let mut tx = inside(&ctx).await;
        let outcome = change_role(&mut tx, tenant, Grants::all(), ada.id, None, role("admin")).await;
        assert!(matches!(outcome, Err(UserError::OwnRole)), "{outcome:?}");
    }
    let mut tx = inside(&ctx).await;
    change_role(&mut tx, tenant, Grants::all(), ada.id, None, role("admin"))
        .await
        .expect("another one may");
}

/// What somebody may is compared, not what his role is called.
#[tokio::test]
async fn roles_of_the_tenants_own_count_by_what_they_allow() {
    let db = TestDatabase::new().await;
    let ctx = new_tenant(&db).await;
    let tenant = ctx.tenant_id();
    let mut tx = inside(&ctx).await;
    for (name, permissions) in [("helper", &["users:*"][..]), ("king", &["*"])] {
        let new = NewRole {
            name: role(name),
            description: String::new(),
            permissions: permissions.iter().map(|&scope| scope.to_owned()).collect(),
        };
        roles::create(&mut tx, tenant, Grants::all(), new)
            .await
            .expect("made");
    }
    tx.commit().await.expect("committed");
    let king = person(&db, tenant, "Karl", "king", UserStatus::Active).await;
    let helper = person(&db, tenant, "Hugo", "helper", UserStatus::Active).await;
    let (admin, mut tx) = (BuiltinRole::Admin.grants(), inside(&ctx).await);
    let outcome = delete(&mut tx, tenant, admin, king.id, None).await;
    assert!(matches!(outcome, Err(UserError::BeyondCaller)), "{outcome:?}");
    let outcome = change_role(&mut tx, tenant, admin, helper.id, None, role("king")).await;
    assert!(matches!(outcome, Err(UserError::BeyondCaller)), "{outcome:?}");
    let outcome = change_role(&mut tx, tenant, admin, helper.id, None, role("nobody")).await;
    assert!(matches!(outcome, Err(UserError::NoSuchRole)), "{outcome:?}");
    delete(&mut tx, tenant, admin, helper.id, None)
        .await
        .expect("within reach");
}
