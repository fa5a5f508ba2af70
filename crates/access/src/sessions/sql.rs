//! Sessions in the database.

use identity::admins::Authority;
use identity::token::Hash;
use identity::{Person, roles};
use isolation::{ControlTx, Tx};
use kernel::permission::Registry;
use kernel::{AdminPermission, Grants, Permission, TenantId, Timestamp};
use uuid::Uuid;

use super::model::{EndReason, Kind, PENDING_LIFETIME, Session, SessionId, Stage};

struct Row {
    id: SessionId,
    tenant: Option<TenantId>,
    person: Uuid,
    kind: Kind,
    stage: Stage,
    ip: Option<String>,
    user_agent: Option<String>,
    created_at: Timestamp,
    last_seen_at: Timestamp,
    expires_at: Timestamp,
}

impl From<Row> for Session {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            person: Person::from_columns(row.tenant, row.person),
            kind: row.kind,
            stage: row.stage,
            current: false,
            ip_address: row.ip,
            user_agent: row.user_agent,
            created_at: row.created_at,
            last_seen_at: row.last_seen_at,
            expires_at: row.expires_at,
        }
    }
}

pub(super) async fn insert(
    tx: &mut ControlTx,
    session: &Session,
    secret: Option<&Hash>,
    idle_seconds: i32,
) -> Result<(), sqlx::Error> {
    let waiting = session.stage != Stage::Open;
    let waiting_until = waiting.then(|| session.created_at.plus(PENDING_LIFETIME));
    sqlx::query!(
        "insert into control.sessions
             (id, tenant_id, person_id, kind, stage, secret_hash, ip, user_agent, created_at, last_seen_at, idle_seconds,
              expires_at, waiting_until)
         values ($1, $2, $3, $4, $5, $6, $7::text::inet, $8, $9, $10, $11, $12, $13)",
        session.id as _,
        session.person.tenant() as _,
        session.person.uuid(),
        session.kind as _,
        session.stage as _,
        secret.map(|hash| &hash[..]),
        session.ip_address,
        session.user_agent,
        session.created_at as _,
        session.last_seen_at as _,
        idle_seconds,
        session.expires_at as _,
        waiting_until as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The session, unless it has ended.
pub(super) async fn get(
    tx: &mut ControlTx,
    id: SessionId,
    now: Timestamp,
) -> Result<Option<Session>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        r#"select id as "id: _", tenant_id as "tenant: _", person_id as person, kind as "kind: _", stage as "stage: _",
                  host(ip) as ip, user_agent, created_at as "created_at: _", last_seen_at as "last_seen_at: _",
                  expires_at as "expires_at: _"
           from control.sessions
           where id = $1 and ended_at is null and expires_at > $2
             and last_seen_at + make_interval(secs => idle_seconds) > $2
             and (waiting_until is null or waiting_until > $2)"#,
        id as _,
        now as _
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(Session::from))
}

/// The person's sessions that have not ended, newest first.
pub(super) async fn list(
    tx: &mut ControlTx,
    person: Person,
    now: Timestamp,
) -> Result<Vec<Session>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"select id as "id: _", tenant_id as "tenant: _", person_id as person, kind as "kind: _", stage as "stage: _",
                  host(ip) as ip, user_agent, created_at as "created_at: _", last_seen_at as "last_seen_at: _",
                  expires_at as "expires_at: _"
           from control.sessions
           where person_id = $1 and tenant_id is not distinct from $2 and ended_at is null and expires_at > $3
             and last_seen_at + make_interval(secs => idle_seconds) > $3
             and (waiting_until is null or waiting_until > $3)
           order by id desc limit 200"#,
        person.uuid(),
        person.tenant() as _,
        now as _
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(Session::from).collect())
}

/// A session that was changed, and the secret that named it before.
pub(super) struct Former {
    pub(super) id: SessionId,
    pub(super) tenant: Option<TenantId>,
    pub(super) person: Uuid,
    pub(super) secret_hash: Option<Vec<u8>>,
}

impl Former {
    pub(super) fn person(&self) -> Person {
        Person::from_columns(self.tenant, self.person)
    }
}

/// Ends the session, if it has not ended.
pub(super) async fn end(
    tx: &mut ControlTx,
    id: SessionId,
    reason: EndReason,
) -> Result<Option<Former>, sqlx::Error> {
    let now = tx.now();
    sqlx::query_as!(
        Former,
        r#"with former as (select id, secret_hash from control.sessions where id = $1 and ended_at is null for update)
           update control.sessions s set ended_at = $2, end_reason = $3, secret_hash = null
           from former where s.id = former.id
           returning s.id as "id: _", s.tenant_id as "tenant: _", s.person_id as person, former.secret_hash as "secret_hash?""#,
        id as _,
        now as _,
        reason as _
    )
    .fetch_optional(tx.conn())
    .await
}

/// Ends all of the person's sessions but this one. Locked in one order, so that two who do so do not wait in a ring.
pub(super) async fn end_all(
    tx: &mut ControlTx,
    person: Person,
    except: Option<SessionId>,
    reason: EndReason,
) -> Result<Vec<Former>, sqlx::Error> {
    let now = tx.now();
    sqlx::query_as!(
        Former,
        r#"with former as (select id, secret_hash from control.sessions
                           where person_id = $1 and tenant_id is not distinct from $2 and ended_at is null
                             and id is distinct from $3 order by id for update)
           update control.sessions s set ended_at = $4, end_reason = $5, secret_hash = null
           from former where s.id = former.id
           returning s.id as "id: _", s.tenant_id as "tenant: _", s.person_id as person, former.secret_hash as "secret_hash?""#,
        person.uuid(),
        person.tenant() as _,
        except as _,
        now as _,
        reason as _
    )
    .fetch_all(tx.conn())
    .await
}

/// Opens the session, or keeps it open, under another secret.
pub(super) async fn reopen(
    tx: &mut ControlTx,
    id: SessionId,
    from_stages: &[String],
    secret: Option<&Hash>,
) -> Result<Option<Former>, sqlx::Error> {
    let now = tx.now();
    sqlx::query_as!(
        Former,
        r#"with former as (select id, secret_hash from control.sessions
                           where id = $1 and ended_at is null and expires_at > $2 and stage = any ($3) for update)
           update control.sessions s set stage = 'open', waiting_until = null, secret_hash = $4, last_seen_at = $2
           from former where s.id = former.id
           returning s.id as "id: _", s.tenant_id as "tenant: _", s.person_id as person, former.secret_hash as "secret_hash?""#,
        id as _,
        now as _,
        from_stages,
        secret.map(|hash| &hash[..])
    )
    .fetch_optional(tx.conn())
    .await
}

pub(super) async fn insert_refresh_token(
    tx: &mut ControlTx,
    hash: &Hash,
    session: &Session,
) -> Result<(), sqlx::Error> {
    let now = tx.now();
    sqlx::query!(
        "insert into control.refresh_tokens (token_hash, tenant_id, session_id, created_at, expires_at)
         values ($1, $2, $3, $4, $5)",
        &hash[..],
        session.person.tenant() as _,
        session.id as _,
        now as _,
        session.expires_at as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A presented refresh token, locked together with its session.
pub(super) struct Presented {
    pub(super) session: SessionId,
    pub(super) tenant: Option<TenantId>,
    pub(super) person: Uuid,
    pub(super) used: bool,
}

pub(super) async fn find_refresh_token(
    tx: &mut ControlTx,
    hash: &Hash,
) -> Result<Option<Presented>, sqlx::Error> {
    sqlx::query_as!(
        Presented,
        r#"select s.id as "session: _", s.tenant_id as "tenant: _", s.person_id as person, r.used_at is not null as "used!"
           from control.refresh_tokens r join control.sessions s on s.id = r.session_id
           where r.token_hash = $1 and s.ended_at is null
           for update of r, s"#,
        &hash[..]
    )
    .fetch_optional(tx.conn())
    .await
}

/// Marks the token as used and its session as seen.
pub(super) async fn use_refresh_token(
    tx: &mut ControlTx,
    hash: &Hash,
    session: SessionId,
) -> Result<(), sqlx::Error> {
    let now = tx.now();
    sqlx::query!(
        "with used as (update control.refresh_tokens set used_at = $2 where token_hash = $1)
         update control.sessions set last_seen_at = greatest(last_seen_at, $2) where id = $3",
        &hash[..],
        now as _,
        session as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn delete_ended(tx: &mut ControlTx, before: Timestamp) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from control.sessions where expires_at < $1", before as _)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// What a person may do today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rights {
    /// In his tenant, by his role.
    Tenant {
        role: String,
        grants: Grants<Permission>,
    },
    /// On the platform.
    Platform { grants: Grants<AdminPermission> },
}

impl Rights {
    pub(super) fn role(&self) -> Option<&str> {
        match self {
            Self::Tenant { role, .. } => Some(role),
            Self::Platform { .. } => None,
        }
    }

    /// As a token says it: every permission by its name.
    pub(super) fn scope(&self) -> String {
        match self {
            Self::Tenant { grants, .. } => names(*grants),
            Self::Platform { grants } => names(*grants),
        }
    }
}

fn names<P: Registry>(grants: Grants<P>) -> String {
    let granted = P::ALL.iter().filter(|permission| grants.contains(**permission));
    granted
        .map(|permission| permission.name())
        .collect::<Vec<_>>()
        .join(" ")
}

/// What the person may do, unless he may not come in at all.
pub(super) async fn rights_of(tx: &mut ControlTx, person: Person) -> Result<Option<Rights>, sqlx::Error> {
    match person {
        Person::User(tenant, user) => {
            let row = sqlx::query!(
                r#"select u.role, r.permissions as "own?"
                   from control.users u
                   left join control.roles r on r.tenant_id = u.tenant_id and r.name = u.custom_role
                   where u.tenant_id = $1 and u.id = $2 and u.status = 'active'"#,
                tenant as _,
                user as _
            )
            .fetch_optional(tx.conn())
            .await?;
            Ok(row.map(|row| Rights::Tenant {
                grants: roles::grants(&row.role, row.own.as_deref()),
                role: row.role,
            }))
        }
        Person::Admin(admin) => {
            let row = sqlx::query!(
                r#"select permissions, tenants as "tenants: Vec<TenantId>" from control.admins
                   where id = $1 and status = 'active'"#,
                admin as _
            )
            .fetch_optional(tx.conn())
            .await?;
            Ok(row.map(|row| Rights::Platform {
                grants: Authority::stored(admin, &row.permissions, row.tenants).grants,
            }))
        }
    }
}
