//! What can go wrong with the object store.

use kernel::TenantId;

/// Why the object store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// There is no object of this key in the tenant's space.
    #[error("there is no such object")]
    NoSuchObject,
    /// The tenant has no space: it was never made, or it is gone.
    #[error("{0} has no storage space")]
    NoSuchSpace(TenantId),
    /// More bytes came than the upload may have; none of them was kept.
    #[error("more than {limit} bytes")]
    TooLarge {
        /// The most bytes that this upload may have.
        limit: u64,
    },
    /// The asked range is empty or begins behind the end.
    #[error("the range lies outside the object's {size} bytes")]
    RangeNotSatisfiable {
        /// The object's size in bytes.
        size: u64,
    },
    /// The upload ended earlier, by an error or by [`Upload::abort`](crate::Upload::abort).
    #[error("the upload is over")]
    UploadClosed,
    /// The store answered other bytes than were written.
    #[error("the object store does not return what was written")]
    Corrupt,
    /// The store cannot be reached or refuses.
    #[error("object store: {0}")]
    Store(#[source] object_store::Error),
    /// A step of our own on local files failed.
    #[error("storage folder: {0}")]
    Folder(#[from] std::io::Error),
}

impl From<object_store::Error> for StorageError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::NoSuchObject,
            other => Self::Store(other),
        }
    }
}
