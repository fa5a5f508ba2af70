//! Optimistic concurrency: a change says which version it was made from.

/// The thing was changed since the caller read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it was changed in the meantime")]
pub struct VersionMismatch {
    /// The version there is now.
    pub present: i64,
}

/// Passes when nothing particular is expected or the expected version is there.
pub(crate) fn require(present: i64, expected: Option<i64>) -> Result<(), VersionMismatch> {
    match expected {
        Some(version) if version != present => Err(VersionMismatch { present }),
        _ => Ok(()),
    }
}
