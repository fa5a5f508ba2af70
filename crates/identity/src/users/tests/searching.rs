use isolation::TenantCtx;
use kernel::Grants;
use testkit::TestDatabase;

use super::super::{PatchUser, User, UserFilter, UserStatus, list, update};
use crate::Name;
use crate::fixture::{inside, new_tenant, person};

fn names(found: &[User]) -> Vec<&str> {
    found.iter().map(|user| user.name.as_str()).collect()
}

async fn people_of(db: &TestDatabase, ctx: &TenantCtx, elsewhere: &TenantCtx) {
    for (name, role, status) in [
        ("Ada", "owner", UserStatus::Active),
        ("Bob", "member", UserStatus::Active),
        ("Bonnie", "member", UserStatus::Invited),
        ("Cleo", "viewer", UserStatus::Deactivated),
    ] {
        person(db, ctx.tenant_id(), name, role, status).await;
    }
    person(db, elsewhere.tenant_id(), "Boris", "member", UserStatus::Active).await;
}

#[tokio::test]
async fn every_filter_narrows_and_the_cursor_goes_on() {
    let db = TestDatabase::new().await;
    let (ctx, elsewhere) = (new_tenant(&db).await, new_tenant(&db).await);
    people_of(&db, &ctx, &elsewhere).await;
    let mut tx = inside(&ctx).await;
    let tenant = ctx.tenant_id();
    let newest = list(&mut tx, tenant, &UserFilter::default(), None, 1)
        .await
        .expect("a page");
    let name = PatchUser::name(Name::parse("Kleopatra Ωmega").expect("a name"));
    update(&mut tx, tenant, Grants::all(), newest[0].id, None, name)
        .await
        .expect("renamed");
    let with = |q: &str| UserFilter {
        q: Some(q.to_owned()),
        ..UserFilter::default()
    };
    for (filter, expected) in [
        (
            UserFilter::default(),
            &["Kleopatra Ωmega", "Bonnie", "Bob", "Ada"][..],
        ),
        (with(" BO "), &["Bonnie", "Bob"]),
        (with("cleo@EXAMPLE"), &["Kleopatra Ωmega"]),
        (with("kLEO"), &["Kleopatra Ωmega"]),
        (with("ωMEGA"), &["Kleopatra Ωmega"]),
        (with("%"), &[]),
        (with("_"), &[]),
        (
            UserFilter {
                role: Some("member".parse().expect("a role")),
                ..UserFilter::default()
            },
            &["Bonnie", "Bob"],
        ),
        (
            UserFilter {
                status: Some(UserStatus::Active),
                ..with("a")
            },
            &["Bob", "Ada"],
        ),
    ] {
        let found = list(&mut tx, tenant, &filter, None, 10).await.expect("a page");
        assert_eq!(names(&found), expected, "{filter:?}");
    }
    let filter = UserFilter::default();
    let first = list(&mut tx, tenant, &filter, None, 3).await.expect("a page");
    let rest = list(&mut tx, tenant, &filter, Some(first[2].id), 3)
        .await
        .expect("a page");
    assert_eq!(
        (names(&first), names(&rest)),
        (vec!["Kleopatra Ωmega", "Bonnie", "Bob"], vec!["Ada"])
    );
    let foreign = list(&mut tx, elsewhere.tenant_id(), &filter, None, 3)
        .await
        .expect("a page");
    assert!(foreign.is_empty(), "the wall holds: {foreign:?}");
}
