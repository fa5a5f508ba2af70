//! Moving the time ahead.

use audit::{Event, EventType};
use isolation::PlatformCtx;
use kernel::Timestamp;

use super::driver::{ClockError, Ran, run};
use super::settling::Patience;
use super::{sql, time};
use crate::terms::Terms;

/// The furthest that time is moved at once: thirty years.
const MOST_DAYS: i64 = 30 * 366;

/// Moves billing's time ahead to that instant. Whatever becomes due on the way is done at its instant and in order, so that
/// months pass as they would by themselves. Whoever offers this must not do so in production: time does not go back.
pub async fn advance(
    ctx: &PlatformCtx,
    terms: &Terms,
    to: Timestamp,
) -> Result<(Timestamp, Ran), ClockError> {
    move_ahead(ctx, terms, to, &Patience::none()).await
}

/// The same where somebody works off jobs beside: time waits for what is being charged, as long as that takes seconds.
pub async fn advance_with_charges(
    ctx: &PlatformCtx,
    terms: &Terms,
    to: Timestamp,
) -> Result<(Timestamp, Ran), ClockError> {
    move_ahead(ctx, terms, to, &Patience::of_a_server()).await
}

async fn move_ahead(
    ctx: &PlatformCtx,
    terms: &Terms,
    to: Timestamp,
    patience: &Patience,
) -> Result<(Timestamp, Ran), ClockError> {
    let mut tx = ctx.control().await?;
    let from = time::now(&mut tx).await?;
    if to > from.plus_days(MOST_DAYS) {
        return Err(ClockError::TooFar(MOST_DAYS));
    }
    let event = Event::new(EventType::BillingClockAdvanced).change("now", from, to.max(from));
    audit::record(&mut tx, event).await?;
    tx.commit().await?;
    let mut all = Ran::default();
    loop {
        let mut tx = ctx.control().await?;
        let due = sql::next_instant(&mut tx).await?.filter(|due| *due <= to);
        let present = time::advance_to(&mut tx, due.unwrap_or(to)).await?;
        tx.commit().await?;
        let ran = Box::pin(run(ctx, terms)).await?;
        all.steps += ran.steps;
        all.drafts += ran.drafts;
        all.dunned += ran.dunned;
        all.failed += ran.failed;
        patience.wait(ctx).await?;
        if due.is_none() {
            return Ok((present, all));
        }
    }
}
