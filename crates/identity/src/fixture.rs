//! What this crate's tests begin with.

use std::sync::Arc;

use isolation::{Caller, ControlTx, IsolationStrategy, RequestInfo, TenantCtx};
use kernel::{Actor, Grants, Permission, Secret, TenantId, Timestamp};
use testkit::TestDatabase;

use crate::api_keys::{self, ApiKey, NewApiKey};
use crate::users::{self, User};

pub(crate) async fn platform(db: &TestDatabase) -> ControlTx {
    db.system().control().await.expect("the control plane answers")
}

pub(crate) async fn new_tenant(db: &TestDatabase) -> TenantCtx {
    db.tenant(IsolationStrategy::SharedDatabase).await
}

pub(crate) async fn inside(ctx: &TenantCtx) -> ControlTx {
    ctx.control().await.expect("the control plane answers")
}

/// The same tenant, entered by someone who may do this.
pub(crate) fn as_actor(db: &TestDatabase, ctx: &TenantCtx, actor: Actor, scopes: &[&str]) -> TenantCtx {
    let caller = Caller {
        actor,
        grants: grants(scopes),
        request: RequestInfo::default(),
        limit: None,
    };
    db.databases().tenant(Arc::new(ctx.store().clone()), caller)
}

pub(crate) fn grants(scopes: &[&str]) -> Grants<Permission> {
    Grants::parse(scopes).expect("known scopes")
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
    let name = crate::Name::parse("Ada Lovelace").expect("a name");
    let owner = users::create_owner(&mut tx, tenant, email, name, None)
        .await
        .expect("an owner");
    tx.commit().await.expect("committed");
    owner
}

/// The names of a tenant's events, oldest first.
pub(crate) async fn events(db: &TestDatabase, tenant: TenantId) -> Vec<String> {
    db.audit(tenant)
        .await
        .into_iter()
        .map(|event| event.event_type)
        .collect()
}

/// The tenant, entered by this person with what his role allows.
pub(crate) fn as_user(db: &TestDatabase, ctx: &TenantCtx, user: &User) -> TenantCtx {
    let scopes = user.role.builtin().expect("one that every tenant has").scopes();
    let actor = Actor::new(kernel::ActorKind::User, user.id.to_string());
    as_actor(db, ctx, actor, scopes)
}

/// A committed person of this role and status.
pub(crate) async fn person(
    db: &TestDatabase,
    tenant: TenantId,
    name: &str,
    role: &str,
    status: users::UserStatus,
) -> User {
    let mut tx = platform(db).await;
    let new = users::NewUser {
        email: format!("{}@example.com", name.to_lowercase())
            .parse()
            .expect("an address"),
        name: crate::Name::parse(name).expect("a name"),
        role: role.parse().expect("a role's name"),
    };
    let user = users::add(&mut tx, tenant, Grants::all(), new)
        .await
        .expect("added");
    sqlx::query("update control.users set status = $2, email_verified = $2 <> 'invited' where id = $1")
        .bind(user.id)
        .bind(status)
        .execute(isolation::Tx::conn(&mut tx))
        .await
        .expect("updated");
    let user = users::get(&mut tx, tenant, user.id).await.expect("there");
    tx.commit().await.expect("committed");
    user
}

/// The tenant's plan from now on.
pub(crate) async fn on_plan(db: &TestDatabase, tenant: TenantId, plan: &str) {
    let mut tx = platform(db).await;
    sqlx::query("update control.tenants set plan = $2 where id = $1")
        .bind(tenant)
        .bind(plan)
        .execute(isolation::Tx::conn(&mut tx))
        .await
        .expect("updated");
    tx.commit().await.expect("committed");
}
