//! One tenant's space: made, verified, removed, and the objects in it.

use std::io::ErrorKind;
use std::ops::Range;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use kernel::{Entity, Id, TenantId, Timestamp};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt};

use crate::download::Download;
use crate::error::StorageError;
use crate::store::Storage;
use crate::upload::Upload;

/// No entity's prefix begins with a dot, so no object can be in its way.
const MARKER: &str = ".space";

/// The space of one tenant. Whatever it is asked, it reaches no other tenant's objects.
#[derive(Debug, Clone)]
pub struct TenantSpace {
    pub(crate) storage: Storage,
    tenant: TenantId,
    prefix: Path,
}

/// An object as the store lists it.
#[derive(Debug)]
pub struct StoredObject<T: Entity> {
    /// Its key.
    pub key: Id<T>,
    /// Its size in bytes.
    pub size: u64,
    /// When the store wrote it, by the store's own clock.
    pub written_at: Timestamp,
}

impl TenantSpace {
    pub(crate) fn new(storage: Storage, tenant: TenantId, prefix: Path) -> Self {
        Self {
            storage,
            tenant,
            prefix,
        }
    }

    /// The space's name within the store: `tenants/<uuid hex>`.
    pub fn name(&self) -> &str {
        self.prefix.as_ref()
    }

    /// Makes the space; one that is there stays as it is.
    pub async fn create(&self) -> Result<(), StorageError> {
        let marker = self.marker();
        if let Some(local) = &self.storage.local {
            local.make_folder(&self.prefix).await?;
        }
        let content = Bytes::from(format!("{}\n", self.tenant));
        self.storage.objects.put(&marker, content.into()).await?;
        if let Some(local) = &self.storage.local {
            local.make_private(&marker).await?;
        }
        Ok(())
    }

    /// Whether the space is there.
    pub async fn exists(&self) -> Result<bool, StorageError> {
        match self
            .storage
            .objects
            .head(&self.marker())
            .await
            .map_err(StorageError::from)
        {
            Ok(_) => Ok(true),
            Err(StorageError::NoSuchObject) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes the space with everything in it. May be repeated, also after it was cut off half-way: until the
    /// last object is gone, [`Storage::spaces`] still lists it.
    pub async fn remove(&self) -> Result<(), StorageError> {
        self.delete_objects().await?;
        self.storage.delete(&self.marker()).await?;
        // An upload that was under way ends either before this look, which finds its object, or after it, and
        // then it misses the marker and takes its object back itself.
        self.delete_objects().await?;
        match &self.storage.local {
            Some(local) => Ok(local.remove_folder(&self.prefix).await?),
            None => Ok(()),
        }
    }

    /// Begins to write the object of this key, of at most so many bytes (on S3 never more than 48 GiB). A key is meant to be written once;
    /// a second upload replaces the first as a whole.
    pub async fn upload<T: Entity>(&self, key: Id<T>, limit: u64) -> Result<Upload, StorageError> {
        if let Some(local) = &self.storage.local {
            match local.make_folder(&self.folder::<T>()).await {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                made => made?,
            }
        }
        self.require().await?;
        Ok(Upload::new(self.clone(), self.path(key), limit))
    }

    /// Opens the object of this key for reading; a range that ends behind the object's end is cut to it.
    pub async fn download<T: Entity>(
        &self,
        key: Id<T>,
        range: Option<Range<u64>>,
    ) -> Result<Download, StorageError> {
        let path = self.path(key);
        let options = GetOptions {
            range: range.clone().map(GetRange::Bounded),
            ..GetOptions::default()
        };
        let error = match self.storage.objects.get_opts(&path, options).await {
            Ok(found) => return Download::open(found).await,
            Err(error) => StorageError::from(error),
        };
        // Stores word this refusal differently; the size decides.
        let (Some(range), StorageError::Store(_)) = (range, &error) else {
            return Err(error);
        };
        let size = self.storage.objects.head(&path).await?.size;
        let outside = range.is_empty() || range.start >= size;
        Err(if outside {
            StorageError::RangeNotSatisfiable { size }
        } else {
            error
        })
    }

    /// Deletes the object of this key; one that is not there is fine.
    pub async fn delete<T: Entity>(&self, key: Id<T>) -> Result<(), StorageError> {
        self.storage.delete(&self.path(key)).await
    }

    /// All objects of one kind, in no order: what a sweep compares with the rows that should name them.
    pub fn list<T: Entity>(
        &self,
    ) -> impl Stream<Item = Result<StoredObject<T>, StorageError>> + Send + use<T> {
        let found = self.storage.objects.list(Some(&self.folder::<T>()));
        found
            .map_err(StorageError::from)
            .try_filter_map(|meta| async move {
                let key = meta
                    .location
                    .filename()
                    .and_then(|name| name.parse().ok())
                    .map(Id::from_uuid);
                let written_at = Timestamp::from_micros(meta.last_modified.timestamp_micros());
                Ok(key.map(|key| StoredObject {
                    key,
                    size: meta.size,
                    written_at,
                }))
            })
    }

    /// Refuses when the space is not there.
    pub(crate) async fn require(&self) -> Result<(), StorageError> {
        if self.exists().await? {
            Ok(())
        } else {
            Err(StorageError::NoSuchSpace(self.tenant))
        }
    }

    /// The result of writing this object, unless the space went away meanwhile: then the object is taken back, with
    /// the folders it may have brought back.
    pub(crate) async fn unless_gone(
        &self,
        path: &Path,
        written: Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let Err(gone) = self.require().await else {
            return written;
        };
        self.storage.delete(path).await?;
        if let Some(local) = &self.storage.local {
            local.remove_empty_folders(path).await?;
        }
        Err(gone)
    }

    /// Deletes all objects but the marker.
    async fn delete_objects(&self) -> Result<(), StorageError> {
        let marker = self.marker();
        let objects = self
            .storage
            .objects
            .list(Some(&self.prefix))
            .map_ok(|meta| meta.location);
        let objects = objects
            .try_filter(move |path| std::future::ready(*path != marker))
            .boxed();
        let mut deleted = self.storage.objects.delete_stream(objects);
        while let Some(result) = deleted.next().await {
            match result.map_err(StorageError::from) {
                Ok(_) | Err(StorageError::NoSuchObject) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn marker(&self) -> Path {
        self.prefix.clone().join(MARKER)
    }

    fn folder<T: Entity>(&self) -> Path {
        self.prefix.clone().join(T::PREFIX)
    }

    pub(crate) fn path<T: Entity>(&self, key: Id<T>) -> Path {
        self.folder::<T>().join(key.hex())
    }
}
