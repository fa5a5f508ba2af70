//! The statements of comparisons.

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use pricing::Money;

use super::compare::Ours;
use super::model::{
    Difference, DifferenceKind, ObjectKind, Reconciliation, ReconciliationId, ReconciliationStatus,
};
use crate::columns;
use crate::payments::attempts::{AttemptId, AttemptStatus};
use crate::payments::disputes::DisputeId;
use crate::payments::refunds::RefundId;
use crate::providers::{ProviderKind, RefundStatus};

/// How many differences are shown.
const SHOWN: i64 = 1000;

/// The latest comparison, with its differences: the first thousand of them.
pub async fn latest(tx: &mut ControlTx) -> Result<Option<(Reconciliation, Vec<Difference>)>, sqlx::Error> {
    let found = sqlx::query_as!(
        Reconciliation,
        r#"select id as "id: ReconciliationId", provider as "provider: ProviderKind",
               status as "status: ReconciliationStatus", from_at as "from_at: Timestamp", until_at as "until_at: Timestamp",
               compared, differences, error, started_at as "started_at: Timestamp", finished_at as "finished_at: Timestamp"
         from control.reconciliations order by started_at desc limit 1"#
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(found) = found else { return Ok(None) };
    let differences = sqlx::query_as!(
        Difference,
        r#"select kind as "kind: DifferenceKind", object as "object: ObjectKind", tenant_id as "tenant_id: TenantId",
               ours_id, reference, ours, theirs
         from control.reconciliation_differences where reconciliation_id = $1 order by id limit $2"#,
        found.id as _,
        SHOWN
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(Some((found, differences)))
}

/// Begins it, or begins it anew.
pub(super) async fn begin(
    tx: &mut ControlTx,
    id: ReconciliationId,
    (from, until): (Timestamp, Timestamp),
) -> Result<(), sqlx::Error> {
    let now = tx.now();
    sqlx::query!(
        "delete from control.reconciliation_differences where reconciliation_id = $1",
        id as _
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "insert into control.reconciliations
             (id, provider, status, from_at, until_at, compared, differences, started_at)
         values ($1, 'stripe', 'running', $2, $3, 0, 0, $4)
         on conflict (id) do update set status = 'running', compared = 0, differences = 0, error = null, finished_at = null",
        id as _,
        from as _,
        until as _,
        now as _
    )
    .execute(tx.conn())
    .await
    .map(drop)
}

/// Adds what a page showed.
pub(super) async fn add(
    tx: &mut ControlTx,
    id: ReconciliationId,
    compared: i64,
    differences: &[Difference],
) -> Result<(), sqlx::Error> {
    for difference in differences {
        let row: kernel::Id<super::model::ReconciliationEntity> = tx.new_id();
        sqlx::query!(
            "insert into control.reconciliation_differences
                 (id, reconciliation_id, kind, object, tenant_id, ours_id, reference, ours, theirs)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            row as _,
            id as _,
            difference.kind as DifferenceKind as _,
            difference.object as ObjectKind as _,
            difference.tenant_id as _,
            difference.ours_id,
            difference.reference,
            difference.ours,
            difference.theirs
        )
        .execute(tx.conn())
        .await?;
    }
    sqlx::query!(
        "update control.reconciliations set compared = compared + $2, differences = differences + $3 where id = $1",
        id as _,
        compared,
        i64::try_from(differences.len()).unwrap_or(i64::MAX)
    )
    .execute(tx.conn())
    .await
    .map(drop)
}

/// Ends it; answers how many were compared and how many differ.
pub(super) async fn finish(
    tx: &mut ControlTx,
    id: ReconciliationId,
    error: Option<&str>,
) -> Result<(i64, i64), sqlx::Error> {
    let now = tx.now();
    let row = sqlx::query!(
        "update control.reconciliations
         set status = case when $2::text is null then 'completed' else 'failed' end, error = $2, finished_at = $3
         where id = $1 returning compared, differences",
        id as _,
        error,
        now as _
    )
    .fetch_one(tx.conn())
    .await?;
    Ok((row.compared, row.differences))
}

macro_rules! ours {
    ($row:ident) => {
        Ok(Ours {
            id: $row.id.to_string(),
            tenant: $row.tenant,
            reference: $row.reference,
            amount: Money::new($row.amount, columns::currency(&$row.currency)?),
            status: $row.status,
        })
    };
}

/// Our attempts that the provider calls so, or that carry these identifiers.
pub(super) async fn attempts(
    tx: &mut ControlTx,
    references: &[String],
    ids: &[AttemptId],
) -> Result<Vec<Ours<AttemptStatus>>, sqlx::Error> {
    let ids: Vec<uuid::Uuid> = ids.iter().map(|id| id.uuid()).collect();
    sqlx::query!(
        r#"select id as "id: AttemptId", tenant_id as "tenant: TenantId", reference, amount, currency,
               status as "status: AttemptStatus"
         from control.payment_attempts where provider = 'stripe' and (reference = any ($1) or id = any ($2))"#,
        references,
        &ids
    )
    .try_map(|row| ours!(row))
    .fetch_all(tx.conn())
    .await
}

/// Our attempts of a time that the provider should have, after this one.
pub(super) async fn attempts_between(
    tx: &mut ControlTx,
    (from, until): (Timestamp, Timestamp),
    after: Option<AttemptId>,
) -> Result<Vec<(AttemptId, Ours<AttemptStatus>)>, sqlx::Error> {
    sqlx::query!(
        r#"select id as "id: AttemptId", tenant_id as "tenant: TenantId", reference, amount, currency,
               status as "status: AttemptStatus"
         from control.payment_attempts
         where provider = 'stripe' and created_at >= $1 and created_at < $2 and ($3::uuid is null or id > $3)
           and (reference is not null or status = 'succeeded')
         order by id limit 500"#,
        from as _,
        until as _,
        after as _
    )
    .try_map(|row| {
        let id = row.id;
        let ours: Result<Ours<AttemptStatus>, sqlx::Error> = ours!(row);
        Ok((id, ours?))
    })
    .fetch_all(tx.conn())
    .await
}

/// Our refunds that the provider calls so, or that carry these identifiers.
pub(super) async fn refunds(
    tx: &mut ControlTx,
    references: &[String],
    ids: &[RefundId],
) -> Result<Vec<Ours<RefundStatus>>, sqlx::Error> {
    let ids: Vec<uuid::Uuid> = ids.iter().map(|id| id.uuid()).collect();
    sqlx::query!(
        r#"select id as "id: RefundId", tenant_id as "tenant: TenantId", reference, amount, currency,
               status as "status: RefundStatus"
         from control.refunds where provider = 'stripe' and (reference = any ($1) or id = any ($2))"#,
        references,
        &ids
    )
    .try_map(|row| ours!(row))
    .fetch_all(tx.conn())
    .await
}

/// Our refunds of a time that the provider should have, after this one.
pub(super) async fn refunds_between(
    tx: &mut ControlTx,
    (from, until): (Timestamp, Timestamp),
    after: Option<RefundId>,
) -> Result<Vec<(RefundId, Ours<RefundStatus>)>, sqlx::Error> {
    sqlx::query!(
        r#"select id as "id: RefundId", tenant_id as "tenant: TenantId", reference, amount, currency,
               status as "status: RefundStatus"
         from control.refunds
         where provider = 'stripe' and created_at >= $1 and created_at < $2 and ($3::uuid is null or id > $3)
           and (reference is not null or status = 'succeeded')
         order by id limit 500"#,
        from as _,
        until as _,
        after as _
    )
    .try_map(|row| {
        let id = row.id;
        let ours: Result<Ours<RefundStatus>, sqlx::Error> = ours!(row);
        Ok((id, ours?))
    })
    .fetch_all(tx.conn())
    .await
}

/// Our disputes that the provider calls so.
pub(super) async fn disputes(
    tx: &mut ControlTx,
    references: &[String],
) -> Result<Vec<Ours<String>>, sqlx::Error> {
    sqlx::query!(
        r#"select id as "id: DisputeId", tenant_id as "tenant: TenantId", reference as "reference: Option<String>", amount,
               currency, status
         from control.disputes where provider = 'stripe' and reference = any ($1)"#,
        references
    )
    .try_map(|row| ours!(row))
    .fetch_all(tx.conn())
    .await
}

/// How much of each of these payments is back, or on its way.
pub(super) async fn refunded(
    tx: &mut ControlTx,
    references: &[String],
) -> Result<Vec<(Ours<AttemptStatus>, i64)>, sqlx::Error> {
    sqlx::query!(
        r#"select id as "id: AttemptId", tenant_id as "tenant: TenantId", reference, amount, currency,
               status as "status: AttemptStatus",
               (select coalesce(sum(r.amount), 0)::bigint from control.refunds r
                where r.attempt_id = a.id and r.status not in ('failed', 'canceled')) as "refunded!"
         from control.payment_attempts a where provider = 'stripe' and reference = any ($1)"#,
        references
    )
    .try_map(|row| {
        let refunded = row.refunded;
        let ours: Result<Ours<AttemptStatus>, sqlx::Error> = ours!(row);
        Ok((ours?, refunded))
    })
    .fetch_all(tx.conn())
    .await
}

/// The tenants behind these customers.
pub(super) async fn customers(
    tx: &mut ControlTx,
    references: &[String],
) -> Result<Vec<(String, TenantId)>, sqlx::Error> {
    sqlx::query!(
        r#"select reference, tenant_id as "tenant: TenantId" from control.provider_customers
         where provider = 'stripe' and reference = any ($1)"#,
        references
    )
    .map(|row| (row.reference, row.tenant))
    .fetch_all(tx.conn())
    .await
}
