//! Attempts to be paid: one charge of one invoice.
//!
//! ```text
//!            mark_sent          the provider answers
//!   created ───────────▶ sent ─┬─▶ succeeded                 the end; nothing changes it
//!      │                   │   ├─▶ processing ─▶ …           the bank takes its time
//!      │ call_off          │   ├─▶ requires_action ─▶ …      the payer has to confirm
//!      ▼                   │   ├─▶ declined                  the bank said no
//!   canceled               ▼   └─▶ failed                    it could not be asked for
//!                       unknown ─▶ looked up ─▶ any of these
//! ```
//! Money that arrives late is still money: `declined`, `canceled` and `failed` can become `succeeded`, nothing else.
//!
//! A process may die between any two steps. `created` and `sent` are committed before what follows them; a job that finds
//! `sent` or `unknown` asks again under the same key while the provider remembers it (`calls::KEY_HOURS`), and
//! later looks through the provider's list, which tells whether it ever got the order.

mod jobs;
mod model;
mod ops;
mod sql;

pub use jobs::ChargeAttempt;
pub(super) use jobs::handlers;
pub use model::{Attempt, AttemptEntity, AttemptId, AttemptStatus};
pub use ops::{CollectError, Order, call_off, collect, get, of_invoice, overdue};
pub(super) use ops::{Seen, find_by_reference, look_at, settle};
