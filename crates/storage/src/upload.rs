//! An object on its way in: counted, hashed and limited while it streams.
//!
//! ```text
//! Small ──more than one part──▶ Parts
//!   └────────────┬────────────────┘
//!   finish, abort, any error, drop ──▶ Closed
//! ```

use std::fmt;
use std::mem;

use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMultipartOptions, WriteMultipart};
use sha2::{Digest, Sha256};

use crate::error::StorageError;
use crate::space::TenantSpace;
use crate::store::S3_PART;

/// S3 takes at most 10,000 parts; larger objects than this would need larger parts in memory.
const S3_LARGEST: u64 = 10_000 * S3_PART as u64;
/// Parts on their way while the next one fills: at most three are in memory.
const PARTS_IN_FLIGHT: usize = 2;

/// An object that is being written. Nobody can read it before [`Upload::finish`] has answered; dropping it
/// instead is the same as [`Upload::abort`].
pub struct Upload {
    space: TenantSpace,
    path: Path,
    limit: u64,
    part_size: usize,
    size: u64,
    digest: Sha256,
    state: State,
}

enum State {
    Small(Vec<u8>),
    Parts(WriteMultipart),
    Closed,
}

/// What was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uploaded {
    /// How many bytes.
    pub size: u64,
    /// Their SHA-256 digest.
    pub sha256: [u8; 32],
}

impl Upload {
    pub(crate) fn new(space: TenantSpace, path: Path, limit: u64) -> Self {
        let part_size = space.storage.part_size;
        let limit = if space.storage.local.is_some() {
            limit
        } else {
            limit.min(S3_LARGEST)
        };
        let state = State::Small(Vec::new());
        Self {
            space,
            path,
            limit,
            part_size,
            size: 0,
            digest: Sha256::new(),
            state,
        }
    }

    /// Takes the next bytes. After an error the upload is over and nothing of it remains.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        let size = self.size.saturating_add(bytes.len() as u64);
        let taken = if size > self.limit {
            Err(StorageError::TooLarge { limit: self.limit })
        } else {
            self.take(bytes).await
        };
        if taken.is_err() {
            self.close().await;
            return self.space.unless_gone(&self.path, taken).await;
        }
        self.digest.update(bytes);
        self.size = size;
        Ok(())
    }

    /// How many bytes were taken so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Makes the object readable. When this answers, the object survives a crash; when it fails, the caller must
    /// not name the object anywhere, and at most an unreachable store keeps it.
    pub async fn finish(mut self) -> Result<Uploaded, StorageError> {
        let stored = self.put().await;
        self.space.unless_gone(&self.path, stored).await?;
        Ok(Uploaded {
            size: self.size,
            sha256: mem::take(&mut self.digest).finalize().into(),
        })
    }

    /// Gives the upload up; nothing of it remains.
    pub async fn abort(mut self) {
        self.close().await;
    }

    async fn take(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        match &mut self.state {
            State::Closed => return Err(StorageError::UploadClosed),
            State::Small(buffer) if buffer.len() + bytes.len() <= self.part_size => {
                buffer.extend_from_slice(bytes);
                return Ok(());
            }
            State::Small(buffer) => {
                let options = PutMultipartOptions::default();
                let upload = self
                    .space
                    .storage
                    .objects
                    .put_multipart_opts(&self.path, options)
                    .await?;
                let mut parts = WriteMultipart::new_with_chunk_size(upload, self.part_size);
                parts.write(buffer);
                self.state = State::Parts(parts);
            }
            State::Parts(_) => {}
        }
        let State::Parts(parts) = &mut self.state else {
            return Err(StorageError::UploadClosed);
        };
        for piece in bytes.chunks(self.part_size) {
            parts.wait_for_capacity(PARTS_IN_FLIGHT).await?;
            parts.write(piece);
        }
        Ok(())
    }

    async fn put(&mut self) -> Result<(), StorageError> {
        let storage = self.space.storage.clone();
        match mem::replace(&mut self.state, State::Closed) {
            State::Small(buffer) => storage.objects.put(&self.path, buffer.into()).await?,
            State::Parts(parts) => parts.finish().await?,
            State::Closed => return Err(StorageError::UploadClosed),
        };
        match &storage.local {
            Some(local) => Ok(local.make_private(&self.path).await?),
            None => Ok(()),
        }
    }

    async fn close(&mut self) {
        if let State::Parts(parts) = mem::replace(&mut self.state, State::Closed) {
            discard(parts, &self.path).await;
        }
    }
}

/// Failing to tidy up must not hide why the upload ended; the sweep finds the rest.
async fn discard(parts: WriteMultipart, path: &Path) {
    if let Err(error) = parts.abort().await {
        tracing::warn!(%path, %error, "an abandoned upload could not be removed");
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // Outside a runtime the process is ending; the sweep finds what remains.
        if let State::Parts(parts) = mem::replace(&mut self.state, State::Closed)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let path = self.path.clone();
            runtime.spawn(async move { discard(parts, &path).await });
        }
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload")
            .field("path", &self.path)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}
