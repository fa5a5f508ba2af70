//! Writing down what was found, in the transaction that marks the event as applied.

use audit::{Event, EventType};
use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use pricing::Money;

use super::objects::{Found, FoundRefund};
use crate::payments::attempts::{self, AttemptId, Seen};
use crate::payments::methods::{self, Refreshed};
use crate::payments::{Payments, customers, disputes, freshness, refunds};
use crate::providers::{Charge, MethodDetails, ProviderKind};
use crate::stripe::amounts;
use crate::stripe::objects::Metadata;
use crate::stripe::provider::{ATTEMPT, REFUND};
use crate::terms::Terms;

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is written down, or was known.
    Applied,
    /// Somebody asked the provider later: it has to be asked again.
    Stale,
    /// Nothing follows from it, and why.
    Ignored(&'static str),
}

const NOT_OURS: Verdict = Verdict::Ignored("it is none of ours");

impl From<Seen> for Verdict {
    fn from(seen: Seen) -> Self {
        match seen {
            Seen::Applied => Self::Applied,
            Seen::Stale => Self::Stale,
            Seen::Foreign => NOT_OURS,
        }
    }
}

impl From<Refreshed> for Verdict {
    fn from(refreshed: Refreshed) -> Self {
        match refreshed {
            Refreshed::Applied => Self::Applied,
            Refreshed::Stale => Self::Stale,
        }
    }
}

/// Writes down what was found when the provider was `asked`.
pub(super) async fn apply(
    tx: &mut ControlTx,
    payments: &Payments,
    found: Found,
    asked: Timestamp,
) -> Result<Verdict, sqlx::Error> {
    match found {
        Found::Nothing(why) => Ok(Verdict::Ignored(why)),
        Found::Payment {
            ours,
            amount,
            currency,
            charge,
        } => payment(tx, payments.terms(), &ours, (amount, &currency), &charge, asked).await,
        Found::Refunds(found) => {
            let mut verdict = NOT_OURS;
            for one in found {
                verdict = match (refund(tx, payments, one, asked).await?, verdict) {
                    (Verdict::Stale, _) => return Ok(Verdict::Stale),
                    (Verdict::Applied, _) | (_, Verdict::Applied) => Verdict::Applied,
                    (ignored, _) => ignored,
                };
            }
            Ok(verdict)
        }
        Found::Dispute(dispute) => Ok(disputes::refresh(tx, &dispute, asked).await?.into()),
        Found::Method(details) => method(tx, details, asked).await,
        Found::Detached(reference) => {
            methods::removed_at_provider(tx, &reference).await?;
            Ok(Verdict::Applied)
        }
        Found::Kept {
            kind,
            reference,
            customer,
            status,
            method,
        } => {
            kept(
                tx,
                (kind, &reference, &status),
                customer.as_deref(),
                method,
                asked,
            )
            .await
        }
    }
}

async fn payment(
    tx: &mut ControlTx,
    terms: &Terms,
    ours: &Metadata,
    (amount, currency): (i64, &str),
    charge: &Charge,
    asked: Timestamp,
) -> Result<Verdict, sqlx::Error> {
    let named: Option<AttemptId> = ours.get(ATTEMPT).and_then(|id| id.parse().ok());
    let id = match (named, &charge.reference) {
        (Some(id), _) => id,
        (None, Some(reference)) => {
            let known = attempts::find_by_reference(tx, ProviderKind::Stripe, reference).await?;
            let Some(id) = known else { return Ok(NOT_OURS) };
            id
        }
        (None, None) => return Ok(NOT_OURS),
    };
    let Some(attempt) = attempts::look_at(tx, id).await? else {
        return Ok(NOT_OURS);
    };
    let code = attempt.amount.currency.code();
    let is_ordered =
        code.eq_ignore_ascii_case(currency) && amounts::ours(amount, code) == attempt.amount.amount;
    let is_another = attempt.reference.is_some() && attempt.reference != charge.reference;
    if !is_ordered || is_another {
        return Ok(Verdict::Ignored("it is not what was ordered"));
    }
    Ok(attempts::settle(tx, terms, id, charge, asked).await?.into())
}

async fn refund(
    tx: &mut ControlTx,
    payments: &Payments,
    found: FoundRefund,
    asked: Timestamp,
) -> Result<Verdict, sqlx::Error> {
    let named = found.ours.get(REFUND).and_then(|id| id.parse().ok());
    let known = match named {
        Some(id) => Some(id),
        None => refunds::find(tx, &found.state.reference).await?,
    };
    if let Some(id) = known {
        return Ok(refunds::settle(tx, id, &found.state, asked).await?.into());
    }
    let Some(payment) = &found.payment else {
        return Ok(NOT_OURS);
    };
    let payment = attempts::find_by_reference(tx, ProviderKind::Stripe, payment).await?;
    let Some(payment) = payment else {
        return Ok(NOT_OURS);
    };
    let Some(attempt) = attempts::look_at(tx, payment).await? else {
        return Ok(NOT_OURS);
    };
    let currency = attempt.amount.currency;
    let amount = Money::new(amounts::ours(found.amount, currency.code()), currency);
    Ok(refunds::found(tx, payments, payment, amount, &found.state, asked)
        .await?
        .into())
}

async fn tenant(tx: &mut ControlTx, customer: Option<&str>) -> Result<Option<TenantId>, sqlx::Error> {
    match customer {
        Some(customer) => customers::tenant_of(tx, customer).await,
        None => Ok(None),
    }
}

async fn method(
    tx: &mut ControlTx,
    details: MethodDetails,
    asked: Timestamp,
) -> Result<Verdict, sqlx::Error> {
    match tenant(tx, details.customer.as_deref()).await? {
        Some(tenant) => Ok(methods::refresh(tx, tenant, details, asked).await?.into()),
        None => Ok(NOT_OURS),
    }
}

/// What we do not drive ourselves is kept by its status, and its change is told.
async fn kept(
    tx: &mut ControlTx,
    (kind, reference, status): (&str, &str, &str),
    customer: Option<&str>,
    added: Option<MethodDetails>,
    asked: Timestamp,
) -> Result<Verdict, sqlx::Error> {
    let Some(tenant) = tenant(tx, customer).await? else {
        return Ok(NOT_OURS);
    };
    let before = sqlx::query!(
        r#"select status, seen_at as "seen_at: Timestamp" from control.provider_objects
         where provider = 'stripe' and reference = $1"#,
        reference
    )
    .fetch_optional(tx.conn())
    .await?;
    if freshness::is_stale(asked, before.as_ref().map(|row| row.seen_at)) {
        return Ok(Verdict::Stale);
    }
    let now = tx.now();
    sqlx::query!(
        "insert into control.provider_objects (tenant_id, provider, reference, kind, status, seen_at, updated_at)
         values ($1, 'stripe', $2, $3, $4, $5, $6)
         on conflict (provider, reference) do update
         set status = excluded.status, seen_at = excluded.seen_at, updated_at = excluded.updated_at",
        tenant as _,
        reference,
        kind,
        status,
        asked as _,
        now as _
    )
    .execute(tx.conn())
    .await?;
    let before = before.map(|row| row.status);
    if before.as_deref() != Some(status) {
        let event = Event::new(EventType::ProviderObjectChanged)
            .of_tenant(tenant)
            .resource_named(kind, reference, None)
            .change("status", before.as_deref(), status);
        audit::record(tx, event).await?;
    }
    match added {
        Some(details) => Ok(methods::refresh(tx, tenant, details, asked).await?.into()),
        None => Ok(Verdict::Applied),
    }
}
