//! The saga that makes a tenant, and the one that removes it: the same machine in two directions.
//!
//! ```text
//! pending → in_progress ─→ completed
//!               │ a step keeps failing (making a tenant)
//!               └→ rolling_back ─→ failed
//! ```
//!
//! - A run is in the database before anything is made. Whatever happens to the process, the run's lease expires and
//!   any node resumes it where it stood.
//! - Every name of what is made follows from the tenant's uuid, so a step may be repeated, and what it may have
//!   made can be removed without knowing whether it was made.
//! - Making a tenant that keeps failing is rolled back until nothing of it is left but the run itself. Removing one
//!   is never rolled back: it is tried again until it succeeds.
//! - Consecutive steps that only change the control plane share one transaction with the record of their
//!   completion; a step that reaches outside has none open. A tenant's own database gets its first data beside the
//!   last of those transactions, which waits for it.
//!
//! Nothing here holds a rule of the things it calls: it only says in which order they happen.

mod machine;
mod provisioner;
mod request;
mod run;
mod runs;
mod steps;
mod view;

pub use provisioner::{Checked, Launched, Ordered, ProvisionError, Provisioner, Settings};
pub use request::{ConfigRequest, OwnerRequest, ProvisionRequest};
pub use run::{Direction, RunStatus, StepStatus};
pub use view::{Resources, RunView, StepView};
