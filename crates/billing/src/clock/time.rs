//! The present, as far as billing is concerned.

use isolation::{ControlTx, Tx};
use kernel::Timestamp;

/// The present instant.
pub async fn now(tx: &mut ControlTx) -> Result<Timestamp, sqlx::Error> {
    let offset = offset(tx).await?;
    Ok(Timestamp::from_micros(tx.now().as_micros() + offset))
}

/// How far it is ahead of the real time, in microseconds.
pub(super) async fn offset(tx: &mut ControlTx) -> Result<i64, sqlx::Error> {
    let offset = sqlx::query_scalar!("select offset_micros from control.billing_clock")
        .fetch_optional(tx.conn())
        .await?;
    Ok(offset.unwrap_or(0))
}

/// Has the present be this instant, unless it is later already; time never goes back. Answers the present.
/// Of two who move it at once the later instant holds.
pub(crate) async fn advance_to(tx: &mut ControlTx, instant: Timestamp) -> Result<Timestamp, sqlx::Error> {
    let real = tx.now();
    let offset = instant.as_micros().saturating_sub(real.as_micros()).max(0);
    let offset = sqlx::query_scalar!(
        "insert into control.billing_clock as c (offset_micros) values ($1)
         on conflict (singleton) do update set offset_micros = greatest(c.offset_micros, excluded.offset_micros)
         returning offset_micros",
        offset
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(Timestamp::from_micros(real.as_micros() + offset))
}
