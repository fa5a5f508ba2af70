use std::time::Duration;

use isolation::Tx as _;
use kernel::{Grants, Secret};
use testkit::TestDatabase;

use super::{Acceptance, InvitationError, Newcomer, accept, find, invite, withdraw};
use crate::Name;
use crate::fixture::{events, new_tenant, owner, platform};
use crate::users::{User, UserStatus};

async fn invited(db: &TestDatabase, user: &User) -> Secret<String> {
    let mut tx = platform(db).await;
    let (_, token) = invite(&mut tx, user.tenant_id, Grants::all(), user.id)
        .await
        .expect("invited");
    tx.commit().await.expect("committed");
    token
}

fn newcomer(token: &Secret<String>) -> Newcomer {
    Newcomer {
        token: token.clone(),
        email: None,
        name: None,
        password: None,
        with_key: true,
    }
}

async fn accepted(db: &TestDatabase, token: &Secret<String>) -> Result<Acceptance, InvitationError> {
    accepted_by(db, newcomer(token)).await
}

async fn accepted_by(db: &TestDatabase, newcomer: Newcomer) -> Result<Acceptance, InvitationError> {
    let mut tx = platform(db).await;
    let acceptance = accept(&mut tx, newcomer).await?;
    tx.commit().await?;
    Ok(acceptance)
}

#[tokio::test]
async fn who_accepts_is_in_with_a_key_that_acts_as_him() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let ada = owner(&db, tenant).await;
    let token = invited(&db, &ada).await;
    let mut tx = platform(&db).await;
    let (invitation, whom) = find(&mut tx, &token, None).await.expect("open");
    assert_eq!((invitation.user_id, whom), (ada.id, ada.clone()));
    let name = Name::parse("Countess Lovelace").expect("a name");
    let presented = Newcomer {
        email: Some(ada.email.clone()),
        name: Some(name.clone()),
        ..newcomer(&token)
    };
    let acceptance = accept(&mut tx, presented).await.expect("accepted");
    tx.commit().await.expect("committed");
    assert_eq!(
        (acceptance.user.status, acceptance.user.name),
        (UserStatus::Active, name)
    );
    assert!(acceptance.user.email_verified && !ada.email_verified);
    assert_eq!(acceptance.user.version, ada.version + 1);

    let (key, _) = acceptance.key.expect("a key");
    assert_eq!(key.user_id, Some(ada.id));
    assert_eq!(
        events(&db, tenant).await,
        [
            "user.created",
            "auth.invitation_sent",
            "auth.invitation_accepted",
            "security.api_key_created"
        ]
    );
}

#[tokio::test]
async fn of_many_acceptances_at_once_one_succeeds() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let token = invited(&db, &owner(&db, tenant).await).await;
    let (a, b, c, d) = tokio::join!(
        accepted(&db, &token),
        accepted(&db, &token),
        accepted(&db, &token),
        accepted(&db, &token)
    );
    let outcomes = [a, b, c, d];
    assert_eq!(
        outcomes.iter().filter(|outcome| outcome.is_ok()).count(),
        1,
        "{outcomes:?}"
    );
    let refused = |outcome: &Result<_, _>| matches!(outcome, Err(InvitationError::NotFound));
    assert_eq!(
        outcomes.iter().filter(|outcome| refused(outcome)).count(),
        3,
        "{outcomes:?}"
    );
    let mut tx = platform(&db).await;
    let keys = crate::api_keys::list(&mut tx, tenant, None, None, 10)
        .await
        .expect("a page");
    assert_eq!(keys.len(), 1);
}

#[tokio::test]
async fn a_link_ends_after_seven_days_and_with_the_next_one() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let ada = owner(&db, tenant).await;
    let first = invited(&db, &ada).await;
    let second = invited(&db, &ada).await;
    assert!(matches!(
        accepted(&db, &first).await,
        Err(InvitationError::NotFound)
    ));
    let week = u32::try_from(Duration::from_hours(7 * 24).as_secs()).expect("short");
    db.clock().advance_seconds(week);
    let mut tx = platform(&db).await;
    assert!(matches!(
        find(&mut tx, &second, None).await,
        Err(InvitationError::NotFound)
    ));
    drop(tx);
    assert!(matches!(
        accepted(&db, &second).await,
        Err(InvitationError::NotFound)
    ));
    let third = invited(&db, &ada).await;
    accepted(&db, &third).await.expect("fresh");
    let mut tx = platform(&db).await;
    let again = invite(&mut tx, tenant, Grants::all(), ada.id).await;
    assert!(matches!(again, Err(InvitationError::NotInvited)), "{again:?}");
}

#[tokio::test]
async fn who_was_shut_out_meanwhile_stays_out() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let token = invited(&db, &owner(&db, tenant).await).await;
    let mut tx = platform(&db).await;
    sqlx::query("update control.users set status = 'deactivated'")
        .execute(tx.conn())
        .await
        .expect("updated");
    tx.commit().await.expect("committed");
    assert!(matches!(
        accepted(&db, &token).await,
        Err(InvitationError::NotFound)
    ));
    let unknown = Secret::new("x".to_owned());
    assert!(matches!(
        accepted(&db, &unknown).await,
        Err(InvitationError::NotFound)
    ));
}

#[tokio::test]
async fn another_address_is_like_another_token_and_uses_nothing_up() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let ada = owner(&db, tenant).await;
    let token = invited(&db, &ada).await;
    let as_somebody = |email: &str| Newcomer {
        email: Some(email.parse().expect("an address")),
        ..newcomer(&token)
    };
    for other in ["eve@example.com", "ada@example.org"] {
        let refused = accepted_by(&db, as_somebody(other)).await;
        assert!(matches!(refused, Err(InvitationError::NotFound)), "{refused:?}");
    }
    let same = accepted_by(&db, as_somebody("ADA@Example.com"))
        .await
        .expect("hers");
    assert_eq!(same.user.email, ada.email);
}

#[tokio::test]
async fn a_withdrawn_link_opens_nothing_until_another_is_sent() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let ada = owner(&db, tenant).await;
    let token = invited(&db, &ada).await;
    let mut tx = platform(&db).await;
    withdraw(&mut tx, tenant, Grants::all(), ada.id)
        .await
        .expect("withdrawn");
    tx.commit().await.expect("committed");
    assert!(matches!(
        accepted(&db, &token).await,
        Err(InvitationError::NotFound)
    ));
    let mut tx = platform(&db).await;
    let again = withdraw(&mut tx, tenant, Grants::all(), ada.id).await;
    assert!(matches!(again, Err(InvitationError::NotFound)), "{again:?}");
    drop(tx);
    let token = invited(&db, &ada).await;
    accepted(&db, &token).await.expect("fresh");
    assert!(
        events(&db, tenant)
            .await
            .contains(&"auth.invitation_withdrawn".to_owned())
    );
}

/// Of the letters that are sent at the same time only one may open the door.
#[tokio::test]
async fn of_invitations_sent_at_once_one_stays_open() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let ada = owner(&db, tenant).await;
    tokio::join!(invited(&db, &ada), invited(&db, &ada), invited(&db, &ada));
    let mut tx = platform(&db).await;
    let open: i64 = sqlx::query_scalar("select count(*) from control.invitations where accepted_at is null")
        .fetch_one(tx.conn())
        .await
        .expect("the invitations");
    assert_eq!(open, 1);
}
