//! Statements on `control.webhook_endpoints`. An owner is a tenant, or none for the platform.

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use uuid::Uuid;

use super::model::{Endpoint, EndpointId, Reason, Status};
use crate::event::EventType;

pub(super) struct Row {
    id: EndpointId,
    tenant_id: Option<TenantId>,
    url: String,
    description: String,
    event_types: Vec<String>,
    status: Status,
    reason: Option<Reason>,
    failing_since: Option<Timestamp>,
    former_until: Option<Timestamp>,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Row {
    fn endpoint(self, now: Timestamp) -> Endpoint {
        let known = self.event_types.iter();
        Endpoint {
            id: self.id,
            tenant_id: self.tenant_id,
            url: self.url,
            description: self.description,
            event_types: known.filter_map(|name| EventType::from_name(name)).collect(),
            status: self.status,
            disabled_reason: self.reason,
            failing_since: self.failing_since,
            former_secret_until: self.former_until.filter(|until| now < *until),
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

/// The value of the column `owner`.
fn owner_of(tenant: Option<TenantId>) -> Uuid {
    tenant.map_or(Uuid::nil(), kernel::Id::uuid)
}

fn names(types: &[EventType]) -> Vec<String> {
    types.iter().map(|one| one.name().to_owned()).collect()
}

macro_rules! select_endpoint {
    ($rest:literal $(, $parameter:expr)*) => {
        sqlx::query_as!(
            Row,
            r#"select id as "id: _", tenant_id as "tenant_id: _", url, description, event_types, status as "status: _",
                      reason as "reason: _", failing_since as "failing_since: _", former_until as "former_until: _",
                      version, created_at as "created_at: _", updated_at as "updated_at: _"
               from control.webhook_endpoints where "# + $rest
            $(, $parameter)*
        )
    };
}

pub(super) async fn insert(
    tx: &mut ControlTx,
    endpoint: &Endpoint,
    secret_sealed: &[u8],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into control.webhook_endpoints
             (id, tenant_id, url, description, event_types, status, secret_sealed, version, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
        endpoint.id as _,
        endpoint.tenant_id as _,
        endpoint.url,
        endpoint.description,
        &names(&endpoint.event_types),
        endpoint.status as _,
        secret_sealed,
        endpoint.version,
        endpoint.created_at as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn count(tx: &mut ControlTx, owner: Option<TenantId>) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from control.webhook_endpoints where owner = $1"#,
        owner_of(owner)
    )
    .fetch_one(tx.conn())
    .await
}

pub(super) async fn page(
    tx: &mut ControlTx,
    owner: Option<TenantId>,
    after: Option<EndpointId>,
    limit: i64,
) -> Result<Vec<Endpoint>, sqlx::Error> {
    let before = after.map_or(Uuid::max(), kernel::Id::uuid);
    let now = tx.now();
    let rows = select_endpoint!(
        "owner = $1 and id < $2 order by id desc limit $3",
        owner_of(owner),
        before,
        limit
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| row.endpoint(now)).collect())
}

pub(super) async fn get(
    tx: &mut ControlTx,
    owner: Option<TenantId>,
    id: EndpointId,
) -> Result<Option<Endpoint>, sqlx::Error> {
    let now = tx.now();
    let row = select_endpoint!("owner = $1 and id = $2", owner_of(owner), id as _)
        .fetch_optional(tx.conn())
        .await?;
    Ok(row.map(|row| row.endpoint(now)))
}

/// The endpoint as it is once nobody else can change it in this transaction's time; deliveries may still refer to it.
pub(crate) async fn lock(
    tx: &mut ControlTx,
    owner: Option<TenantId>,
    id: EndpointId,
) -> Result<Option<Endpoint>, sqlx::Error> {
    let now = tx.now();
    let row = select_endpoint!(
        "owner = $1 and id = $2 for no key update",
        owner_of(owner),
        id as _
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| row.endpoint(now)))
}

/// Everything that its owner can change. One that becomes active begins anew.
pub(super) async fn save(tx: &mut ControlTx, endpoint: &Endpoint) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update control.webhook_endpoints
         set url = $2, description = $3, event_types = $4, status = $5, reason = $6, failing_since = $7,
             version = $8, updated_at = $9,
             held_until = case when $7::timestamptz is null then null else held_until end,
             due_at = case when $5 = 'active' then due_at end
         where id = $1",
        endpoint.id as _,
        endpoint.url,
        endpoint.description,
        &names(&endpoint.event_types),
        endpoint.status as _,
        endpoint.disabled_reason as _,
        endpoint.failing_since as _,
        endpoint.version,
        endpoint.updated_at as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What waits for a locked endpoint that is disabled now will not be sent.
pub(super) async fn fail_pending(tx: &mut ControlTx, id: EndpointId) -> Result<u64, sqlx::Error> {
    let now = tx.now();
    let failed = sqlx::query!(
        "update control.webhook_deliveries set status = 'failed', next_attempt_at = null, updated_at = $2
         where endpoint_id = $1 and status = 'pending'",
        id as _,
        now as _
    )
    .execute(tx.conn())
    .await?;
    Ok(failed.rows_affected())
}

/// The new secret signs from now on, the present one too until then.
pub(super) async fn replace_secret(
    tx: &mut ControlTx,
    id: EndpointId,
    sealed: &[u8],
    former_until: Timestamp,
) -> Result<(), sqlx::Error> {
    let now = tx.now();
    sqlx::query!(
        "update control.webhook_endpoints
         set former_sealed = secret_sealed, former_until = $3, secret_sealed = $2, version = version + 1, updated_at = $4
         where id = $1",
        id as _,
        sealed,
        former_until as _,
        now as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn delete(tx: &mut ControlTx, id: EndpointId) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from control.webhook_endpoints where id = $1", id as _)
        .execute(tx.conn())
        .await?;
    Ok(())
}
