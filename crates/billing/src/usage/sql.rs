//! What was invoiced of each span.

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use pricing::{Price, Quantity, Span};
use serde::Serialize;
use serde_json::{Value, json};

use crate::columns::{document, parsed};
use crate::invoices::{Invoice, InvoiceError, InvoiceId, LineId};
use crate::subscriptions::SubscriptionId;

/// Days after a span's end in which events of it can still come, and one more. Metering refuses what is older than 35.
const LATE_DAYS: i32 = 36;

/// A metric of a span that is charged for.
pub(super) struct Charged {
    pub(super) metric: String,
    pub(super) quantity: Quantity,
    pub(super) amount: i64,
    pub(super) price: Price,
    pub(super) line_id: Option<LineId>,
}

/// What was measured of a metric in a span, and charged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvoicedUsage {
    /// The metric's name.
    pub metric: String,
    /// The span.
    pub span: Span,
    /// As it was first invoiced.
    pub first_quantity: Quantity,
    /// As it was measured last; the difference came late.
    pub quantity: Quantity,
    /// What that costs, in minor units.
    pub amount: i64,
    /// By this price.
    pub price: Price,
    /// How often a difference was found.
    pub adjustments: i32,
    /// When it was measured last.
    pub checked_at: Timestamp,
}

pub(super) async fn insert(
    tx: &mut ControlTx,
    invoice: &Invoice,
    span: Span,
    charged: &[Charged],
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    let rows: Value = charged
        .iter()
        .map(|one| {
            json!({
                "metric": one.metric,
                "quantity": one.quantity.to_string(),
                "amount": one.amount,
                "price": one.price,
                "line_id": one.line_id.map(kernel::Id::uuid),
            })
        })
        .collect();
    sqlx::query!(
        "insert into control.invoiced_usage
             (tenant_id, subscription_id, metric, starts_at, ends_at, quantity, amount, price, first_quantity, line_id,
              invoice_id, checked_at)
         select $1, $2, u.metric, $3, $4, u.quantity, u.amount, u.price, u.quantity, u.line_id, $5, $6
         from jsonb_to_recordset($7) as u (metric text, quantity numeric, amount bigint, price jsonb, line_id uuid)",
        invoice.tenant_id as _,
        invoice.subscription_id as _,
        span.starts_at as _,
        span.ends_at as _,
        invoice.id as _,
        at as _,
        rows
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

struct Row {
    metric: String,
    starts_at: Timestamp,
    ends_at: Timestamp,
    first_quantity: String,
    quantity: String,
    amount: i64,
    price: Value,
    adjustments: i32,
    checked_at: Timestamp,
}

impl Row {
    fn usage(self) -> Result<InvoicedUsage, sqlx::Error> {
        Ok(InvoicedUsage {
            metric: self.metric,
            span: Span::new(self.starts_at, self.ends_at),
            first_quantity: parsed(&self.first_quantity)?,
            quantity: parsed(&self.quantity)?,
            amount: self.amount,
            price: document(self.price)?,
            adjustments: self.adjustments,
            checked_at: self.checked_at,
        })
    }
}

/// The spans of which events could still come when they were measured last, by span and metric.
pub(super) async fn still_open(
    tx: &mut ControlTx,
    tenant: TenantId,
    subscription: SubscriptionId,
) -> Result<Vec<InvoicedUsage>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"select metric, starts_at as "starts_at: Timestamp", ends_at as "ends_at: Timestamp",
                  first_quantity::text as "first_quantity!", quantity::text as "quantity!", amount, price, adjustments,
                  checked_at as "checked_at: Timestamp"
           from control.invoiced_usage
           where tenant_id = $1 and subscription_id = $2 and checked_at < ends_at + make_interval(days => $3)
           order by starts_at, metric"#,
        tenant as _,
        subscription as _,
        LATE_DAYS
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Row::usage).collect()
}

/// What was invoiced of a subscription's usage, the latest first: what was measured against what was charged.
pub async fn invoiced(
    tx: &mut ControlTx,
    tenant: TenantId,
    subscription: SubscriptionId,
    limit: i64,
) -> Result<Vec<InvoicedUsage>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"select metric, starts_at as "starts_at: Timestamp", ends_at as "ends_at: Timestamp",
                  first_quantity::text as "first_quantity!", quantity::text as "quantity!", amount, price, adjustments,
                  checked_at as "checked_at: Timestamp"
           from control.invoiced_usage where tenant_id = $1 and subscription_id = $2
           order by ends_at desc, metric limit $3"#,
        tenant as _,
        subscription as _,
        limit
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Row::usage).collect()
}

/// The span has another quantity, which costs another amount.
pub(super) async fn adjust(
    tx: &mut ControlTx,
    tenant: TenantId,
    subscription: SubscriptionId,
    usage: &InvoicedUsage,
    quantity: Quantity,
    amount: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update control.invoiced_usage set quantity = $5::text::numeric, amount = $6, adjustments = adjustments + 1
         where tenant_id = $1 and subscription_id = $2 and metric = $3 and starts_at = $4",
        tenant as _,
        subscription as _,
        usage.metric,
        usage.span.starts_at as _,
        quantity.to_string(),
        amount
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The span was measured again.
pub(super) async fn checked(
    tx: &mut ControlTx,
    tenant: TenantId,
    subscription: SubscriptionId,
    span: Span,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update control.invoiced_usage set checked_at = $4 where tenant_id = $1 and subscription_id = $2 and starts_at = $3",
        tenant as _,
        subscription as _,
        span.starts_at as _,
        at as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The final invoices that charged for a metric in a span, the latest first.
pub(super) async fn charged_on(
    tx: &mut ControlTx,
    tenant: TenantId,
    item: &str,
    span: Span,
) -> Result<Vec<Invoice>, InvoiceError> {
    let ids = sqlx::query_scalar!(
        r#"select distinct i.id as "id: InvoiceId" from control.invoice_lines l
           join control.invoices i on i.tenant_id = l.tenant_id and i.id = l.invoice_id
           where l.tenant_id = $1 and l.kind = 'usage' and l.item = $2 and l.period_starts_at = $3 and l.period_ends_at = $4
             and i.status not in ('draft', 'void') order by i.id desc"#,
        tenant as _,
        item,
        span.starts_at as _,
        span.ends_at as _
    )
    .fetch_all(tx.conn())
    .await?;
    let mut invoices = Vec::with_capacity(ids.len());
    for id in ids {
        invoices.push(crate::invoices::get(tx, tenant, id).await?.invoice);
    }
    Ok(invoices)
}
