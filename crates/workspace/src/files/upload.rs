//! Bytes on their way in and out, outside any transaction.

use std::ops::Range;

use isolation::{Forbidden, TenantCtx};
use kernel::{Permission, TenantId};
use storage::{Download, Storage, StorageError, TenantSpace};
use tokio::runtime::Handle;

use super::content_type;
use super::model::{FileId, FileName};

/// Why bytes could not be taken or given.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// More bytes came than the file may have.
    #[error("a file may have at most {limit} bytes")]
    TooLarge {
        /// The most bytes that it may have.
        limit: u64,
    },
    /// There is no such content: the file was deleted.
    #[error("there is no such file")]
    NotFound,
    /// The asked range is empty or begins behind the end.
    #[error("the range lies outside the file's {size} bytes")]
    RangeNotSatisfiable {
        /// The file's size in bytes.
        size: u64,
    },
    /// The caller lacks the permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The object store failed.
    #[error(transparent)]
    Storage(StorageError),
}

impl From<StorageError> for ContentError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::TooLarge { limit } => Self::TooLarge { limit },
            StorageError::NoSuchObject => Self::NotFound,
            StorageError::RangeNotSatisfiable { size } => Self::RangeNotSatisfiable { size },
            other => Self::Storage(other),
        }
    }
}

/// A file whose bytes are coming. Dropping it is the same as [`Upload::abort`].
#[derive(Debug)]
pub struct Upload {
    object: storage::Upload,
    space: TenantSpace,
    tenant: TenantId,
    id: FileId,
    name: FileName,
    declared: Option<String>,
    head: Vec<u8>,
}

impl Upload {
    /// Begins to take the bytes of a new file, `max_bytes` at most; `declared` is the uploader's media type.
    pub async fn begin(
        ctx: &TenantCtx,
        storage: &Storage,
        name: FileName,
        declared: Option<&str>,
        max_bytes: u64,
    ) -> Result<Self, ContentError> {
        ctx.authorize(Permission::FilesWrite)?;
        let (tenant, id) = (ctx.tenant_id(), ctx.seams().new_id());
        let space = storage.tenant(tenant);
        Ok(Self {
            object: space.upload::<super::File>(id, max_bytes).await?,
            space,
            tenant,
            id,
            name,
            declared: declared.map(str::to_owned),
            head: Vec::new(),
        })
    }

    /// Takes the next bytes. After an error the upload is over and nothing of it remains.
    pub async fn write(&mut self, chunk: &[u8]) -> Result<(), ContentError> {
        self.object.write(chunk).await?;
        let missing = content_type::HEAD - self.head.len();
        self.head.extend_from_slice(&chunk[..missing.min(chunk.len())]);
        Ok(())
    }

    /// Stores the object. The file exists once [`create`](super::create) is committed.
    pub async fn finish(self) -> Result<StoredFile, ContentError> {
        let content_type = content_type::of(&self.head, self.declared.as_deref());
        let stored = self.object.finish().await?;
        Ok(StoredFile {
            id: self.id,
            tenant: self.tenant,
            name: self.name,
            content_type,
            size: stored.size,
            sha256: stored.sha256,
            object: Some(self.space),
        })
    }

    /// Gives the upload up; nothing of it remains.
    pub async fn abort(self) {
        self.object.abort().await;
    }
}

/// A stored object that is no file yet. Dropped before it became one, it takes its object with it.
#[derive(Debug)]
pub struct StoredFile {
    /// The file's identifier to be.
    pub id: FileId,
    /// Whose space the object is in.
    pub tenant: TenantId,
    /// What people call it.
    pub name: FileName,
    /// What its bytes are.
    pub content_type: String,
    /// How many bytes.
    pub size: u64,
    /// Their SHA-256 digest.
    pub sha256: [u8; 32],
    /// Where the object is, for as long as nothing can refer to it.
    object: Option<TenantSpace>,
}

impl StoredFile {
    /// From now on a row may refer to the object: whether that row is committed cannot be known for certain when
    /// the connection breaks, so from here only the sweep removes it.
    pub(super) fn keep(mut self) {
        self.object = None;
    }
}

impl Drop for StoredFile {
    fn drop(&mut self) {
        // Outside a runtime the process is ending; the sweep finds what remains.
        let (Some(space), Ok(runtime)) = (self.object.take(), Handle::try_current()) else {
            return;
        };
        let id = self.id;
        runtime.spawn(async move {
            if let Err(error) = space.delete(id).await {
                tracing::warn!(%id, %error, "the object of a file that was not created could not be removed");
            }
        });
    }
}

/// Opens the bytes of a file, or a range of them, for reading; the file is to be [found](super::get) before.
pub async fn download(
    ctx: &TenantCtx,
    storage: &Storage,
    id: FileId,
    range: Option<Range<u64>>,
) -> Result<Download, ContentError> {
    ctx.authorize(Permission::FilesRead)?;
    Ok(storage.tenant(ctx.tenant_id()).download(id, range).await?)
}
