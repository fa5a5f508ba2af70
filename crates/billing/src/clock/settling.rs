//! Waiting for the bank, where time is moved ahead: a charge takes seconds, in which no month must pass.

use std::time::Duration;

use isolation::{PlatformCtx, Tx};
use tokio::time::{Instant, sleep};

/// How long one move of the time waits for banks, all in all.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// How long is still waited.
#[derive(Debug)]
pub(super) struct Patience(Option<Instant>);

impl Patience {
    /// Not at all: whoever moves the time has nobody who charges.
    pub(super) const fn none() -> Self {
        Self(None)
    }

    /// For so long as a server's worker may need.
    pub(super) fn of_a_server() -> Self {
        Self(Some(Instant::now() + PATIENCE))
    }

    /// Waits until no charge is to be made or being made.
    pub(super) async fn wait(&self, ctx: &PlatformCtx) -> Result<(), sqlx::Error> {
        while self.0.is_some_and(|end| Instant::now() < end) {
            let mut tx = ctx.control().await?;
            let charging = sqlx::query_scalar!(
                r#"select exists (select from control.payment_attempts where status in ('created', 'sent')) as "any!""#
            )
            .fetch_one(tx.conn())
            .await?;
            if !charging {
                break;
            }
            drop(tx);
            sleep(PAUSE).await;
        }
        Ok(())
    }
}
