//! Where the bytes of files live: one object store for the installation, one space in it per tenant.
//!
//! A space is the prefix `tenants/<uuid hex>/` (a real folder locally) with a marker object `.space`, so that an
//! empty space exists and can be verified. An object's key is an [`Id`](kernel::Id), so its path is made of the
//! entity's prefix and a uuid, never of anything a user wrote, and a [`TenantSpace`] cannot name what lies in
//! another.
//!
//! Invariants:
//! - An upload that was answered is durable: locally the file and its folders are synced, S3 promises it.
//! - An upload that was not answered leaves nothing readable behind; what a dying process leaves, [`Storage::sweep`]
//!   removes locally, and on S3 a lifecycle rule for incomplete multipart uploads.
//! - A removed space stays removed: an upload that finishes meanwhile takes its object back.
//!
//! What may not enter: names, types and owners of files (they are rows of the tenant store), quotas, HTTP.

mod config;
mod download;
mod error;
mod local;
mod space;
mod store;
mod upload;

#[cfg(test)]
mod tests;

pub use config::{S3Config, StorageConfig};
pub use download::Download;
pub use error::StorageError;
pub use space::{StoredObject, TenantSpace};
pub use store::Storage;
pub use upload::{Upload, Uploaded};
