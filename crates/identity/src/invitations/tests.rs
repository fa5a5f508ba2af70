use std::time::Duration;

use isolation::Tx as _;
use kernel::Secret;
use testkit::TestDatabase;

use super::{Acceptance, InvitationError, accept, find, invite};
use crate::fixture::{events, new_tenant, owner, platform};
use crate::users::{User, UserStatus};
use crate::Name;

async fn invited(db: &TestDatabase, user: &User) -> Secret<String> {
    let mut tx = platform(db).await;
    let (_, token) = invite(&mut tx, user.tenant_id, user.id).await.expect("invited");
    tx.commit().await.expect("committed");
    token
}

async fn accepted(db: &TestDatabase, token: &Secret<String>) -> Result<Acceptance, InvitationError> {
    let mut tx = platform(db).await;
    let acceptance = accept(&mut tx, token, None, None).await?;
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
    let (invitation, whom) = find(&mut tx, &token).await.expect("open");
    assert_eq!((invitation.user_id, whom), (ada.id, ada.clone()));
    let name = Name::parse("Countess Lovelace").expect("a name");
    let acceptance = accept(&mut tx, &token, Some(name.clone()), None)
        .await
        .expect("accepted");
    tx.commit().await.expect("committed");
    assert_eq!(
        (acceptance.user.status, acceptance.user.name),
        (UserStatus::Active, name)
    );

    assert_eq!(acceptance.api_key.user_id, Some(ada.id));
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
        find(&mut tx, &second).await,
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
    let again = invite(&mut tx, tenant, ada.id).await;
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
