//! What this crate's tests begin with.

use identity::Name;
use identity::api_keys::{self, ApiKey, NewApiKey};
use identity::users::{self, User};
use isolation::{ControlTx, IsolationStrategy, TenantCtx};
use kernel::{Grants, Secret, TenantId, Timestamp};
use testkit::TestDatabase;

pub(crate) async fn platform(db: &TestDatabase) -> ControlTx {
    db.system().control().await.expect("the control plane answers")
}

pub(crate) async fn new_tenant(db: &TestDatabase) -> TenantCtx {
    db.tenant(IsolationStrategy::SharedDatabase).await
}

pub(crate) fn wanted(name: &str, scopes: &[&str], expires_at: Option<Timestamp>) -> NewApiKey {
    NewApiKey {
        name: name.to_owned(),
        scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        expires_at,
        user_id: None,
    }
}

/// A committed key.
pub(crate) async fn key(db: &TestDatabase, tenant: TenantId, new: NewApiKey) -> (ApiKey, Secret<String>) {
    let mut tx = platform(db).await;
    let made = api_keys::create(&mut tx, tenant, Grants::all(), new)
        .await
        .expect("a key");
    tx.commit().await.expect("committed");
    made
}

/// A committed owner, waiting for his invitation.
pub(crate) async fn owner(db: &TestDatabase, tenant: TenantId) -> User {
    let mut tx = platform(db).await;
    let email = "ada@example.com".parse().expect("an address");
    let name = Name::parse("Ada Lovelace").expect("a name");
    let owner = users::create_owner(&mut tx, tenant, email, name, None)
        .await
        .expect("an owner");
    tx.commit().await.expect("committed");
    owner
}
