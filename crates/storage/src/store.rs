//! The installation's object store: opening, health, the list of spaces, and the broom.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use kernel::{Seams, TenantId};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use uuid::Uuid;

use crate::config::StorageConfig;
use crate::error::StorageError;
use crate::local::{self, LocalRoot};
use crate::space::TenantSpace;

const TENANTS: &str = "tenants";
const PROBES: &str = "probes";

/// S3 takes parts of 5 MiB and more.
pub(crate) const S3_PART: usize = 5 << 20;
/// Locally a part only has to be worth a system call.
const LOCAL_PART: usize = 1 << 20;

/// The object store of the installation. Cheap to clone.
#[derive(Clone)]
pub struct Storage {
    pub(crate) objects: Arc<dyn ObjectStore>,
    /// Present when the objects are local files.
    pub(crate) local: Option<LocalRoot>,
    pub(crate) part_size: usize,
    seams: Seams,
}

impl Storage {
    /// Opens the store. A local folder is made when missing; a bucket is not contacted yet, see [`Storage::probe`].
    pub fn open(config: &StorageConfig, seams: Seams) -> Result<Self, StorageError> {
        match config {
            StorageConfig::Local { root } => {
                let local = LocalRoot::open(root, &[TENANTS, PROBES])?;
                let objects = Arc::new(local.store()?);
                Ok(Self {
                    objects,
                    local: Some(local),
                    part_size: LOCAL_PART,
                    seams,
                })
            }
            StorageConfig::S3(s3) => Ok(Self {
                objects: s3.connect()?,
                local: None,
                part_size: S3_PART,
                seams,
            }),
        }
    }

    /// Writes, reads and deletes a small object: whether the store can be used right now.
    pub async fn probe(&self) -> Result<(), StorageError> {
        let content: [u8; 16] = self.seams.random();
        let path = Path::from_iter([PROBES, &Uuid::from_bytes(content).simple().to_string()]);
        self.objects
            .put(&path, Bytes::copy_from_slice(&content).into())
            .await?;
        let read = self.objects.get(&path).await?.bytes().await?;
        self.delete(&path).await?;
        if read == content[..] {
            Ok(())
        } else {
            Err(StorageError::Corrupt)
        }
    }

    /// The space of this tenant, whether it exists or not.
    pub fn tenant(&self, tenant: TenantId) -> TenantSpace {
        TenantSpace::new(self.clone(), tenant, Path::from_iter([TENANTS, &tenant.hex()]))
    }

    /// The tenants of whom anything is stored, a half-made or half-removed space included: what is here and
    /// belongs to no living tenant is an orphan.
    pub async fn spaces(&self) -> Result<Vec<TenantId>, StorageError> {
        let found = self
            .objects
            .list_with_delimiter(Some(&Path::from(TENANTS)))
            .await?;
        let names = found
            .common_prefixes
            .iter()
            .filter_map(|prefix| prefix.filename());
        Ok(names
            .filter_map(|name| name.parse::<Uuid>().ok())
            .map(TenantId::from_uuid)
            .collect())
    }

    /// Removes what dead processes left and nobody wrote to for so long: interrupted local uploads, and probes.
    /// Answers how many. On S3 incomplete multipart uploads are the bucket's lifecycle rule's.
    pub async fn sweep(&self, older_than: Duration) -> Result<u64, StorageError> {
        let mut removed = 0;
        if let Some(local) = &self.local {
            removed += local.sweep(older_than).await?;
        }
        let mut probes = self.objects.list(Some(&Path::from(PROBES)));
        while let Some(probe) = probes.try_next().await? {
            if local::age(probe.last_modified.into()) >= older_than {
                self.delete(&probe.location).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Deletes one object, durably; one that is not there is fine.
    pub(crate) async fn delete(&self, path: &Path) -> Result<(), StorageError> {
        match self.objects.delete(path).await.map_err(StorageError::from) {
            Ok(()) | Err(StorageError::NoSuchObject) => {}
            Err(error) => return Err(error),
        }
        match &self.local {
            Some(local) => Ok(local.sync_deletion(path).await?),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Storage").field(&self.objects.to_string()).finish()
    }
}
