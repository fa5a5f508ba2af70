//! Finding what is due.

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use tenants::Status;

use crate::dunning;
use crate::invoices::InvoiceId;
use crate::subscriptions::SubscriptionId;

/// Something that is due, and how its tenant stands.
#[derive(Debug)]
pub(super) struct Due<I> {
    pub(super) tenant: TenantId,
    pub(super) id: I,
    pub(super) status: Status,
}

/// The subscriptions that are due for the longest, with the locks of their accounts; those that another node has are passed
/// over.
pub(super) async fn take_subscriptions(
    tx: &mut ControlTx,
    now: Timestamp,
    most: i64,
) -> Result<Vec<Due<SubscriptionId>>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select s.tenant_id as "tenant: TenantId", s.id as "id: SubscriptionId", t.status as "status: Status"
           from control.subscriptions s
           join control.billing_accounts a on a.tenant_id = s.tenant_id
           join control.tenants t on t.id = s.tenant_id
           where s.next_at <= $1 order by s.next_at, s.id limit $2
           for no key update of a skip locked"#,
        now as _,
        most
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Due {
            tenant: row.tenant,
            id: row.id,
            status: row.status,
        })
        .collect())
}

/// The same for drafts whose time is over.
pub(super) async fn take_drafts(
    tx: &mut ControlTx,
    now: Timestamp,
    most: i64,
) -> Result<Vec<Due<InvoiceId>>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select i.tenant_id as "tenant: TenantId", i.id as "id: InvoiceId", t.status as "status: Status"
           from control.invoices i
           join control.billing_accounts a on a.tenant_id = i.tenant_id
           join control.tenants t on t.id = i.tenant_id
           where i.status = 'draft' and i.finalize_at <= $1 order by i.finalize_at, i.id limit $2
           for no key update of a skip locked"#,
        now as _,
        most
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Due {
            tenant: row.tenant,
            id: row.id,
            status: row.status,
        })
        .collect())
}

/// After the first failure it waits two minutes, after each further one twice as long, at most a day.
pub(super) async fn postpone_subscription(
    tx: &mut ControlTx,
    due: &Due<SubscriptionId>,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update control.subscriptions
         set failures = failures + 1,
             next_at = $3::timestamptz + make_interval(mins => least(2 ^ least(failures + 1, 11), 1440)::integer)
         where tenant_id = $1 and id = $2",
        due.tenant as _,
        due.id as _,
        now as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A draft that could not become final waits an hour.
pub(super) async fn postpone_draft(
    tx: &mut ControlTx,
    due: &Due<InvoiceId>,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update control.invoices set finalize_at = $3::timestamptz + interval '1 hour' where tenant_id = $1 and id = $2",
        due.tenant as _,
        due.id as _,
        now as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The next instant at which something becomes due.
pub(super) async fn next_instant(tx: &mut ControlTx) -> Result<Option<Timestamp>, sqlx::Error> {
    let dunned = dunning::next_instant(tx).await?;
    let billed = sqlx::query_scalar!(
        r#"select least((select min(next_at) from control.subscriptions where next_at is not null),
                        (select min(finalize_at) from control.invoices where status = 'draft' and finalize_at is not null))
           as "at: Timestamp""#
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(billed.into_iter().chain(dunned).min())
}
