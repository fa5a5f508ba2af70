//! Making deliveries of new events, as the platform: a transaction of a tenant does not see the platform's endpoints.

use isolation::{ControlTx, PlatformCtx, Tx};
use kernel::{Id, TenantId};

use crate::deliveries::{DeliveryEntity, DeliveryId};
use crate::endpoints::EndpointId;
use crate::event::EventId;

/// Events that are spread in one transaction.
const BATCH: i64 = 200;

/// Spreads some new events; answers how many.
pub(super) async fn spread(ctx: &PlatformCtx) -> Result<usize, sqlx::Error> {
    let mut tx = ctx.control().await?;
    let now = tx.now();
    let events = sqlx::query_scalar!(
        r#"select id as "id: EventId" from control.webhook_events where not spread
           order by id limit $1 for update skip locked"#,
        BATCH
    )
    .fetch_all(tx.conn())
    .await?;
    if events.is_empty() {
        return Ok(0);
    }
    let heard = sqlx::query!(
        r#"select v.id as "event: EventId", e.id as "endpoint: EndpointId", e.tenant_id as "tenant: TenantId"
           from control.webhook_events v
           join control.webhook_endpoints e on e.owner in (v.tenant_id, '00000000-0000-0000-0000-000000000000')
           where v.id = any ($1) and e.status = 'active'
             and (e.event_types = '{}' or v.type = any (e.event_types))
           order by v.id, e.id"#,
        &events as _
    )
    .fetch_all(tx.conn())
    .await?;
    let ids: Vec<DeliveryId> = heard.iter().map(|_| tx.new_id::<DeliveryEntity>()).collect();
    let endpoints: Vec<EndpointId> = heard.iter().map(|one| one.endpoint).collect();
    sqlx::query!(
        "insert into control.webhook_deliveries
             (id, tenant_id, endpoint_id, event_id, status, next_attempt_at, created_at, updated_at)
         select g.id, g.tenant, e.id, g.event, 'pending', $5, $5, $5
         from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[]) as g(id, tenant, endpoint, event)
         join control.webhook_endpoints e on e.id = g.endpoint
         on conflict (event_id, endpoint_id) do nothing",
        &ids as _,
        &heard
            .iter()
            .map(|one| one.tenant.map(Id::uuid))
            .collect::<Vec<_>>() as _,
        &endpoints as _,
        &heard.iter().map(|one| one.event).collect::<Vec<_>>() as _,
        now as _
    )
    .execute(tx.conn())
    .await?;
    wake(&mut tx, &endpoints).await?;
    sqlx::query!(
        "update control.webhook_events set spread = true where id = any ($1)",
        &events as _
    )
    .execute(tx.conn())
    .await?;
    tx.commit().await?;
    Ok(events.len())
}

async fn wake(tx: &mut ControlTx, endpoints: &[EndpointId]) -> Result<(), sqlx::Error> {
    let now = tx.now();
    // In one order everywhere, so that two nodes that spread to the same endpoints do not block each other.
    sqlx::query!(
        "update control.webhook_endpoints e set due_at = least(e.due_at, $2)
         from (select id from control.webhook_endpoints where id = any ($1) order by id for no key update) woken
         where e.id = woken.id",
        endpoints as _,
        now as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
