use futures_util::future::join_all;
use isolation::TenantCtx;
use kernel::{Grants, TenantId};
use testkit::TestDatabase;

use super::super::{NewUser, User, UserError, UserStatus, add, create_owner, deactivate, reactivate};
use crate::Name;
use crate::fixture::{inside, new_tenant, on_plan, owner, person, platform};

async fn on_free(db: &TestDatabase) -> TenantCtx {
    let ctx = new_tenant(db).await;
    on_plan(db, ctx.tenant_id(), "free").await;
    ctx
}

async fn invited(ctx: &TenantCtx, name: &str) -> Result<User, UserError> {
    let mut tx = inside(ctx).await;
    let new = NewUser {
        email: format!("{name}@example.com").parse().expect("an address"),
        name: Name::parse(name).expect("a name"),
        role: "member".parse().expect("a role"),
    };
    let user = add(&mut tx, ctx.tenant_id(), Grants::all(), new).await?;
    tx.commit().await?;
    Ok(user)
}

async fn seated(db: &TestDatabase, tenant: TenantId) -> u64 {
    super::super::sql::seated(&mut platform(db).await, tenant)
        .await
        .expect("the people")
}

#[tokio::test]
async fn of_many_for_the_last_seat_one_gets_it() {
    let db = TestDatabase::new().await;
    let ctx = on_free(&db).await;
    owner(&db, ctx.tenant_id()).await;
    invited(&ctx, "second").await.expect("a seat");
    let names = ["a1", "a2", "a3", "a4", "a5", "a6"];
    let outcomes = join_all(names.map(|name| invited(&ctx, name))).await;
    let refused = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Err(UserError::NoSeat { limit: 3, used: 3 })));
    assert_eq!(refused.count(), names.len() - 1, "{outcomes:?}");
    assert_eq!(seated(&db, ctx.tenant_id()).await, 3);
}

#[tokio::test]
async fn who_is_shut_out_gives_his_seat_away_and_needs_another_to_return() {
    let db = TestDatabase::new().await;
    let ctx = on_free(&db).await;
    let tenant = ctx.tenant_id();
    owner(&db, tenant).await;
    let bob = person(&db, tenant, "Bob", "member", UserStatus::Active).await;
    person(&db, tenant, "Carl", "member", UserStatus::Active).await;
    assert!(matches!(
        invited(&ctx, "dora").await,
        Err(UserError::NoSeat { .. })
    ));
    let mut tx = platform(&db).await;
    deactivate(&mut tx, tenant, Grants::all(), bob.id, None)
        .await
        .expect("shut out");
    tx.commit().await.expect("committed");
    invited(&ctx, "dora").await.expect("Bob's seat");
    let mut tx = platform(&db).await;
    let back = reactivate(&mut tx, tenant, Grants::all(), bob.id, None).await;
    assert!(
        matches!(back, Err(UserError::NoSeat { limit: 3, used: 3 })),
        "{back:?}"
    );
}

#[tokio::test]
async fn the_owner_takes_a_seat_too_and_an_override_counts() {
    let db = TestDatabase::new().await;
    let tenant = on_free(&db).await.tenant_id();
    let mut tx = platform(&db).await;
    sqlx::query("update control.tenants set limit_overrides = '{\"users\": 0}'")
        .execute(isolation::Tx::conn(&mut tx))
        .await
        .expect("updated");
    let new = || {
        (
            "ada@example.com".parse().expect("an address"),
            Name::parse("Ada").expect("a name"),
        )
    };
    let (email, name) = new();
    let refused = create_owner(&mut tx, tenant, email, name, None).await;
    assert!(
        matches!(refused, Err(UserError::NoSeat { limit: 0, used: 0 })),
        "{refused:?}"
    );
    sqlx::query("update control.tenants set limit_overrides = '{\"users\": -1}'")
        .execute(isolation::Tx::conn(&mut tx))
        .await
        .expect("updated");
    let (email, name) = new();
    create_owner(&mut tx, tenant, email, name, None)
        .await
        .expect("unlimited");
}

#[tokio::test]
async fn a_tenant_that_is_to_be_removed_gets_no_more_people() {
    let db = TestDatabase::new().await;
    let ctx = new_tenant(&db).await;
    for (status, closed) in [
        ("deleting", true),
        ("deleted", true),
        ("failed", true),
        ("suspended", false),
    ] {
        let mut tx = platform(&db).await;
        sqlx::query("update control.tenants set status = $1")
            .bind(status)
            .execute(isolation::Tx::conn(&mut tx))
            .await
            .expect("updated");
        tx.commit().await.expect("committed");
        let outcome = invited(&ctx, status).await;
        assert_eq!(
            matches!(outcome, Err(UserError::Closed(_))),
            closed,
            "{status}: {outcome:?}"
        );
    }
}
