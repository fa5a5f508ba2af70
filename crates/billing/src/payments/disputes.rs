//! Payments that their payers contest at their banks: what the provider says of them.

use audit::{Event, EventType};
use isolation::{ControlTx, Tx};
use kernel::{Entity, Id, TenantId, Timestamp};
use pricing::{Currency, Money};
use serde::Serialize;

use super::attempts::{self, AttemptId, Seen};
use super::{effects, freshness};
use crate::columns;
use crate::ledger::Account;
use crate::providers::ProviderKind;
use crate::stripe::{amounts, objects};

/// Marker of disputes.
#[derive(Debug)]
pub enum DisputeEntity {}
impl Entity for DisputeEntity {
    const PREFIX: &'static str = "dispute";
}
/// A dispute's identifier.
pub type DisputeId = Id<DisputeEntity>;

/// A payment that is contested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Dispute {
    /// Which one.
    pub id: DisputeId,
    /// Whose payment.
    pub tenant_id: TenantId,
    /// Which payment.
    pub payment_id: AttemptId,
    /// What the provider calls it.
    pub reference: String,
    /// How much of it.
    pub amount: Money,
    /// The payer's reason.
    pub reason: String,
    /// The provider's word: `needs_response`, `under_review`, `won`, `lost`, …
    pub status: String,
    /// Until when evidence may be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence_due_at: Option<Timestamp>,
    /// When it began.
    pub opened_at: Timestamp,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
}

impl Dispute {
    /// Whether it is decided: `https://docs.stripe.com/api/disputes/object#dispute_object-status`.
    pub fn is_closed(&self) -> bool {
        is_closed(&self.status)
    }

    /// Where its money is.
    pub(super) fn stake(&self) -> Stake {
        Stake::of(&self.status, self.amount)
    }
}

/// Where the money of a dispute is: what a bank decides it may decide again, in either direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stake {
    /// The account that has it.
    pub(super) account: Account,
    /// So much of it.
    pub(super) amount: Money,
}

impl Stake {
    /// For an inquiry no money is taken, and what is won or prevented is back: it is where it was. What is lost is gone for
    /// good, and all else is contested.
    fn of(status: &str, amount: Money) -> Self {
        let account = match status {
            "won" | "prevented" => Account::Cash,
            inquiry if inquiry.starts_with("warning_") => Account::Cash,
            "lost" => Account::WriteOff,
            _ => Account::Disputes,
        };
        Self { account, amount }
    }
}

fn is_closed(status: &str) -> bool {
    matches!(status, "won" | "lost" | "warning_closed" | "prevented")
}

/// A tenant's disputes, newest first.
pub async fn list(tx: &mut ControlTx, tenant: TenantId) -> Result<Vec<Dispute>, sqlx::Error> {
    sqlx::query!(
        r#"select id as "id: DisputeId", tenant_id as "tenant_id: TenantId", attempt_id as "payment_id: AttemptId", reference,
               amount, currency, reason, status, evidence_due_at as "evidence_due_at: Timestamp",
               opened_at as "opened_at: Timestamp", closed_at as "closed_at: Timestamp"
         from control.disputes where tenant_id = $1 order by id desc limit 100"#,
        tenant as _
    )
    .try_map(|row| {
        Ok(Dispute {
            id: row.id,
            tenant_id: row.tenant_id,
            payment_id: row.payment_id,
            reference: row.reference,
            amount: Money::new(row.amount, columns::currency(&row.currency)?),
            reason: row.reason,
            status: row.status,
            evidence_due_at: row.evidence_due_at,
            opened_at: row.opened_at,
            closed_at: row.closed_at,
        })
    })
    .fetch_all(tx.conn())
    .await
}

/// Writes down what the provider said of a dispute when it was `asked`.
pub(crate) async fn refresh(
    tx: &mut ControlTx,
    said: &objects::Dispute,
    asked: Timestamp,
) -> Result<Seen, sqlx::Error> {
    let Some(payment) = &said.payment_intent else {
        return Ok(Seen::Foreign);
    };
    let Some(attempt) = attempts::find_by_reference(tx, ProviderKind::Stripe, payment).await? else {
        return Ok(Seen::Foreign);
    };
    let Some(attempt) = attempts::get(tx, attempt).await? else {
        return Ok(Seen::Foreign);
    };
    effects::lock(tx, attempt.tenant_id).await?;
    let before = sqlx::query!(
        r#"select status, amount, seen_at as "seen_at: Timestamp" from control.disputes
         where provider = 'stripe' and reference = $1 for no key update"#,
        said.id
    )
    .fetch_optional(tx.conn())
    .await?;
    if freshness::is_stale(asked, before.as_ref().map(|row| row.seen_at)) {
        return Ok(Seen::Stale);
    }
    let written = written(tx, said, &attempt, asked).await?;
    let Some((dispute, bookings)) = written else {
        // Somebody writes the same dispute down at this moment.
        return Ok(Seen::Stale);
    };
    let currency = dispute.amount.currency;
    let stake = before
        .as_ref()
        .map(|row| Stake::of(&row.status, Money::new(row.amount, currency)));
    effects::dispute_moved(tx, stake, &dispute, bookings).await?;
    tell(tx, before.map(|row| row.status).as_deref(), &dispute).await?;
    Ok(Seen::Applied)
}

async fn written(
    tx: &mut ControlTx,
    said: &objects::Dispute,
    attempt: &attempts::Attempt,
    asked: Timestamp,
) -> Result<Option<(Dispute, i64)>, sqlx::Error> {
    let currency: Currency = columns::currency(&said.currency.to_ascii_uppercase())?;
    let seconds = |seconds: i64| Timestamp::from_micros(seconds.saturating_mul(1_000_000));
    let closed_at = is_closed(&said.status).then(|| tx.now());
    let dispute = Dispute {
        id: tx.new_id(),
        tenant_id: attempt.tenant_id,
        payment_id: attempt.id,
        reference: said.id.clone(),
        amount: Money::new(amounts::ours(said.amount, currency.code()), currency),
        reason: said.reason.clone(),
        status: said.status.clone(),
        evidence_due_at: said.evidence_details.due_by.map(seconds),
        opened_at: seconds(said.created),
        closed_at,
    };
    let row = sqlx::query!(
        r#"insert into control.disputes as d
             (id, tenant_id, attempt_id, provider, reference, amount, currency, reason, status, evidence_due_at, seen_at,
              opened_at, closed_at, bookings)
         values ($1, $2, $3, 'stripe', $4, $5, $6, $7, $8, $9, $10, $11, $12, 0)
         on conflict (provider, reference) do update
         set status = excluded.status, amount = excluded.amount, evidence_due_at = excluded.evidence_due_at,
             seen_at = excluded.seen_at,
             closed_at = case when excluded.closed_at is not null then coalesce(d.closed_at, excluded.closed_at) end,
             bookings = d.bookings + case when (d.status, d.amount) <> (excluded.status, excluded.amount) then 1 else 0 end
         where d.seen_at <= excluded.seen_at
         returning id as "id: DisputeId", bookings"#,
        dispute.id as _,
        dispute.tenant_id as _,
        dispute.payment_id as _,
        dispute.reference,
        dispute.amount.amount,
        currency.code(),
        dispute.reason,
        dispute.status,
        dispute.evidence_due_at as _,
        asked as _,
        dispute.opened_at as _,
        dispute.closed_at as _
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| {
        (
            Dispute {
                id: row.id,
                ..dispute
            },
            row.bookings,
        )
    }))
}

async fn tell(tx: &mut ControlTx, before: Option<&str>, dispute: &Dispute) -> Result<(), sqlx::Error> {
    if before == Some(&*dispute.status) {
        return Ok(());
    }
    let kind = if dispute.is_closed() {
        EventType::DisputeClosed
    } else {
        EventType::DisputeOpened
    };
    let event = Event::new(kind)
        .of_tenant(dispute.tenant_id)
        .resource(dispute.id, None)
        .change("status", before, &*dispute.status)
        .meta("amount", dispute.amount.amount);
    audit::record(tx, event).await
}
