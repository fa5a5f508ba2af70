use isolation::Tx as _;
use kernel::{Grants, Permission, TenantId};
use testkit::TestDatabase;

use super::{
    MOST_ROLES, NewRole, Role, RoleChange, RoleError, RoleName, create, delete, get, grants_of, list, replace,
};
use crate::fixture::{events, grants, inside, new_tenant, person, platform};
use crate::users::{self, UserStatus};

fn name(text: &str) -> RoleName {
    text.parse().expect("a role's name")
}

fn new(text: &str, permissions: &[&str]) -> NewRole {
    NewRole {
        name: name(text),
        description: " Sends the invoices. ".to_owned(),
        permissions: permissions.iter().map(|&scope| scope.to_owned()).collect(),
    }
}

fn change(permissions: &[&str]) -> RoleChange {
    RoleChange {
        description: "Sends the invoices.".to_owned(),
        permissions: permissions.iter().map(|&scope| scope.to_owned()).collect(),
    }
}

async fn made(db: &TestDatabase, tenant: TenantId, text: &str, permissions: &[&str]) -> Role {
    let mut tx = platform(db).await;
    let role = create(&mut tx, tenant, Grants::all(), new(text, permissions))
        .await
        .expect("made");
    tx.commit().await.expect("committed");
    role
}

#[tokio::test]
async fn a_role_is_made_changed_and_deleted() {
    let db = TestDatabase::new().await;
    let ctx = new_tenant(&db).await;
    let (tenant, held) = (ctx.tenant_id(), Grants::all());
    let mut tx = inside(&ctx).await;
    let role = create(
        &mut tx,
        tenant,
        held,
        new("accountant", &["projects:read", "files:*", "projects:read"]),
    )
    .await
    .expect("made");
    assert_eq!(role.permissions, ["files:*", "projects:read"]);
    assert_eq!(
        (role.description.as_str(), role.version),
        ("Sends the invoices.", Some(1))
    );
    assert_eq!(get(&mut tx, tenant, &role.name).await.expect("there"), role);
    let again = create(&mut tx, tenant, held, new("accountant", &["*"])).await;
    assert!(matches!(again, Err(RoleError::NameTaken)), "{again:?}");
    let changed = replace(
        &mut tx,
        tenant,
        held,
        &role.name,
        Some(1),
        change(&["files:read"]),
    )
    .await
    .expect("changed");
    assert_eq!(changed.version, Some(2));
    let allowed = grants_of(&mut tx, tenant, &role.name).await.expect("an answer");
    assert_eq!(allowed, Some(Grants::none().with(Permission::FilesRead)));
    let stale = replace(&mut tx, tenant, held, &role.name, Some(1), change(&["*"])).await;
    assert!(matches!(stale, Err(RoleError::VersionMismatch(_))), "{stale:?}");
    let same = replace(&mut tx, tenant, held, &role.name, None, change(&["files:read"]))
        .await
        .expect("nothing");
    assert_eq!(same, changed);
    delete(&mut tx, tenant, held, &role.name, Some(2))
        .await
        .expect("gone");
    assert!(matches!(
        get(&mut tx, tenant, &role.name).await,
        Err(RoleError::NotFound)
    ));
    tx.commit().await.expect("committed");
    assert_eq!(
        events(&db, tenant).await,
        ["user.role_created", "user.role_updated", "user.role_deleted"]
    );
}

#[tokio::test]
async fn what_every_tenant_has_stays_as_it_is() {
    let db = TestDatabase::new().await;
    let ctx = new_tenant(&db).await;
    let (tenant, held) = (ctx.tenant_id(), Grants::all());
    made(&db, tenant, "zoo-keeper", &["files:read"]).await;
    made(&db, tenant, "accountant", &["files:read"]).await;
    let mut tx = inside(&ctx).await;
    for builtin in ["owner", "admin", "member", "viewer"] {
        let taken = create(&mut tx, tenant, held, new(builtin, &["*"])).await;
        assert!(matches!(taken, Err(RoleError::NameTaken)), "{taken:?}");
        let outcome = replace(&mut tx, tenant, held, &name(builtin), None, change(&["*"])).await;
        assert!(matches!(outcome, Err(RoleError::Builtin)), "{outcome:?}");
        let outcome = delete(&mut tx, tenant, held, &name(builtin), None).await;
        assert!(matches!(outcome, Err(RoleError::Builtin)), "{outcome:?}");
    }
    let roles = list(&mut tx, tenant).await.expect("all");
    let names: Vec<_> = roles.iter().map(|role| role.name.as_str()).collect();
    assert_eq!(
        names,
        ["owner", "admin", "member", "viewer", "accountant", "zoo-keeper"]
    );
}

#[tokio::test]
async fn nobody_makes_or_changes_what_allows_more_than_he_may() {
    let db = TestDatabase::new().await;
    let ctx = new_tenant(&db).await;
    let tenant = ctx.tenant_id();
    made(&db, tenant, "king", &["*"]).await;
    made(&db, tenant, "page", &["projects:read"]).await;
    let (held, mut tx) = (grants(&["roles:*", "projects:*"]), inside(&ctx).await);
    for outcome in [
        create(&mut tx, tenant, held, new("prince", &["*"]))
            .await
            .map(drop),
        create(
            &mut tx,
            tenant,
            held,
            new("prince", &["projects:read", "files:read"]),
        )
        .await
        .map(drop),
        // Neither raised above him,
        replace(
            &mut tx,
            tenant,
            held,
            &name("page"),
            None,
            change(&["files:read"]),
        )
        .await
        .map(drop),
        // nor brought down from there.
        replace(
            &mut tx,
            tenant,
            held,
            &name("king"),
            None,
            change(&["projects:read"]),
        )
        .await
        .map(drop),
        delete(&mut tx, tenant, held, &name("king"), None).await,
    ] {
        assert!(matches!(outcome, Err(RoleError::BeyondCaller)), "{outcome:?}");
    }
    replace(
        &mut tx,
        tenant,
        held,
        &name("page"),
        None,
        change(&["projects:*"]),
    )
    .await
    .expect("within");
    create(&mut tx, tenant, held, new("prince", &["projects:*"]))
        .await
        .expect("within");
}

#[tokio::test]
async fn a_role_that_somebody_has_stays_and_another_tenants_is_not_there() {
    let db = TestDatabase::new().await;
    let (here, there) = (new_tenant(&db).await, new_tenant(&db).await);
    for ctx in [&here, &there] {
        made(&db, ctx.tenant_id(), "accountant", &["files:read"]).await;
    }
    made(&db, there.tenant_id(), "theirs", &["files:read"]).await;
    let bob = person(
        &db,
        here.tenant_id(),
        "Bob",
        "accountant",
        UserStatus::Deactivated,
    )
    .await;
    let (tenant, held) = (here.tenant_id(), Grants::all());
    let mut tx = inside(&here).await;
    let used = delete(&mut tx, tenant, held, &bob.role, None).await;
    assert!(matches!(used, Err(RoleError::InUse)), "{used:?}");
    drop(tx);
    let mut tx = inside(&here).await;
    for claimed in [here.tenant_id(), there.tenant_id()] {
        let foreign = replace(&mut tx, claimed, held, &name("theirs"), None, change(&["*"])).await;
        assert!(matches!(foreign, Err(RoleError::NotFound)), "{foreign:?}");
    }
    let given = users::change_role(&mut tx, tenant, held, bob.id, None, name("theirs")).await;
    assert!(matches!(given, Err(users::UserError::NoSuchRole)), "{given:?}");
}

#[tokio::test]
async fn a_changed_role_is_announced_for_all_people() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    made(&db, tenant, "accountant", &["files:read"]).await;
    let mut tx = platform(&db).await;
    let (role, held) = (name("accountant"), Grants::all());
    replace(&mut tx, tenant, held, &role, None, change(&["files:*"]))
        .await
        .expect("changed");
    let told: i64 =
        sqlx::query_scalar("select count(*) from control.changes where topic = 'tenant_people' and key = $1")
            .bind(tenant.uuid().to_string())
            .fetch_one(tx.conn())
            .await
            .expect("the news");
    assert_eq!(told, 1);
}

#[tokio::test]
async fn there_is_an_end_to_roles() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let mut tx = platform(&db).await;
    for number in 0..MOST_ROLES {
        create(
            &mut tx,
            tenant,
            Grants::all(),
            new(&format!("role-{number}"), &["files:read"]),
        )
        .await
        .expect("made");
    }
    let more = create(&mut tx, tenant, Grants::all(), new("more", &["files:read"])).await;
    assert!(matches!(more, Err(RoleError::TooMany)), "{more:?}");
}
