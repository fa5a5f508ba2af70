//! Dunning: what follows when an invoice is not paid.
//!
//! ```text
//!   an attempt failed, or the               try again         the last one failed too
//!   due date passed unpaid ───▶ running ──────────────▶ … ───────────────────────────▶ exhausted
//!                                 │  ▲ 3, 5, 7, 7 days later (the plan says)               │
//!                                 │  └── another method: at once                           │
//!                                 ▼                                                        ▼
//!                               ended ◀──────── nothing is due any more ───────────────────┘
//! ```
//!
//! Each invoice has a case of its own. With its first setback the subscription is past due; when the last try failed,
//! the plan's final action follows (module `actions`): the tenant is suspended, the subscription is cancelled, goes on with
//! the free plan, or is unpaid. As soon as nothing of the invoice is due, however that came about, its case ends; with the
//! last of a tenant's cases what dunning took is given back. What was cancelled or downgraded stays so.
//!
//! Invariants: every step is one transaction under the lock of the tenant's account, with its letter and its event, so that
//! each is told once whoever runs it and whoever dies; an invoice is charged only while none of its attempts is open; a
//! method that was refused for good is not charged again; a setback here never undoes what caused it: a payment that came
//! is written down even where its consequences fail, and those are tried again.
//!
//! What may not enter: how somebody is charged (payments), and what a status means at the door (the gate).

mod actions;
mod cases;
mod declines;
mod driver;
mod ending;
mod error;
mod jobs;
mod letters;
mod model;
mod paying;
mod sql;
mod steps;
#[cfg(test)]
mod tests;
mod words;

pub(crate) use cases::{attempt_settled, method_changed};
pub(crate) use driver::run;
pub(crate) use ending::{invoice_changed, settled};
pub(crate) use jobs::handlers;
pub use letters::Letters;
pub(crate) use letters::trial_ends;
pub use model::{Case, CaseStatus};
pub use paying::{PayError, pay};
pub(crate) use sql::next_instant;
pub use sql::of_invoice;
