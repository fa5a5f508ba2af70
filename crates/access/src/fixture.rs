//! What this crate's tests begin with.

use identity::admins::AdminId;
use identity::api_keys::{self, ApiKey, NewApiKey};
use identity::users::{self, User};
use identity::{Name, Person};
use isolation::{ControlTx, IsolationStrategy, TenantCtx, Tx as _};
use kernel::{Grants, Secret, TenantId, Timestamp, UserId};
use testkit::TestDatabase;

use crate::access_tokens::SigningKeys;

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

/// Who issues the tests' access tokens.
pub(crate) const ISSUER: &str = "https://app.example.com";

/// The installation's signing keys.
pub(crate) async fn signing_keys(db: &TestDatabase) -> SigningKeys {
    let keys = SigningKeys::new(db.databases().clone(), ISSUER);
    keys.prepare().await.expect("a first key");
    keys
}

/// A committed person of this role who may come in.
pub(crate) async fn member(db: &TestDatabase, tenant: TenantId, role: &str) -> Person {
    let id: UserId = db.databases().seams().new_id();
    let mut tx = platform(db).await;
    let insert =
        "insert into control.users (tenant_id, id, email, name, role, status, created_at, updated_at)
                  values ($1, $2, $3, 'Ada', $4, 'active', now(), now())";
    let email = format!("{}@example.com", id.hex());
    let insert = sqlx::query(insert).bind(tenant).bind(id).bind(email).bind(role);
    insert.execute(tx.conn()).await.expect("added");
    tx.commit().await.expect("committed");
    Person::User(tenant, id)
}

/// A committed operator with these permissions.
pub(crate) async fn operator(db: &TestDatabase, permissions: &[&str]) -> Person {
    let id: AdminId = db.databases().seams().new_id();
    let mut tx = platform(db).await;
    let insert = "insert into control.admins (id, email, name, permissions, status, password_hash, created_at, updated_at)
                  values ($1, $2, 'Op', $3, 'active', '', now(), now())";
    let insert = sqlx::query(insert)
        .bind(id)
        .bind(format!("{}@example.com", id.hex()));
    let insert = insert.bind(permissions.iter().map(ToString::to_string).collect::<Vec<_>>());
    insert.execute(tx.conn()).await.expect("added");
    tx.commit().await.expect("committed");
    Person::Admin(id)
}
