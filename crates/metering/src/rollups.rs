//! Counts by the hour, the day and the month (UTC), and by a tenant's own days and months.
//!
//! Invariants: whatever counts adds to every grain in its own transaction, so grains never disagree and reading costs what
//! the answer is long; additions commute, so their order changes nothing; rows are touched in one order everywhere
//! ([`Spread`] is sorted and written by one statement), so counting never deadlocks; tables are partitioned by time, made
//! ahead and dropped whole.
//!
//! What may not enter: why something is counted, and what is allowed.

mod bucket;
mod calendars;
mod histories;
mod jobs;
mod members;
mod partitions;
mod spread;
mod sql;

pub use bucket::{Bucket, Granularity};
pub(crate) use calendars::begin_calendar;
pub use histories::LEAST_DAYS;
pub use jobs::scheduled;
pub(crate) use members::{Departure, Member, add as add_members, remove as remove_members};
pub(crate) use partitions::{RECOGNISED_DAYS, open_generation};
pub use partitions::{Retention, drop_expired, ensure};
pub(crate) use spread::Row;
pub use spread::{Dimensions, Spread, Totals};
pub(crate) use sql::write;
