use identity::passwords::Algorithm;
use testkit::TestDatabase;

use super::fixture::{ADA, RIGHT, Stage};
use super::*;
use crate::sessions::Stage as SessionStage;

const HERE: &str = "203.0.113.1";
const ELSEWHERE: &str = "198.51.100.7";

async fn trail(stage: &Stage, tenant: TenantId) -> Vec<(String, serde_json::Value)> {
    let events = stage.db.audit(tenant).await.into_iter();
    let about_login = events.filter(|event| event.event_type.starts_with("auth."));
    about_login
        .map(|event| (event.event_type, serde_json::json!(event.metadata)))
        .collect()
}

#[tokio::test]
async fn the_right_password_opens_a_session_and_is_written_down() {
    let stage = Stage::new().await;
    let (tenant, ada) = stage.tenant().await;
    let realm = stage.realm(tenant).await;
    let came_in = stage
        .try_in(&realm, " Ada@Example.com ", RIGHT, HERE)
        .await
        .expect("in");
    assert_eq!(
        (came_in.person, came_in.opened.session.stage),
        (ada, SessionStage::Open)
    );
    assert_eq!(came_in.opened.session.ip_address.as_deref(), Some(HERE));
    assert!(came_in.opened.secret.is_some());
    let events = stage.db.audit(tenant).await;
    let event = events.last().expect("an event");
    assert_eq!(event.event_type, "auth.login_succeeded");
    assert_eq!(event.actor, ada.actor());
    let last = "select (last_login_at is not null)::text from control.users";
    assert_eq!(stage.text(last).await, "true");
}

#[tokio::test]
async fn whatever_is_wrong_the_answer_is_the_same() {
    let stage = Stage::new().await;
    let (tenant, _) = stage.tenant().await;
    let (other, _) = stage.tenant().await;
    stage.operator().await;
    let (realm, elsewhere) = (stage.realm(tenant).await, stage.realm(other).await);
    let long = RIGHT.repeat(1000);
    for (realm, email, password) in [
        (&realm, ADA, "wrong horse battery"),
        (&realm, ADA, ""),
        (&realm, ADA, &long),
        (&realm, "nobody@example.com", RIGHT),
        (&realm, "no address", RIGHT),
        (&realm, "", ""),
        (&Realm::Nowhere("castle".to_owned()), ADA, RIGHT),
        (&Realm::Operators, "nobody@example.com", RIGHT),
    ] {
        let refused = stage.try_in(realm, email, password, HERE).await;
        assert!(matches!(refused, Err(LoginError::Invalid)), "{email} {refused:?}");
    }
    stage
        .execute("update control.users set password_hash = null")
        .await;
    let refused = stage.try_in(&elsewhere, ADA, RIGHT, HERE).await;
    assert!(
        matches!(refused, Err(LoginError::Invalid)),
        "no password: {refused:?}"
    );
    let events = trail(&stage, tenant).await;
    let reasons: Vec<_> = events.iter().map(|(_, meta)| meta["reason"].clone()).collect();
    let (wrong, unknown) = ("wrong_password", "unknown_address");
    assert_eq!(reasons, [wrong, wrong, wrong, unknown, unknown, unknown]);
    let shown = format!("{:?}", stage.db.audit(tenant).await);
    assert!(
        !shown.contains("ada@") && !shown.contains("wrong horse"),
        "{shown}"
    );
}

#[tokio::test]
async fn who_was_shut_out_or_only_invited_does_not_come_in() {
    let stage = Stage::new().await;
    let (tenant, _) = stage.tenant().await;
    let realm = stage.realm(tenant).await;
    for status in [
        "update control.users set status = 'deactivated'",
        "update control.users set status = 'invited'",
    ] {
        stage.execute(status).await;
        let refused = stage.try_in(&realm, ADA, RIGHT, HERE).await;
        assert!(matches!(refused, Err(LoginError::Invalid)), "{refused:?}");
    }
    stage.operator().await;
    stage
        .execute("update control.admins set status = 'deactivated'")
        .await;
    let refused = stage.try_in(&Realm::Operators, ADA, RIGHT, HERE).await;
    assert!(matches!(refused, Err(LoginError::Invalid)), "{refused:?}");
}

#[tokio::test]
async fn a_block_refuses_the_right_password_too_but_not_from_elsewhere_and_is_told_once() {
    let stage = Stage::new().await;
    let (tenant, _) = stage.tenant().await;
    let realm = stage.realm(tenant).await;
    for _ in 0..5 {
        let refused = stage.try_in(&realm, ADA, "wrong horse battery", HERE).await;
        assert!(matches!(refused, Err(LoginError::Invalid)), "{refused:?}");
    }
    for password in [RIGHT, "wrong horse battery"] {
        let refused = stage.try_in(&realm, ADA, password, HERE).await;
        assert!(
            matches!(refused, Err(LoginError::Blocked { retry_after: 1..=15 })),
            "{refused:?}"
        );
    }
    stage
        .try_in(&realm, ADA, RIGHT, ELSEWHERE)
        .await
        .expect("its owner");
    let blocked = trail(&stage, tenant)
        .await
        .into_iter()
        .filter(|(kind, _)| kind == "auth.login_blocked");
    assert_eq!(blocked.count(), 1);
    stage.db.clock().advance_seconds(15);
    stage
        .try_in(&realm, ADA, RIGHT, HERE)
        .await
        .expect("the block is over");
}

#[tokio::test]
async fn a_closed_tenant_is_told_only_to_who_has_the_password() {
    let stage = Stage::new().await;
    let (tenant, _) = stage.tenant().await;
    stage
        .execute("update control.tenants set status = 'suspended'")
        .await;
    let realm = stage.realm(tenant).await;
    let refused = stage.try_in(&realm, ADA, "wrong horse battery", HERE).await;
    assert!(matches!(refused, Err(LoginError::Invalid)), "{refused:?}");
    for _ in 0..6 {
        let refused = stage.try_in(&realm, ADA, RIGHT, HERE).await;
        assert!(
            matches!(refused, Err(LoginError::NotOpen(Status::Suspended))),
            "{refused:?}"
        );
    }
    assert_eq!(
        stage.text("select count(*)::text from control.sessions").await,
        "0"
    );
}

#[tokio::test]
async fn a_hash_of_another_algorithm_is_made_anew_by_the_right_password_only() {
    let old = Stage::new().await;
    let (tenant, _) = old.tenant().await;
    let stage = Stage::on(old.db, Algorithm::Argon2id, false).await;
    let realm = stage.realm(tenant).await;
    let stored = async || stage.text("select password_hash from control.users").await;
    let refused = stage.try_in(&realm, ADA, "wrong horse battery", HERE).await;
    assert!(refused.is_err());
    assert!(stored().await.starts_with("$2b$12$"));
    stage.try_in(&realm, ADA, RIGHT, HERE).await.expect("in");
    let renewed = stored().await;
    assert!(
        renewed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{renewed}"
    );
    stage.try_in(&realm, ADA, RIGHT, HERE).await.expect("in again");
    assert_eq!(stored().await, renewed, "once is enough");
    let back = Stage::on(stage.db, Algorithm::Bcrypt, false).await;
    back.try_in(&realm, ADA, RIGHT, HERE).await.expect("and back");
    assert!(
        back.text("select password_hash from control.users")
            .await
            .starts_with("$2b$12$")
    );
}

#[tokio::test]
async fn operators_can_be_required_to_have_a_second_factor() {
    let stage = Stage::on(TestDatabase::new().await, Algorithm::Bcrypt, true).await;
    stage.operator().await;
    let came_in = stage
        .try_in(&Realm::Operators, ADA, RIGHT, HERE)
        .await
        .expect("in");
    assert_eq!(came_in.opened.session.stage, SessionStage::Enrolment);
    let (tenant, _) = stage.tenant().await;
    let realm = stage.realm(tenant).await;
    let came_in = stage.try_in(&realm, ADA, RIGHT, HERE).await.expect("in");
    assert_eq!(
        came_in.opened.session.stage,
        SessionStage::Open,
        "tenants decide for themselves"
    );
}
