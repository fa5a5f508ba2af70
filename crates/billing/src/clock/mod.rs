//! Billing's time, and what drives billing through it.
//!
//! - [`now`]: the real time plus the installation's offset, which is 0 but where months are tested.
//! - [`run`]: does what is due: subscriptions step by step, drafts whose time is over, invoices that are not paid. Any
//!   number of nodes may run it at the same time and die at any moment: what is due is taken a few tenants at a time under the locks of their accounts, those
//!   that another node holds are passed over, and each batch is a transaction. What it costs follows what is due and not
//!   how much there is.
//! - [`advance`]: moves the time ahead and does on the way everything that becomes due, in order and at its instant.
//!
//! Whoever adds something else that becomes due adds it to [`run`] and to the instants of [`advance`].
//!
//! What may not enter: what is due and what that means (subscriptions, invoices).

mod advance;
mod driver;
mod settling;
mod sql;
#[cfg(test)]
mod tests;
mod time;

use std::time::Duration;

use jobs::JobError;
use jobs::schedule::Schedule;

pub use advance::{advance, advance_with_charges};
pub use driver::{ClockError, Ran, run};
#[cfg(test)]
pub(crate) use time::advance_to as move_to;
pub use time::now;

use crate::terms::Terms;

/// With the driver, which looks for what is due every few seconds.
#[must_use]
pub fn scheduled(schedule: Schedule, terms: Terms) -> Schedule {
    schedule.every("billing.run", Duration::from_secs(5), move |ctx| {
        let terms = terms.clone();
        async move {
            let ran = Box::pin(run(&ctx, &terms)).await;
            ran.map(drop).map_err(|error| JobError::Retry(error.to_string()))
        }
    })
}
