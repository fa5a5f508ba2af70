//! Which of two answers of the provider is the later one.
//!
//! Webhooks come in any order, and several are worked on at once, so each asks the provider for the object anew. The time
//! before it asked is kept with what it was told. Whoever asked earlier than what is written already asks again: so the
//! last to write asked after every change that a webhook told of.

use isolation::{ControlTx, Tx};
use kernel::Timestamp;

/// The time now, by the one clock that all nodes share.
pub(super) async fn look(tx: &mut ControlTx) -> Result<Timestamp, sqlx::Error> {
    sqlx::query_scalar!(r#"select clock_timestamp() as "now!: Timestamp""#)
        .fetch_one(tx.conn())
        .await
}

/// Whether what was asked for at `asked` is older than what is written already.
pub(super) fn is_stale(asked: Timestamp, written: Option<Timestamp>) -> bool {
    written.is_some_and(|written| asked < written)
}
