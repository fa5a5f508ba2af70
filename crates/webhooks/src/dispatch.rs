//! Delivering: one task a node, beside the queue of jobs, because whoever answers slowly would hold the queue's few
//! places, and because fairness is between endpoints, which the queue does not know.
//!
//! - `spread` makes deliveries of new events.
//! - An endpoint that has something due is leased to a node for one turn (`turn`): some deliveries, `AT_ONCE` at a
//!   time, none more after one failed. Then the others have their turn. So whoever is dead holds one of `SLOTS` for one
//!   time limit, and an owner with many dead endpoints holds `SLOTS_OF_ONE`.
//! - An attempt that fails is repeated by `retry`'s schedule.

mod attempt;
mod retry;
mod spread;
mod turn;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use isolation::{Databases, PlatformCtx, Tx};
use kernel::TenantId;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::endpoints::EndpointId;
use crate::service::Webhooks;

pub use retry::ATTEMPTS;

/// Endpoints that a node delivers to at one time.
const SLOTS: usize = 64;
/// Of these, endpoints of one owner.
const SLOTS_OF_ONE: usize = 8;
/// Endpoints that are taken in one go, so that one owner cannot get many more than his.
const TAKEN: usize = 4;
/// Deliveries to one endpoint at one time.
const AT_ONCE: usize = 4;
/// Longer than a turn takes, so that nobody else delivers at the same time.
const LEASE_SECONDS: f64 = 90.0;
const IDLE: Duration = Duration::from_millis(200);

/// An endpoint that is this node's for one turn.
#[derive(Debug, Clone, Copy)]
struct Leased {
    endpoint: EndpointId,
    tenant: Option<TenantId>,
    owner: Uuid,
}

/// How many endpoints of each owner have their turn.
type Busy = Arc<Mutex<HashMap<Uuid, usize>>>;

impl Webhooks {
    /// Delivers until told to stop, then waits for what is under way. Every node runs it once.
    pub async fn run(self, databases: Databases, stop: CancellationToken) {
        let (ctx, busy, tasks) = (databases.system("webhooks"), Busy::default(), TaskTracker::new());
        while !stop.is_cancelled() {
            let worked = self.step(&ctx, &busy, &tasks, &stop).await;
            let worked = worked.unwrap_or_else(|error| {
                tracing::warn!(%error, "webhooks could not be looked after; trying again");
                false
            });
            if !worked {
                tokio::select! { () = stop.cancelled() => {}, () = tokio::time::sleep(IDLE) => {} }
            }
        }
        tasks.close();
        tasks.wait().await;
    }

    /// Whether there was something to do.
    async fn step(
        &self,
        ctx: &PlatformCtx,
        busy: &Busy,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<bool, sqlx::Error> {
        let spread = spread::spread(ctx).await?;
        let leased = self.lease(ctx, busy).await?;
        let worked = spread > 0 || !leased.is_empty();
        for leased in leased {
            let (webhooks, ctx, stop) = (self.clone(), ctx.clone(), stop.clone());
            let place = Place::take(busy, leased.owner);
            tasks.spawn(async move {
                turn::turn(&webhooks, &ctx, leased, &stop).await;
                drop(place);
            });
        }
        Ok(worked)
    }

    async fn lease(&self, ctx: &PlatformCtx, busy: &Busy) -> Result<Vec<Leased>, sqlx::Error> {
        let (free, full) = {
            let busy = busy.lock().unwrap_or_else(PoisonError::into_inner);
            let full = busy.iter().filter(|(_, held)| **held >= SLOTS_OF_ONE);
            let full: Vec<Uuid> = full.map(|(owner, _)| *owner).collect();
            (SLOTS.saturating_sub(busy.values().sum()), full)
        };
        lease(ctx, free.min(TAKEN), &full).await
    }

    /// Does everything that is due by now, as [`run`](Self::run) would.
    #[cfg(test)]
    pub(crate) async fn settle(&self, databases: &Databases) {
        let (ctx, busy, tasks) = (databases.system("webhooks"), Busy::default(), TaskTracker::new());
        let never = CancellationToken::new();
        while self.step(&ctx, &busy, &tasks, &never).await.expect("it works") {
            tasks.close();
            tasks.wait().await;
            tasks.reopen();
        }
    }
}

/// A place that is held while an endpoint has its turn.
struct Place {
    busy: Busy,
    owner: Uuid,
}

impl Place {
    fn take(busy: &Busy, owner: Uuid) -> Self {
        let mut held = busy.lock().unwrap_or_else(PoisonError::into_inner);
        *held.entry(owner).or_default() += 1;
        drop(held);
        Self {
            busy: Arc::clone(busy),
            owner,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.owner) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.owner);
            }
        }
    }
}

/// Takes endpoints that have something due, those that wait longest first, none of these owners.
async fn lease(ctx: &PlatformCtx, most: usize, full: &[Uuid]) -> Result<Vec<Leased>, sqlx::Error> {
    if most == 0 {
        return Ok(Vec::new());
    }
    let mut tx = ctx.control().await?;
    let now = tx.now();
    let rows = sqlx::query!(
        r#"update control.webhook_endpoints e set lease_until = clock_timestamp() + make_interval(secs => $3)
           from (select id from control.webhook_endpoints
                 where status = 'active' and due_at <= $1 and (held_until is null or held_until <= $1)
                   and (lease_until is null or lease_until < clock_timestamp()) and owner <> all ($2)
                 order by due_at limit $4 for no key update skip locked) due
           where e.id = due.id
           returning e.id as "id: EndpointId", e.tenant_id as "tenant: TenantId", e.owner"#,
        now as _,
        full,
        LEASE_SECONDS,
        i64::try_from(most).unwrap_or(1)
    )
    .fetch_all(tx.conn())
    .await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    tx.commit().await?;
    let leased = rows.into_iter().map(|row| Leased {
        endpoint: row.id,
        tenant: row.tenant,
        owner: row.owner,
    });
    Ok(leased.collect())
}
