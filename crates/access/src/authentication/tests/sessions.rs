//! Sessions and access tokens at the door.

use std::time::Duration;

use identity::Person;
use isolation::{Databases, Tx as _};
use kernel::{AdminPermission, Grants, Permission, Secret};
use testkit::TestDatabase;

use super::super::{AuthError, Credential, Means};
use super::Door;
use crate::access_tokens::SigningKeys;
use crate::fixture::{ISSUER, member, new_tenant, operator, platform, signing_keys};
use crate::sessions::{self, EndReason, Kind, Lifetime, NewSession, Opened, SessionId, Stage};

const LIFETIME: Lifetime = Lifetime {
    idle: Duration::from_mins(30),
    absolute: Duration::from_hours(12),
};

async fn opened(db: &TestDatabase, keys: &SigningKeys, person: Person, kind: Kind, stage: Stage) -> Opened {
    let mut tx = platform(db).await;
    let new = NewSession {
        person,
        kind,
        stage,
        lifetime: LIFETIME,
    };
    let opened = sessions::open(&mut tx, keys, new).await.expect("opened");
    tx.commit().await.expect("committed");
    opened
}

async fn ended(db: &TestDatabase, id: SessionId) {
    let mut tx = platform(db).await;
    let end = sessions::end(&mut tx, id, EndReason::Revoked).await;
    end.expect("it was open");
    tx.commit().await.expect("committed");
}

/// A door on another node, with the keys of the installation.
async fn door(databases: &Databases) -> Door {
    let door = Door::open(databases).await;
    door.keeper.signing_keys().prepare().await.expect("keys");
    door
}

fn secret(opened: &Opened) -> &Secret<String> {
    opened.secret.as_ref().expect("a secret")
}

fn access(opened: &Opened) -> &Secret<String> {
    &opened.tokens.as_ref().expect("tokens").access
}

#[tokio::test]
async fn a_session_is_its_person_with_his_role() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let keys = signing_keys(&db).await;
    let ada = member(&db, tenant, "viewer").await;
    let door = door(db.databases()).await;
    for kind in [Kind::Cookie, Kind::Token] {
        let session = opened(&db, &keys, ada, kind, Stage::Open).await;
        let presented = if kind == Kind::Cookie {
            secret(&session)
        } else {
            access(&session)
        };
        let Ok(Credential::Tenant(caller)) = door.keeper.authenticate(presented.expose()).await else {
            panic!("{kind:?} does not open")
        };
        assert_eq!(caller.means.session(), Some((session.session.id, Stage::Open)));
        assert_eq!(caller.means.is_cookie(), kind == Kind::Cookie);
        assert_eq!(caller.person(), Some(ada));
        assert_eq!((caller.tenant, &caller.actor), (tenant, &ada.actor()));
        assert!(caller.grants.contains(Permission::ProjectsRead));
        assert!(!caller.grants.contains(Permission::ProjectsWrite));
    }
    door.close().await;
}

#[tokio::test]
async fn an_operators_session_is_of_the_other_plane() {
    let db = TestDatabase::new().await;
    let keys = signing_keys(&db).await;
    let olga = operator(&db, &["tenants:list"]).await;
    let door = door(db.databases()).await;
    for kind in [Kind::Cookie, Kind::Token] {
        let session = opened(&db, &keys, olga, kind, Stage::Open).await;
        let presented = if kind == Kind::Cookie {
            secret(&session)
        } else {
            access(&session)
        };
        let Ok(Credential::Admin(caller)) = door.keeper.authenticate(presented.expose()).await else {
            panic!("{kind:?} does not open")
        };
        assert_eq!(caller.grants, Grants::none().with(AdminPermission::TenantsList));
        assert_eq!(caller.actor, olga.actor());
        assert_eq!(caller.limit, None);
    }
    door.close().await;
}

#[tokio::test]
async fn a_session_that_is_not_open_may_nothing_and_not_for_long() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let keys = signing_keys(&db).await;
    let ada = member(&db, tenant, "owner").await;
    let door = door(db.databases()).await;
    for stage in [Stage::SecondFactor, Stage::Enrolment] {
        for kind in [Kind::Cookie, Kind::Token] {
            let waiting = opened(&db, &keys, ada, kind, stage).await;
            assert!(waiting.tokens.is_none());
            let presented = secret(&waiting).expose();
            let Ok(Credential::Tenant(caller)) = door.keeper.authenticate(presented).await else {
                panic!("it is known")
            };
            let means = Means::Session {
                id: waiting.session.id,
                stage,
                cookie: kind == Kind::Cookie,
            };
            assert_eq!((caller.means, caller.grants), (means, Grants::none()));
        }
    }
    let waiting = opened(&db, &keys, ada, Kind::Cookie, Stage::SecondFactor).await;
    assert!(door.lets_in(secret(&waiting)).await);
    db.clock().advance_seconds(15 * 60 + 1);
    assert!(!door.lets_in(secret(&waiting)).await);
    door.close().await;
}

#[tokio::test]
async fn a_known_session_costs_no_statement() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let keys = signing_keys(&db).await;
    let ada = member(&db, tenant, "owner").await;
    let cookie = opened(&db, &keys, ada, Kind::Cookie, Stage::Open).await;
    let token = opened(&db, &keys, ada, Kind::Token, Stage::Open).await;
    let node = db.another_node().await;
    let door = door(node.databases()).await;
    let Person::User(_, user) = ada else {
        panic!("a user")
    };
    for presented in [secret(&cookie), access(&token)] {
        assert!(door.lets_in(presented).await);
    }
    assert!(
        door.keeper
            .vouched(tenant, user)
            .await
            .expect("answered")
            .is_some()
    );
    node.databases().close().await;
    for _ in 0..100 {
        for presented in [secret(&cookie), access(&token)] {
            assert!(door.lets_in(presented).await);
        }
        assert!(
            door.keeper
                .vouched(tenant, user)
                .await
                .expect("from memory")
                .is_some()
        );
    }
    door.close().await;
}

#[tokio::test]
async fn an_ended_session_ends_on_every_node_within_a_second() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let keys = signing_keys(&db).await;
    let ada = member(&db, tenant, "owner").await;
    let node = db.another_node().await;
    let door = door(node.databases()).await;
    let cookie = opened(&db, &keys, ada, Kind::Cookie, Stage::Open).await;
    let token = opened(&db, &keys, ada, Kind::Token, Stage::Open).await;
    let waiting = opened(&db, &keys, ada, Kind::Token, Stage::SecondFactor).await;
    for (session, presented) in [
        (&cookie, secret(&cookie)),
        (&token, access(&token)),
        (&waiting, secret(&waiting)),
    ] {
        assert!(door.lets_in(presented).await);
        ended(&db, session.session.id).await;
        door.refuses_within_a_second(presented).await;
    }
    door.close().await;
}

#[tokio::test]
async fn what_named_a_session_before_its_second_factor_names_nothing_afterwards() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let keys = signing_keys(&db).await;
    let ada = member(&db, tenant, "owner").await;
    let door = door(db.databases()).await;
    for kind in [Kind::Cookie, Kind::Token] {
        let waiting = opened(&db, &keys, ada, kind, Stage::SecondFactor).await;
        assert!(door.lets_in(secret(&waiting)).await);
        let mut tx = platform(&db).await;
        let open = sessions::promote(&mut tx, &keys, waiting.session.id).await;
        let open = open.expect("it waited");
        tx.commit().await.expect("committed");
        door.refuses_within_a_second(secret(&waiting)).await;
        let presented = if kind == Kind::Cookie {
            secret(&open)
        } else {
            access(&open)
        };
        assert!(door.lets_in(presented).await);
        let mut tx = platform(&db).await;
        let again = sessions::promote(&mut tx, &keys, waiting.session.id).await;
        assert!(again.is_err(), "it is open");
    }
    door.close().await;
}

#[tokio::test]
async fn a_shut_out_person_is_out_and_a_changed_role_counts_within_a_second() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let keys = signing_keys(&db).await;
    let ada = member(&db, tenant, "owner").await;
    let node = db.another_node().await;
    let door = door(node.databases()).await;
    let cookie = opened(&db, &keys, ada, Kind::Cookie, Stage::Open).await;
    let token = opened(&db, &keys, ada, Kind::Token, Stage::Open).await;
    let may_write =
        async |presented: &Secret<String>| match door.keeper.authenticate(presented.expose()).await {
            Ok(Credential::Tenant(caller)) => Some(caller.grants.contains(Permission::ProjectsWrite)),
            Ok(Credential::Admin(_)) => panic!("a tenant's session"),
            Err(_) => None,
        };
    for (role, status, expected) in [
        ("owner", "active", Some(true)),
        ("viewer", "active", Some(false)),
        ("owner", "deactivated", None),
    ] {
        let mut tx = platform(&db).await;
        let update = sqlx::query("update control.users set role = $1, status = $2 where id = $3");
        let update = update.bind(role).bind(status).bind(ada.uuid());
        update.execute(tx.conn()).await.expect("updated");
        ada.announce(&mut tx).await.expect("announced");
        tx.commit().await.expect("committed");
        let deadline = tokio::time::Instant::now() + Duration::from_secs(1);
        for presented in [secret(&cookie), access(&token)] {
            while may_write(presented).await != expected {
                assert!(tokio::time::Instant::now() < deadline, "{role} {status}");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
    door.close().await;
}

/// Never more than the token says, although its person was given more since.
#[tokio::test]
async fn a_token_opens_no_more_than_it_says() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let keys = signing_keys(&db).await;
    let ada = member(&db, tenant, "viewer").await;
    let token = opened(&db, &keys, ada, Kind::Token, Stage::Open).await;
    let mut tx = platform(&db).await;
    let raise = sqlx::query("update control.users set role = 'owner' where id = $1").bind(ada.uuid());
    raise.execute(tx.conn()).await.expect("raised");
    tx.commit().await.expect("committed");
    let door = super::super::Authenticator::new(db.databases().clone(), keys);
    let Ok(Credential::Tenant(caller)) = door.authenticate(access(&token).expose()).await else {
        panic!("the token is good")
    };
    assert!(caller.grants.contains(Permission::ProjectsRead));
    assert!(!caller.grants.contains(Permission::ProjectsWrite));
}

#[tokio::test]
async fn an_unused_session_ends_but_for_use_on_another_node() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let keys = signing_keys(&db).await;
    let ada = member(&db, tenant, "owner").await;
    let (one, other) = (door(db.databases()).await, door(db.databases()).await);
    let session = opened(&db, &keys, ada, Kind::Cookie, Stage::Open).await;
    let cookie = secret(&session);
    assert!(one.lets_in(cookie).await && other.lets_in(cookie).await);
    db.clock().advance_seconds(20 * 60);
    assert!(other.lets_in(cookie).await);
    other.keeper.write_usage().await;
    db.clock().advance_seconds(20 * 60);
    assert!(one.lets_in(cookie).await, "the other node saw it 20 minutes ago");
    one.keeper.write_usage().await;
    db.clock().advance_seconds(30 * 60 + 1);
    assert!(!one.lets_in(cookie).await && !other.lets_in(cookie).await);
    one.close().await;
    other.close().await;
}

#[tokio::test]
async fn a_session_that_is_used_all_the_time_ends_too() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let keys = signing_keys(&db).await;
    let ada = member(&db, tenant, "owner").await;
    let door = door(db.databases()).await;
    let session = opened(&db, &keys, ada, Kind::Cookie, Stage::Open).await;
    for _ in 0..(12 * 3 - 1) {
        db.clock().advance_seconds(20 * 60);
        assert!(door.lets_in(secret(&session)).await);
    }
    db.clock().advance_seconds(20 * 60);
    assert!(!door.lets_in(secret(&session)).await);
    door.close().await;
}

#[tokio::test]
async fn a_session_is_seen_without_a_write_by_the_request() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let keys = signing_keys(&db).await;
    let ada = member(&db, tenant, "owner").await;
    let door = door(db.databases()).await;
    let session = opened(&db, &keys, ada, Kind::Cookie, Stage::Open).await;
    let seen = async || {
        let mut tx = platform(&db).await;
        let found = sessions::get(&mut tx, session.session.id).await;
        found.expect("open").last_seen_at
    };
    let before = seen().await;
    db.clock().advance_seconds(60);
    assert!(door.lets_in(secret(&session)).await);
    assert_eq!(seen().await, before);
    door.keeper.write_usage().await;
    assert!(seen().await > before);
    door.close().await;
}

/// A token is not more than its session, whatever it says and whoever signed it.
#[tokio::test]
async fn a_token_of_another_session_opens_nothing() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let keys = signing_keys(&db).await;
    let (ada, eve) = (
        member(&db, tenant, "owner").await,
        member(&db, tenant, "viewer").await,
    );
    let hers = opened(&db, &keys, ada, Kind::Token, Stage::Open).await;
    let cookie = opened(&db, &keys, eve, Kind::Cookie, Stage::Open).await;
    let waiting = opened(&db, &keys, eve, Kind::Token, Stage::SecondFactor).await;
    let door = super::super::Authenticator::new(db.databases().clone(), keys.clone());
    for (person, session) in [
        (eve, hers.session.id),
        (eve, cookie.session.id),
        (eve, waiting.session.id),
    ] {
        let forged = keys.issue(&crate::access_tokens::Subject {
            person,
            session,
            role: None,
            scope: "projects:read".to_owned(),
            until: db.databases().seams().now().plus_days(1),
        });
        let refused = door.authenticate(forged.expect("signed").expose()).await;
        assert!(matches!(refused, Err(AuthError::Refused)));
    }
    assert_eq!(keys.issuer(), ISSUER);
}
