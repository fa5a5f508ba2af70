//! The statements on `control.custom_domains`.

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};

use super::hostname::Hostname;
use super::model::{CustomDomain, DomainStatus, QUARANTINE_DAYS};

/// `select_domains!("where …", parameters)`: a checked query for [`CustomDomain`]s.
macro_rules! select_domains {
    ($rest:literal $(, $parameter:expr)*) => {
        sqlx::query_as!(
            CustomDomain,
            r#"select id as "id: _", tenant_id as "tenant: _", domain as "domain: _", status as "status: _",
                      verification_token, created_at as "created_at: _", verified_at as "verified_at: _",
                      claimable_at as "claimable_at: _"
               from control.custom_domains "# + $rest
            $(, $parameter)*
        )
    };
}

/// Takes the name if it is free, claimable again, or was this tenant's before; false if somebody holds it.
pub(super) async fn claim(tx: &mut ControlTx, claim: &CustomDomain) -> Result<bool, sqlx::Error> {
    let now = tx.now();
    let claimed = sqlx::query!(
        "insert into control.custom_domains as held (domain, tenant_id, id, status, verification_token, created_at)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (domain) do update
             set tenant_id = excluded.tenant_id, id = excluded.id, status = excluded.status,
                 verification_token = excluded.verification_token, created_at = excluded.created_at,
                 verified_at = null, claimable_at = null
             where held.status = 'released' and (held.claimable_at <= $7 or held.tenant_id = excluded.tenant_id)",
        &claim.domain as _,
        claim.tenant as _,
        claim.id as _,
        claim.status as _,
        claim.verification_token,
        claim.created_at as _,
        now as _
    )
    .execute(tx.conn())
    .await?;
    Ok(claimed.rows_affected() == 1)
}

pub(super) async fn find(
    tx: &mut ControlTx,
    tenant: TenantId,
    domain: &Hostname,
) -> Result<Option<CustomDomain>, sqlx::Error> {
    select_domains!(
        "where tenant_id = $1 and domain = $2 and status <> 'released'",
        tenant as _,
        domain as _
    )
    .fetch_optional(tx.conn())
    .await
}

/// The tenant's names, the first one first.
pub(super) async fn list(tx: &mut ControlTx, tenant: TenantId) -> Result<Vec<CustomDomain>, sqlx::Error> {
    select_domains!(
        "where tenant_id = $1 and status <> 'released' order by created_at, domain",
        tenant as _
    )
    .fetch_all(tx.conn())
    .await
}

/// Puts the name in quarantine.
pub(super) async fn quarantine(tx: &mut ControlTx, domain: &CustomDomain) -> Result<(), sqlx::Error> {
    let claimable_at: Timestamp = tx.now().plus_days(QUARANTINE_DAYS);
    sqlx::query!(
        "update control.custom_domains set status = 'released', claimable_at = $3 where domain = $1 and id = $2",
        &domain.domain as _,
        domain.id as _,
        claimable_at as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn delete(tx: &mut ControlTx, domain: &CustomDomain) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from control.custom_domains where domain = $1 and id = $2",
        &domain.domain as _,
        domain.id as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The tenant that a verified name leads to.
pub(super) async fn tenant_of(tx: &mut ControlTx, domain: &str) -> Result<Option<TenantId>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select tenant_id as "tenant: _" from control.custom_domains where domain = $1 and status = $2"#,
        domain,
        DomainStatus::Verified as _
    )
    .fetch_optional(tx.conn())
    .await
}

/// Forgets the names that anybody may claim again, and with them whose they were.
pub(super) async fn prune(tx: &mut ControlTx) -> Result<u64, sqlx::Error> {
    let now = tx.now();
    let pruned = sqlx::query!(
        "delete from control.custom_domains where claimable_at <= $1",
        now as _
    )
    .execute(tx.conn())
    .await?;
    Ok(pruned.rows_affected())
}
