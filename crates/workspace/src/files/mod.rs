//! Files: rows in the tenant's store, bytes in its space of the object store, tied by the file's identifier.
//!
//! ```text
//! Upload ──finish──▶ StoredFile ──create, commit──▶ File ──delete, commit──▶ row gone ──job──▶ object gone
//!   └─ abort, error, drop: nothing remains      └─ anything else: the object is removed, or swept an hour later
//! ```
//!
//! Invariants:
//! - The bytes are stored before the row is committed and removed after the row is gone: a row without its object
//!   does not happen, an object without its row is only litter.
//! - No transaction is open while bytes move.
//! - What a user says about a file (name, type) is never part of a path, and a type is believed only where the
//!   first bytes do not say otherwise.
//!
//! What may not enter: HTTP headers, the store's own layout, the plan's quotas.

mod content_type;
mod jobs;
mod model;
mod ops;
mod sql;
#[cfg(test)]
mod tests;
mod upload;

pub use content_type::is_inline_safe;
pub use jobs::{DeleteObject, SWEEP_AFTER, delete_object, sweep_orphans};
pub use model::{File, FileId, FileName, InvalidFileName, MAX_BYTES, NAME_MAX};
pub use ops::{FileError, create, delete, get, list};
pub use upload::{ContentError, StoredFile, Upload, download};
