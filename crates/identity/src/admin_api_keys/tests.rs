use kernel::{AdminPermission, Grants};
use testkit::TestDatabase;

use super::{AdminApiKey, NewAdminApiKey, create, get, list, revoke, rotate};
use crate::fixture::{inside, new_tenant, platform};
use crate::key::{KeyError, Overlap};

fn wanted(scopes: &[&str]) -> NewAdminApiKey {
    NewAdminApiKey {
        name: "console".to_owned(),
        scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        ..NewAdminApiKey::default()
    }
}

fn held(scopes: &[&str]) -> Grants<AdminPermission> {
    Grants::parse(scopes).expect("known scopes")
}

#[tokio::test]
async fn a_key_lives_and_ends_as_a_tenants_does() {
    let db = TestDatabase::new().await;
    let mut tx = platform(&db).await;
    let (key, secret) = create(&mut tx, held(&["*"]), wanted(&["tenants:*"]))
        .await
        .expect("a key");
    assert!(secret.expose().starts_with("tny_admin_") && secret.expose().len() == 53);
    assert_eq!(key.prefix, secret.expose()[..18]);
    assert_eq!(get(&mut tx, key.id).await.expect("there"), key);
    let (successor, _) = rotate(&mut tx, held(&["*"]), key.id, Overlap::default())
        .await
        .expect("rotated");
    let ids = |keys: Vec<AdminApiKey>| keys.into_iter().map(|key| key.id).collect::<Vec<_>>();
    assert_eq!(
        ids(list(&mut tx, None, None, 10).await.expect("a page")),
        [successor.id, key.id]
    );
    assert_eq!(
        ids(list(&mut tx, None, Some(successor.id), 10).await.expect("a page")),
        [key.id]
    );
    assert_eq!(
        ids(list(&mut tx, Some(&key.prefix), None, 10).await.expect("a page")),
        [key.id]
    );
    let old = get(&mut tx, key.id).await.expect("there");
    assert_eq!(old.replaced_by, Some(successor.id));
    let again = rotate(&mut tx, held(&["*"]), key.id, Overlap::default()).await;
    assert!(matches!(again, Err(KeyError::AlreadyRotated)), "{again:?}");
    let revoked = revoke(&mut tx, Grants::all(), successor.id)
        .await
        .expect("revoked");
    assert_eq!(
        revoke(&mut tx, Grants::all(), successor.id).await.expect("again"),
        revoked
    );
}

#[tokio::test]
async fn nobody_makes_or_takes_over_a_key_that_allows_more() {
    let db = TestDatabase::new().await;
    let mut tx = platform(&db).await;
    let less = held(&["admin_keys:*", "tenants:read"]);
    let more = create(&mut tx, less, wanted(&["tenants:*"])).await;
    assert!(matches!(more, Err(KeyError::BeyondCaller)), "{more:?}");
    let (mighty, _) = create(&mut tx, held(&["*"]), wanted(&["*"]))
        .await
        .expect("a key");
    let taken = rotate(&mut tx, less, mighty.id, Overlap::default()).await;
    assert!(matches!(taken, Err(KeyError::BeyondCaller)), "{taken:?}");
    let tenants_scope = create(&mut tx, held(&["*"]), wanted(&["projects:read"])).await;
    assert!(
        matches!(tenants_scope, Err(KeyError::Invalid(_))),
        "{tenants_scope:?}"
    );
}

#[tokio::test]
async fn a_tenant_cannot_even_look() {
    let db = TestDatabase::new().await;
    let ctx = new_tenant(&db).await;
    let mut tx = inside(&ctx).await;
    assert!(matches!(
        list(&mut tx, None, None, 10).await,
        Err(KeyError::Database(_))
    ));
    let mut tx = inside(&ctx).await;
    let planted = create(&mut tx, Grants::all(), wanted(&["*"])).await;
    assert!(matches!(planted, Err(KeyError::Database(_))), "{planted:?}");
}
