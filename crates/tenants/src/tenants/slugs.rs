//! Who holds which slug: in use, leading to a renamed tenant, or in quarantine. The primary key decides, not a
//! look beforehand.
//!
//! Every change is announced under the topic `slug`, so that caches forget it.

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};

use super::model::{QUARANTINE_DAYS, REDIRECT_DAYS};
use super::slug::Slug;

/// The topic that changes of slugs are announced under.
pub(crate) const TOPIC: &str = "slug";

/// Takes the slug if it is free, claimable again, or was the tenant's own before; false if another has it.
pub(super) async fn claim(tx: &mut ControlTx, slug: &Slug, tenant: TenantId) -> Result<bool, sqlx::Error> {
    let now = tx.now();
    let claimed = sqlx::query!(
        "insert into control.slugs as held (slug, tenant_id) values ($1, $2)
         on conflict (slug) do update
             set tenant_id = excluded.tenant_id, redirect_until = null, claimable_at = null
             where held.claimable_at <= $3 or held.tenant_id = excluded.tenant_id",
        slug as _,
        tenant as _,
        now as _
    )
    .execute(tx.conn())
    .await?
    .rows_affected()
        == 1;
    if claimed {
        tx.announce(TOPIC, slug.as_str()).await?;
    }
    Ok(claimed)
}

/// The tenant is called otherwise now: the old slug leads to it for a while and is then in quarantine.
pub(super) async fn give_up(tx: &mut ControlTx, slug: &Slug, tenant: TenantId) -> Result<(), sqlx::Error> {
    let redirect_until = tx.now().plus_days(REDIRECT_DAYS);
    let claimable_at = redirect_until.plus_days(QUARANTINE_DAYS);
    sqlx::query!(
        "update control.slugs set redirect_until = $3, claimable_at = $4 where slug = $1 and tenant_id = $2",
        slug as _,
        tenant as _,
        redirect_until as _,
        claimable_at as _
    )
    .execute(tx.conn())
    .await?;
    tx.announce(TOPIC, slug.as_str()).await
}

/// The tenant never came to be: its slugs are free at once.
pub(super) async fn free_all(tx: &mut ControlTx, tenant: TenantId) -> Result<(), sqlx::Error> {
    let slugs: Vec<Slug> = sqlx::query_scalar!(
        r#"delete from control.slugs where tenant_id = $1 returning slug as "slug: _""#,
        tenant as _
    )
    .fetch_all(tx.conn())
    .await?;
    announce_all(tx, &slugs).await
}

/// The tenant is gone: none of its slugs leads anywhere, and none can be claimed for a while.
pub(super) async fn quarantine_all(tx: &mut ControlTx, tenant: TenantId) -> Result<(), sqlx::Error> {
    let claimable_at: Timestamp = tx.now().plus_days(QUARANTINE_DAYS);
    let slugs: Vec<Slug> = sqlx::query_scalar!(
        r#"update control.slugs
           set redirect_until = null, claimable_at = greatest(claimable_at, $2::timestamptz)
           where tenant_id = $1 returning slug as "slug: _""#,
        tenant as _,
        claimable_at as _
    )
    .fetch_all(tx.conn())
    .await?;
    announce_all(tx, &slugs).await
}

/// Forgets the slugs that anybody may claim again, and with them whose they were.
pub(super) async fn prune(tx: &mut ControlTx) -> Result<u64, sqlx::Error> {
    let now = tx.now();
    let pruned = sqlx::query!("delete from control.slugs where claimable_at <= $1", now as _)
        .execute(tx.conn())
        .await?;
    Ok(pruned.rows_affected())
}

async fn announce_all(tx: &mut ControlTx, slugs: &[Slug]) -> Result<(), sqlx::Error> {
    for slug in slugs {
        tx.announce(TOPIC, slug.as_str()).await?;
    }
    Ok(())
}
