//! The three queries that know all callers.

use identity::token::Hash;
use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp, UserId};
use uuid::Uuid;

use crate::sessions::{Kind, SessionId, Stage};

/// What sort of credential a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub(super) enum Sort {
    ApiKey,
    AdminApiKey,
    Session,
}

/// A credential with everything that decides what it opens.
pub(super) struct Row {
    pub(super) sort: Sort,
    pub(super) tenant: Option<Uuid>,
    pub(super) id: Uuid,
    /// The person or the operator: who logged in, or for whom the key acts.
    pub(super) holder: Option<Uuid>,
    /// The person's role.
    pub(super) role: Option<String>,
    /// What that role allows, where it is the tenant's own; what the operator may do.
    pub(super) allowed: Option<Vec<String>>,
    /// What the key may do.
    pub(super) scopes: Option<Vec<String>>,
    /// The only tenants that the operator sees.
    pub(super) tenants: Option<Vec<Uuid>>,
    pub(super) kind: Option<Kind>,
    pub(super) stage: Option<Stage>,
    pub(super) last_seen_at: Option<Timestamp>,
    pub(super) idle_seconds: Option<i32>,
    pub(super) expires_at: Option<Timestamp>,
}

/// The key or the session of this hash, unless it was revoked or ended, or its person cannot come in.
pub(super) async fn by_hash(tx: &mut ControlTx, hash: &Hash) -> Result<Option<Row>, sqlx::Error> {
    sqlx::query_as!(
        Row,
        r#"select 'api_key' as "sort!: Sort", k.tenant_id as "tenant?", k.id as "id!", k.user_id as "holder?",
                  u.role as "role?", r.permissions as "allowed?", k.scopes as "scopes?", null::uuid[] as "tenants?",
                  null as "kind?: Kind", null as "stage?: Stage", null::timestamptz as "last_seen_at?: Timestamp", null::int as idle_seconds,
                  k.expires_at as "expires_at?: Timestamp"
           from control.api_keys k
           left join control.users u on u.tenant_id = k.tenant_id and u.id = k.user_id
           left join control.roles r on r.tenant_id = u.tenant_id and r.name = u.custom_role
           where k.secret_hash = $1 and k.revoked_at is null and (k.user_id is null or u.status = 'active')
           union all
           select 'admin_api_key', null, k.id, k.admin_id, null, a.permissions, k.scopes, a.tenants, null, null,
                  null, null, k.expires_at
           from control.admin_api_keys k
           left join control.admins a on a.id = k.admin_id
           where k.secret_hash = $1 and k.revoked_at is null and (k.admin_id is null or a.status = 'active')
           union all
           select 'session', s.tenant_id, s.id, s.person_id, u.role, coalesce(r.permissions, a.permissions), null,
                  a.tenants, s.kind, s.stage, s.last_seen_at, s.idle_seconds,
                  least(s.expires_at, s.waiting_until)
           from control.sessions s
           left join control.users u on u.tenant_id = s.tenant_id and u.id = s.user_id
           left join control.roles r on r.tenant_id = u.tenant_id and r.name = u.custom_role
           left join control.admins a on a.id = s.admin_id
           where s.secret_hash = $1 and s.ended_at is null and coalesce(u.status, a.status) = 'active'"#,
        &hash[..]
    )
    .fetch_optional(tx.conn())
    .await
}

/// The open session that access tokens name so, unless it was ended or its person cannot come in.
pub(super) async fn by_session(tx: &mut ControlTx, id: SessionId) -> Result<Option<Row>, sqlx::Error> {
    sqlx::query_as!(
        Row,
        r#"select 'session' as "sort!: Sort", s.tenant_id as "tenant?", s.id as "id!", s.person_id as "holder?",
                  u.role as "role?", coalesce(r.permissions, a.permissions) as "allowed?", null::text[] as "scopes?",
                  a.tenants as "tenants?", s.kind as "kind?: Kind", s.stage as "stage?: Stage",
                  s.last_seen_at as "last_seen_at?: Timestamp",
                  s.idle_seconds as "idle_seconds?", s.expires_at as "expires_at?: Timestamp"
           from control.sessions s
           left join control.users u on u.tenant_id = s.tenant_id and u.id = s.user_id
           left join control.roles r on r.tenant_id = u.tenant_id and r.name = u.custom_role
           left join control.admins a on a.id = s.admin_id
           where s.id = $1 and s.kind = 'token' and s.stage = 'open' and s.ended_at is null
             and coalesce(u.status, a.status) = 'active'"#,
        id as _
    )
    .fetch_optional(tx.conn())
    .await
}

/// A person whom a gateway vouches for.
pub(super) struct PersonRow {
    pub(super) active: bool,
    pub(super) role: String,
    pub(super) allowed: Option<Vec<String>>,
}

pub(super) async fn by_person(
    tx: &mut ControlTx,
    tenant: TenantId,
    user: UserId,
) -> Result<Option<PersonRow>, sqlx::Error> {
    sqlx::query_as!(
        PersonRow,
        r#"select u.status = 'active' as "active!", u.role, r.permissions as "allowed?"
           from control.users u
           left join control.roles r on r.tenant_id = u.tenant_id and r.name = u.custom_role
           where u.tenant_id = $1 and u.id = $2"#,
        tenant as _,
        user as _
    )
    .fetch_optional(tx.conn())
    .await
}
