//! One attempt at one delivery.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use isolation::{ControlTx, PlatformCtx, Tx};
use kernel::Timestamp;
use outbound::{Answer, OutboundError, Request};
use sqlx::types::Json;
use tokio::time::Instant;

use super::{Leased, retry};
use crate::deliveries::{Attempt, DeliveryId};
use crate::endpoints::{self, Reason};
use crate::event::EventId;
use crate::service::Webhooks;
use crate::signature::{self, SigningSecret};

/// Attempts that a delivery remembers.
const REMEMBERED: i32 = 20;
/// An endpoint that nothing gets through to for so long, and that has let a delivery fail, is disabled.
const PATIENCE_DAYS: i64 = 3;
/// Characters of an answer that are kept.
const KEPT: usize = 500;

/// A delivery with everything that it takes.
struct Due {
    event: EventId,
    body: String,
    attempts: i32,
    url: String,
    secrets: Vec<SigningSecret>,
}

/// Delivers, and writes down what became of it. Whether it got through.
pub(super) async fn attempt(
    webhooks: &Webhooks,
    ctx: &PlatformCtx,
    leased: Leased,
    delivery: DeliveryId,
) -> Result<bool, sqlx::Error> {
    let Some(due) = load(webhooks, ctx, leased, delivery).await? else {
        return Ok(true);
    };
    reach(ctx, "webhooks.send")?;
    let (at, began) = (ctx.seams().now(), Instant::now());
    let sent = send(webhooks, &due, at).await;
    let latency = began.elapsed();
    reach(ctx, "webhooks.sent")?;
    let attempt = Attempt {
        number: due.attempts + 1,
        at,
        status: sent.as_ref().ok().map(|answer| answer.status),
        latency_ms: u32::try_from(latency.as_millis()).unwrap_or(u32::MAX),
        error: sent.as_ref().err().map(ToString::to_string),
        response: sent.as_ref().ok().and_then(|answer| snippet(&answer.body)),
    };
    settle(ctx, leased, delivery, attempt, sent.ok()).await
}

fn reach(ctx: &PlatformCtx, point: &str) -> Result<(), sqlx::Error> {
    let reached = ctx.seams().faults.reach(point);
    reached.map_err(|planted| sqlx::Error::Protocol(planted.to_string()))
}

async fn send(webhooks: &Webhooks, due: &Due, now: Timestamp) -> Result<Answer, OutboundError> {
    let mut headers = HeaderMap::new();
    headers.insert(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    for (name, value) in signature::headers(&due.secrets, due.event, now, &due.body) {
        let value = HeaderValue::try_from(value).expect("identifiers, numbers and base64 are ASCII");
        headers.insert(HeaderName::from_static(name), value);
    }
    let request = Request {
        method: Method::POST,
        url: webhooks.client().check(&due.url)?,
        headers,
        body: due.body.clone().into(),
    };
    webhooks.client().send(request).await
}

/// The delivery, unless it was done, replaced or given up since it was found.
async fn load(
    webhooks: &Webhooks,
    ctx: &PlatformCtx,
    leased: Leased,
    delivery: DeliveryId,
) -> Result<Option<Due>, sqlx::Error> {
    let mut tx = ctx.control().await?;
    let now = tx.now();
    let row = sqlx::query!(
        r#"select d.attempts, v.id as "event: EventId", v.body, e.url, e.secret_sealed,
                  case when e.former_until > $2 then e.former_sealed end as former_sealed
           from control.webhook_deliveries d
           join control.webhook_endpoints e on e.id = d.endpoint_id
           join control.webhook_events v on v.id = d.event_id
           where d.id = $1 and d.status = 'pending' and e.status = 'active'"#,
        delivery as _,
        now as _
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let sealed = [Some(row.secret_sealed), row.former_sealed];
    let opened = sealed
        .iter()
        .flatten()
        .map(|sealed| webhooks.open(leased.endpoint, sealed));
    let secrets = opened
        .collect::<Result<_, _>>()
        .map_err(|broken| sqlx::Error::Decode(broken.into()))?;
    Ok(Some(Due {
        event: row.event,
        body: row.body,
        attempts: row.attempts,
        url: row.url,
        secrets,
    }))
}

/// Writes down what became of it: the delivery, how the endpoint fares, and whether that was enough.
async fn settle(
    ctx: &PlatformCtx,
    leased: Leased,
    delivery: DeliveryId,
    attempt: Attempt,
    answer: Option<Answer>,
) -> Result<bool, sqlx::Error> {
    let through = attempt.status.is_some_and(|status| (200..300).contains(&status));
    let mut tx = ctx.control().await?;
    let now = tx.now();
    let next = if through {
        None
    } else {
        retry::next(tx.seams(), attempt.number, now)
    };
    let gone = attempt.status == Some(410);
    let next = next.filter(|_| !gone);
    let status = match (through, next) {
        (true, _) => "delivered",
        (false, Some(_)) => "pending",
        (false, None) => "failed",
    };
    sqlx::query!(
        "update control.webhook_deliveries
         set status = $2, attempts = attempts + 1, next_attempt_at = $3, updated_at = $4,
             history = case when jsonb_array_length(history) >= $6 then history - 0 else history end
                       || jsonb_build_array($5::jsonb)
         where id = $1 and status = 'pending' and attempts = $7",
        delivery as _,
        status,
        next as _,
        now as _,
        Json(&attempt) as _,
        REMEMBERED,
        attempt.number - 1
    )
    .execute(tx.conn())
    .await?;
    if through {
        recovered(&mut tx, leased).await?;
    } else {
        let hold = answer.and_then(|answer| retry::hold(&answer.headers, now));
        let since = failing(&mut tx, leased, hold).await?;
        let for_days = since.is_some_and(|since| since.plus_days(PATIENCE_DAYS) <= now);
        let reason = if gone { Reason::Gone } else { Reason::Failing };
        if gone || (next.is_none() && for_days) {
            endpoints::disable(&mut tx, leased.tenant, leased.endpoint, reason).await?;
        }
    }
    tx.commit().await?;
    Ok(through)
}

async fn recovered(tx: &mut ControlTx, leased: Leased) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update control.webhook_endpoints set failing_since = null, held_until = null
         where id = $1 and (failing_since is not null or held_until is not null)",
        leased.endpoint as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Since when nothing gets through.
async fn failing(
    tx: &mut ControlTx,
    leased: Leased,
    hold: Option<Timestamp>,
) -> Result<Option<Timestamp>, sqlx::Error> {
    let now = tx.now();
    let since = sqlx::query_scalar!(
        r#"update control.webhook_endpoints set failing_since = coalesce(failing_since, $2), held_until = greatest(held_until, $3)
           where id = $1 returning failing_since as "since: Timestamp""#,
        leased.endpoint as _,
        now as _,
        hold as _
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(since.flatten())
}

/// How an answer begins, as text without control characters.
fn snippet(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let shown = text
        .chars()
        .map(|one| if one.is_control() { ' ' } else { one })
        .take(KEPT);
    let shown: String = shown.collect();
    (!shown.trim().is_empty()).then_some(shown)
}
