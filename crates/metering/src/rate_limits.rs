//! How fast a caller may come: the generic cell rate algorithm (GCRA, ITU-T I.371) for tenants, API keys and addresses.
//!
//! - [`Cell`] is one caller's state: the instant at which its bucket would be full again, in one atomic word.
//! - [`Table`] holds the cells of any number of keys in memory that does not grow.
//!
//! Invariants: a decision takes no lock that another key's decision waits for long, and allocates nothing; memory is fixed
//! when the table is made.
//!
//! Several nodes: [`Rate::decide`] is the whole rule, from the state before to the state after. What shares the state
//! (Redis) keeps the same word and calls the same rule; everything else stays.
//!
//! What may not enter: what happens to who comes too fast.

mod cell;
mod rate;
mod table;

pub use cell::Cell;
pub use rate::{Passage, Rate};
pub use table::Table;
