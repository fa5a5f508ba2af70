//! The statements on `control.dunning_cases`.

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use pricing::catalogue::FinalAction;

use super::model::{Case, CaseStatus};
use crate::columns::document;
use crate::invoices::InvoiceId;
use crate::payments::attempts::AttemptId;
use crate::payments::methods::MethodId;

struct Row {
    tenant_id: TenantId,
    invoice_id: InvoiceId,
    status: CaseStatus,
    retry_after_days: Vec<i32>,
    final_action: String,
    tries: i32,
    next_at: Option<Timestamp>,
    awaited: Option<AttemptId>,
    again: bool,
    refused_method: Option<MethodId>,
    began_at: Timestamp,
    ended_at: Option<Timestamp>,
}

impl Row {
    fn case(self) -> Result<Case, sqlx::Error> {
        let days = |days: i32| u16::try_from(days).unwrap_or(u16::MAX);
        Ok(Case {
            tenant_id: self.tenant_id,
            invoice_id: self.invoice_id,
            status: self.status,
            retry_after_days: self.retry_after_days.into_iter().map(days).collect(),
            final_action: document(serde_json::Value::String(self.final_action))?,
            tries: u32::try_from(self.tries).unwrap_or(u32::MAX),
            next_at: self.next_at,
            awaited: self.awaited,
            again: self.again,
            refused_method: self.refused_method,
            began_at: self.began_at,
            ended_at: self.ended_at,
        })
    }
}

macro_rules! select {
    ($rest:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            Row,
            r#"select tenant_id as "tenant_id: TenantId", invoice_id as "invoice_id: InvoiceId", status as "status: CaseStatus",
                      retry_after_days, final_action, tries, next_at as "next_at: Timestamp",
                      awaited as "awaited: AttemptId", again, refused_method as "refused_method: MethodId",
                      began_at as "began_at: Timestamp", ended_at as "ended_at: Timestamp"
               from control.dunning_cases "# + $rest $(, $argument)*
        )
    };
}

/// The case of an invoice, if there is or was one.
pub async fn of_invoice(
    tx: &mut ControlTx,
    tenant: TenantId,
    invoice: InvoiceId,
) -> Result<Option<Case>, sqlx::Error> {
    let row = select!(
        "where tenant_id = $1 and invoice_id = $2",
        tenant as _,
        invoice as _
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Row::case).transpose()
}

/// The tenant's cases that are not over, the oldest first.
pub(super) async fn open(tx: &mut ControlTx, tenant: TenantId) -> Result<Vec<Case>, sqlx::Error> {
    let rows = select!(
        "where tenant_id = $1 and status <> 'ended' order by began_at, invoice_id",
        tenant as _
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Row::case).collect()
}

/// Whether the tenant has a case that is not over.
pub(super) async fn has_open(tx: &mut ControlTx, tenant: TenantId) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (select from control.dunning_cases where tenant_id = $1 and status <> 'ended') as "has!""#,
        tenant as _
    )
    .fetch_one(tx.conn())
    .await
}

pub(super) const fn action(action: FinalAction) -> &'static str {
    match action {
        FinalAction::Suspend => "suspend",
        FinalAction::Cancel => "cancel",
        FinalAction::DowngradeToFree => "downgrade_to_free",
        FinalAction::MarkUnpaid => "mark_unpaid",
    }
}

/// Stores a case, new or changed.
pub(super) async fn save(tx: &mut ControlTx, case: &Case) -> Result<(), sqlx::Error> {
    let days: Vec<i32> = case.retry_after_days.iter().copied().map(i32::from).collect();
    sqlx::query!(
        "insert into control.dunning_cases
             (tenant_id, invoice_id, status, retry_after_days, final_action, tries, next_at, awaited, again,
              refused_method, began_at, ended_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         on conflict (tenant_id, invoice_id) do update
         set status = excluded.status, retry_after_days = excluded.retry_after_days, final_action = excluded.final_action,
             tries = excluded.tries, next_at = excluded.next_at, awaited = excluded.awaited, again = excluded.again,
             refused_method = excluded.refused_method, began_at = excluded.began_at, ended_at = excluded.ended_at,
             failures = 0",
        case.tenant_id as _,
        case.invoice_id as _,
        case.status as CaseStatus as _,
        &days,
        action(case.final_action),
        i32::try_from(case.tries).unwrap_or(i32::MAX),
        case.next_at as _,
        case.awaited as _,
        case.again,
        case.refused_method as _,
        case.began_at as _,
        case.ended_at as _
    )
    .execute(tx.conn())
    .await
    .map(drop)
}

/// Says of an invoice that it was taken on: its due date does so no more.
pub(super) async fn mark_dunned(
    tx: &mut ControlTx,
    tenant: TenantId,
    invoice: InvoiceId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update control.invoices set dunned = true where tenant_id = $1 and id = $2 and not dunned",
        tenant as _,
        invoice as _
    )
    .execute(tx.conn())
    .await
    .map(drop)
}

/// Has a case looked at, if it is not over.
pub(super) async fn look(
    tx: &mut ControlTx,
    tenant: TenantId,
    invoice: InvoiceId,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update control.dunning_cases set next_at = $3 where tenant_id = $1 and invoice_id = $2 and status <> 'ended'",
        tenant as _,
        invoice as _,
        now as _
    )
    .execute(tx.conn())
    .await
    .map(drop)
}

/// Something that is due: a case to be looked at, or an invoice that is overdue and has none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Due {
    pub(crate) tenant: TenantId,
    pub(crate) invoice: InvoiceId,
}

/// What is due for the longest, with the locks of the accounts; what another node has is passed over.
pub(super) async fn take_cases(
    tx: &mut ControlTx,
    now: Timestamp,
    most: i64,
) -> Result<Vec<Due>, sqlx::Error> {
    sqlx::query_as!(
        Due,
        r#"select c.tenant_id as "tenant: TenantId", c.invoice_id as "invoice: InvoiceId"
           from control.dunning_cases c join control.billing_accounts a on a.tenant_id = c.tenant_id
           where c.next_at <= $1 order by c.next_at, c.invoice_id limit $2
           for no key update of a skip locked"#,
        now as _,
        most
    )
    .fetch_all(tx.conn())
    .await
}

/// The same for invoices whose due date has passed.
pub(super) async fn take_overdue(
    tx: &mut ControlTx,
    now: Timestamp,
    most: i64,
) -> Result<Vec<Due>, sqlx::Error> {
    sqlx::query_as!(
        Due,
        r#"select i.tenant_id as "tenant: TenantId", i.id as "invoice: InvoiceId"
           from control.invoices i join control.billing_accounts a on a.tenant_id = i.tenant_id
           where i.status = 'open' and not i.dunned and i.due_at <= $1 order by i.due_at, i.id limit $2
           for no key update of a skip locked"#,
        now as _,
        most
    )
    .fetch_all(tx.conn())
    .await
}

/// The next instant at which something becomes due.
pub(crate) async fn next_instant(tx: &mut ControlTx) -> Result<Option<Timestamp>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select least((select min(next_at) from control.dunning_cases where next_at is not null),
                        (select min(due_at) from control.invoices where status = 'open' and not dunned))
           as "at: Timestamp""#
    )
    .fetch_one(tx.conn())
    .await
}

/// After the first failure it waits two minutes, after each further one twice as long, at most a day.
pub(crate) async fn postpone(tx: &mut ControlTx, due: Due, now: Timestamp) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update control.dunning_cases
         set failures = failures + 1,
             next_at = $3::timestamptz + make_interval(mins => least(2 ^ least(failures + 1, 11), 1440)::integer)
         where tenant_id = $1 and invoice_id = $2 and status <> 'ended'",
        due.tenant as _,
        due.invoice as _,
        now as _
    )
    .execute(tx.conn())
    .await
    .map(drop)
}
