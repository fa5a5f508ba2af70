use isolation::Tx as _;
use kernel::{Seams, Secret};
use testkit::TestDatabase;

use super::{AdminError, FirstAdmin, NewAdmin, create, ensure_first_admin};
use crate::fixture::platform;
use crate::{Hasher, Name, Password, admin_api_keys};

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
    let known = admin_api_keys::list(&mut tx, None, None, 10).await.expect("a page");
    assert_eq!(known[0].scopes, ["*"]);
    admin_api_keys::revoke(&mut tx, known[0].id).await.expect("revoked");
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
    let wanted = first("op@example.com", None);
    let password = hasher.hash(wanted.password).await.expect("idle");
    let new = NewAdmin {
        email: wanted.email,
        name: wanted.name,
        password,
    };
    let mut tx = platform(&db).await;
    create(&mut tx, new.clone()).await.expect("added");
    assert!(matches!(create(&mut tx, new).await, Err(AdminError::EmailTaken)));
}
