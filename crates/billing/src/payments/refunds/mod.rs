//! Money that goes back: asked for here, or found at the provider.
//!
//! ```text
//!   created ─▶ sent ─┬─▶ pending ─┬─▶ succeeded ─▶ failed    a bank may send it back days later
//!                    │            ├─▶ failed
//!                    ▼            └─▶ canceled
//!                 unknown ─▶ looked up
//! ```
//! Never more goes back than was paid: refunds that did not fail are summed under the lock of everything that bills the tenant.

mod jobs;
mod model;
mod ops;
mod order;
mod sql;

pub use jobs::SendRefund;
pub(super) use jobs::handlers;
pub use model::{Refund, RefundEntity, RefundId};
pub use ops::{NewRefund, RefundError, ask, get, of_invoice, of_payment, overdue};
pub(super) use ops::{find, found, settle};
pub use order::{RefundOrder, RefundOrderError, order};
