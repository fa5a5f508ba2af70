use isolation::{Caller, ControlTx, IsolationStrategy, RequestInfo, Tx as _};
use kernel::{Actor, Grants, Seams, Secret, TenantId};
use testkit::TestDatabase;

use super::{
    Admin, AdminChange, AdminError, AdminStatus, Authority, FirstAdmin, NewAdmin, create, delete,
    ensure_first_admin, get, list, update,
};
use crate::fixture::platform;
use crate::{Hasher, Name, Password, Person, admin_api_keys};

fn first(email: &str, key: Option<Secret<String>>) -> FirstAdmin {
    FirstAdmin {
        email: email.parse().expect("an address"),
        name: Name::parse("Operator").expect("a name"),
        password: Password::new(Secret::new("correct horse battery".to_owned())).expect("good"),
        key,
    }
}

async fn ensure(db: &TestDatabase, hasher: &Hasher, admin: FirstAdmin) -> Result<(), AdminError> {
    let mut tx = platform(db).await;
    ensure_first_admin(&mut tx, hasher, admin).await?;
    Ok(tx.commit().await?)
}

async fn count(db: &TestDatabase) -> (i64, i64) {
    let mut tx = platform(db).await;
    sqlx::query_as(
        "select (select count(*) from control.admins), (select count(*) from control.admin_api_keys)",
    )
    .fetch_one(tx.conn())
    .await
    .expect("counted")
}

#[tokio::test]
async fn an_installation_begins_with_one_operator_and_his_key() {
    let db = TestDatabase::new().await;
    let hasher = Hasher::new(Seams::real(), 2);
    let key = admin_api_keys::new_secret(&Seams::real());
    let one = || ensure(&db, &hasher, first("op@example.com", Some(key.clone())));
    let (a, b) = tokio::join!(one(), one());
    a.expect("ensured");
    b.expect("ensured at the same time");
    assert_eq!(count(&db).await, (1, 1));
    ensure(&db, &hasher, first("other@example.com", None))
        .await
        .expect("nothing to do");
    assert_eq!(count(&db).await, (1, 1));

    let mut tx = platform(&db).await;
    let known = admin_api_keys::list(&mut tx, None, None, 10)
        .await
        .expect("a page");
    assert_eq!(known[0].scopes, ["*"]);
    admin_api_keys::revoke(&mut tx, Grants::all(), known[0].id)
        .await
        .expect("revoked");
    tx.commit().await.expect("committed");
    ensure(&db, &hasher, first("op@example.com", Some(key.clone())))
        .await
        .expect("nothing to do");
    let mut tx = platform(&db).await;
    let known = admin_api_keys::get(&mut tx, known[0].id).await.expect("there");
    assert!(known.revoked_at.is_some(), "a revoked key stays revoked");
}

#[tokio::test]
async fn an_address_is_one_operator_and_a_guessable_key_is_refused() {
    let db = TestDatabase::new().await;
    let hasher = Hasher::new(Seams::real(), 2);
    let guessable = Some(Secret::new("tny_admin_secret".to_owned()));
    let refused = ensure(&db, &hasher, first("op@example.com", guessable)).await;
    assert!(matches!(refused, Err(AdminError::MalformedKey)), "{refused:?}");
    let mut tx = platform(&db).await;
    let wanted = new("op@example.com", &["*"], None);
    create(&mut tx, &Authority::full(), wanted.clone())
        .await
        .expect("added");
    let again = create(&mut tx, &Authority::full(), wanted).await;
    assert!(matches!(again, Err(AdminError::EmailTaken)), "{again:?}");
}

fn new(email: &str, permissions: &[&str], tenants: Option<Vec<TenantId>>) -> NewAdmin {
    NewAdmin {
        email: email.parse().expect("an address"),
        name: Name::parse("Operator").expect("a name"),
        permissions: permissions.iter().map(|&text| text.to_owned()).collect(),
        tenants,
        password: serde_json::from_value(serde_json::json!("none")).expect("a hash"),
    }
}

/// A committed operator.
async fn operator(
    db: &TestDatabase,
    email: &str,
    permissions: &[&str],
    tenants: Option<Vec<TenantId>>,
) -> Admin {
    let mut tx = platform(db).await;
    let admin = create(&mut tx, &Authority::full(), new(email, permissions, tenants))
        .await
        .expect("added");
    tx.commit().await.expect("committed");
    admin
}

/// A transaction of this operator's.
async fn acting_as(db: &TestDatabase, admin: &Admin) -> ControlTx {
    let Authority { grants, .. } = admin.authority();
    let caller = Caller {
        actor: Person::Admin(admin.id).actor(),
        grants,
        request: RequestInfo::default(),
        limit: None,
    };
    db.databases()
        .platform(caller)
        .control()
        .await
        .expect("the control plane answers")
}

fn permissions(wanted: &[&str]) -> AdminChange {
    AdminChange {
        permissions: Some(wanted.iter().map(|&text| text.to_owned()).collect()),
        ..AdminChange::default()
    }
}

fn status(status: AdminStatus) -> AdminChange {
    AdminChange {
        status: Some(status),
        ..AdminChange::default()
    }
}

#[tokio::test]
async fn an_operator_lives_and_ends() {
    let db = TestDatabase::new().await;
    let root = operator(&db, "root@example.com", &["*"], None).await;
    let admin = operator(&db, "op@example.com", &["audit:read", "audit:read"], None).await;
    assert_eq!(
        (&*admin.permissions, admin.version),
        (&["audit:read".to_owned()][..], 1)
    );
    let mut tx = acting_as(&db, &root).await;
    let held = root.authority();
    let stale = update(&mut tx, &held, admin.id, Some(7), permissions(&["*"])).await;
    assert!(matches!(stale, Err(AdminError::VersionMismatch(_))), "{stale:?}");
    let changed = update(&mut tx, &held, admin.id, Some(1), permissions(&["tenants:*"]))
        .await
        .expect("changed");
    assert!(changed.stands_otherwise && changed.admin.version == 2);
    let same = update(&mut tx, &held, admin.id, None, permissions(&["tenants:*"]))
        .await
        .expect("the same");
    assert!(!same.stands_otherwise && same.admin == changed.admin);
    update(&mut tx, &held, admin.id, None, status(AdminStatus::Deactivated))
        .await
        .expect("shut out");
    let shut_out = list(&mut tx, Some(AdminStatus::Deactivated), None, 10)
        .await
        .expect("a page");
    assert_eq!(
        shut_out.iter().map(|admin| admin.id).collect::<Vec<_>>(),
        [admin.id]
    );
    delete(&mut tx, &held, admin.id, None).await.expect("gone");
    assert!(matches!(get(&mut tx, admin.id).await, Err(AdminError::NotFound)));
    assert!(matches!(
        delete(&mut tx, &held, admin.id, None).await,
        Err(AdminError::NotFound)
    ));
}

#[tokio::test]
async fn nobody_gives_or_takes_what_he_does_not_have() {
    let db = TestDatabase::new().await;
    let root = operator(&db, "root@example.com", &["*"], None).await;
    let chief = operator(&db, "chief@example.com", &["admins:*", "audit:read"], None).await;
    let clerk = operator(&db, "clerk@example.com", &["audit:read"], None).await;
    let (mut tx, held) = (acting_as(&db, &chief).await, chief.authority());
    for refused in [
        create(&mut tx, &held, new("x@example.com", &["*"], None))
            .await
            .err(),
        create(&mut tx, &held, new("x@example.com", &["tenants:list"], None))
            .await
            .err(),
        update(&mut tx, &held, clerk.id, None, permissions(&["tenants:list"]))
            .await
            .err(),
        update(&mut tx, &held, root.id, None, status(AdminStatus::Deactivated))
            .await
            .err(),
        update(&mut tx, &held, root.id, None, permissions(&["audit:read"]))
            .await
            .err(),
        delete(&mut tx, &held, root.id, None).await.err(),
    ] {
        assert!(matches!(refused, Some(AdminError::BeyondCaller)), "{refused:?}");
    }
    update(&mut tx, &held, clerk.id, None, permissions(&["admins:read"]))
        .await
        .expect("he has it himself");
}

#[tokio::test]
async fn nobody_changes_what_he_himself_may() {
    let db = TestDatabase::new().await;
    operator(&db, "root@example.com", &["*"], None).await;
    let other = operator(&db, "other@example.com", &["*"], None).await;
    let tenant = db.tenant(IsolationStrategy::SharedDatabase).await.tenant_id();
    let limited = AdminChange {
        tenants: Some(Some(vec![tenant])),
        ..permissions(&["tenants:read"])
    };
    let key = Actor {
        on_behalf_of: Some(other.id.to_string()),
        ..Actor::new(kernel::ActorKind::Admin, "admin_api_key_x")
    };
    let by_key = Caller {
        actor: key,
        grants: Grants::all(),
        request: RequestInfo::default(),
        limit: None,
    };
    let by_key = db
        .databases()
        .platform(by_key)
        .control()
        .await
        .expect("the control plane answers");
    for mut tx in [acting_as(&db, &other).await, by_key] {
        let held = other.authority();
        for refused in [
            update(&mut tx, &held, other.id, None, permissions(&["audit:read"]))
                .await
                .err(),
            update(&mut tx, &held, other.id, None, limited.clone())
                .await
                .err(),
            update(&mut tx, &held, other.id, None, status(AdminStatus::Deactivated))
                .await
                .err(),
            delete(&mut tx, &held, other.id, None).await.err(),
        ] {
            assert!(matches!(refused, Some(AdminError::OwnAuthority)), "{refused:?}");
        }
        let name = Some(Name::parse("Another Name").expect("a name"));
        let renamed = AdminChange {
            name,
            ..AdminChange::default()
        };
        let changed = update(&mut tx, &held, other.id, None, renamed)
            .await
            .expect("his name is his");
        assert!(!changed.stands_otherwise);
    }
}

#[tokio::test]
async fn an_operator_can_only_be_limited_to_tenants_that_exist() {
    let db = TestDatabase::new().await;
    let tenant = db.tenant(IsolationStrategy::SharedDatabase).await.tenant_id();
    let unknown: TenantId = db.databases().seams().new_id();
    let mut tx = platform(&db).await;
    let refused = create(
        &mut tx,
        &Authority::full(),
        new("a@example.com", &["audit:read"], Some(vec![tenant, unknown])),
    )
    .await;
    let Err(AdminError::Invalid(errors)) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(errors[0].pointer, "/tenants/1");
    let limited = create(
        &mut tx,
        &Authority::full(),
        new("a@example.com", &["audit:read"], Some(vec![tenant])),
    )
    .await
    .expect("added");
    assert_eq!(
        get(&mut tx, limited.id).await.expect("there").tenants,
        Some(vec![tenant])
    );
}

/// Two operators who demote each other at the same time, round after round: one of them always stays.
#[tokio::test]
async fn somebody_always_remains_who_may_do_everything() {
    let db = TestDatabase::new().await;
    let (one, other) = (
        operator(&db, "one@example.com", &["*"], None).await,
        operator(&db, "other@example.com", &["*"], None).await,
    );
    for round in 0..8 {
        let strike = async |by: &Admin, at: &Admin| {
            let mut tx = acting_as(&db, by).await;
            let change = if round % 2 == 0 {
                status(AdminStatus::Deactivated)
            } else {
                permissions(&["audit:read"])
            };
            update(&mut tx, &by.authority(), at.id, None, change).await?;
            tx.commit().await.map_err(AdminError::from)
        };
        let (a, b) = tokio::join!(strike(&one, &other), strike(&other, &one));
        let refused = [&a, &b]
            .into_iter()
            .filter(|outcome| matches!(outcome, Err(AdminError::LastOperator)));
        assert_eq!(
            (
                refused.count(),
                [&a, &b].iter().filter(|outcome| outcome.is_ok()).count()
            ),
            (1, 1),
            "{a:?} {b:?}"
        );
        let mut tx = platform(&db).await;
        for id in [one.id, other.id] {
            let back = AdminChange {
                status: Some(AdminStatus::Active),
                ..permissions(&["*"])
            };
            update(&mut tx, &Authority::full(), id, None, back)
                .await
                .expect("as before");
        }
        tx.commit().await.expect("committed");
    }
}
