use testkit::TestDatabase;

use super::{UserError, UserStatus, create_owner, get, remove_all};
use crate::api_keys::{self, NewApiKey};
use crate::fixture::{events, inside, key, new_tenant, owner, platform, wanted};
use crate::passwords::{Hasher, Password};
use crate::{BuiltinRole, Name, invitations};
use kernel::{Grants, Seams, Secret};

mod authority;
mod last_owner;
mod life;
mod searching;
mod seats;

#[tokio::test]
async fn the_same_address_gives_the_same_owner() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let first = owner(&db, tenant).await;
    assert_eq!(
        (first.role.builtin(), first.status),
        (Some(BuiltinRole::Owner), UserStatus::Invited)
    );
    assert_eq!(owner(&db, tenant).await, first);
    assert_eq!(events(&db, tenant).await, ["user.created"]);
    let trail = serde_json::to_string(&db.audit(tenant).await).expect("JSON");
    assert!(!trail.contains("ada@") && !trail.contains("Lovelace"), "{trail}");
}

#[tokio::test]
async fn with_a_password_he_begins_active() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let password = Password::new(Secret::new("correct horse battery".to_owned())).expect("good");
    let hash = Hasher::new(Seams::real(), 1).hash(password).await.expect("idle");
    let mut tx = platform(&db).await;
    let (email, name) = (
        "Bob@Example.com".parse().expect("an address"),
        Name::parse("Bob").expect("a name"),
    );
    let bob = create_owner(&mut tx, tenant, email, name, Some(hash))
        .await
        .expect("an owner");
    assert_eq!(
        (bob.status, bob.email.as_str()),
        (UserStatus::Active, "bob@example.com")
    );
    assert_eq!(get(&mut tx, tenant, bob.id).await.expect("there"), bob);
}

#[tokio::test]
async fn people_of_another_tenant_are_not_there() {
    let db = TestDatabase::new().await;
    let (here, there) = (new_tenant(&db).await, new_tenant(&db).await);
    let stranger = owner(&db, there.tenant_id()).await;
    let mut tx = inside(&here).await;
    for claimed in [here.tenant_id(), there.tenant_id()] {
        assert!(matches!(
            get(&mut tx, claimed, stranger.id).await,
            Err(UserError::NotFound)
        ));
    }
}

#[tokio::test]
async fn removal_takes_everything_of_this_tenant_and_nothing_else() {
    let db = TestDatabase::new().await;
    let (gone, kept) = (
        new_tenant(&db).await.tenant_id(),
        new_tenant(&db).await.tenant_id(),
    );
    for tenant in [gone, kept] {
        let ada = owner(&db, tenant).await;
        key(
            &db,
            tenant,
            NewApiKey {
                user_id: Some(ada.id),
                ..wanted("hers", &["*"], None)
            },
        )
        .await;
        key(&db, tenant, wanted("ci", &["*"], None)).await;
        let mut tx = platform(&db).await;
        invitations::invite(&mut tx, tenant, Grants::all(), ada.id)
            .await
            .expect("invited");
        tx.commit().await.expect("committed");
    }
    for _ in 0..2 {
        let mut tx = platform(&db).await;
        remove_all(&mut tx, gone).await.expect("removed");
        tx.commit().await.expect("committed");
    }
    let mut tx = platform(&db).await;
    assert!(
        api_keys::list(&mut tx, gone, None, None, 10)
            .await
            .expect("a page")
            .is_empty()
    );
    assert_eq!(
        api_keys::list(&mut tx, kept, None, None, 10)
            .await
            .expect("a page")
            .len(),
        2
    );
    let removals = events(&db, gone)
        .await
        .into_iter()
        .filter(|name| name == "user.deleted");
    assert_eq!(removals.count(), 1);
}
