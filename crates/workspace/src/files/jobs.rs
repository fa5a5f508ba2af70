//! What happens to objects after their rows.

use std::collections::HashSet;
use std::future::ready;
use std::pin::pin;
use std::time::Duration;

use futures_util::TryStreamExt;
use isolation::TenantCtx;
use jobs::{Job, JobError, Run};
use kernel::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use storage::{Storage, StorageError, StoredObject};

use super::model::{File, FileId};
use super::sql;

/// An object without a row is an orphan after so long: no request takes that long to commit the row.
pub const SWEEP_AFTER: Duration = Duration::from_hours(1);

/// Objects that are compared with the rows at a time.
const BATCH: usize = 500;

/// Removes the object of a file whose row is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteObject {
    /// Whose file it was.
    pub tenant: TenantId,
    /// Which one.
    pub file: FileId,
}

impl Job for DeleteObject {
    const KIND: &'static str = "files.delete_object";
    fn tenant(&self) -> Option<TenantId> {
        Some(self.tenant)
    }
}

/// Does a [`DeleteObject`]; may be repeated.
pub async fn delete_object(run: Run, job: DeleteObject, storage: Storage) -> Result<(), JobError> {
    // The store that the job came from says whose it is; what the payload says must agree.
    if run.tenant != Some(job.tenant) {
        return Err(JobError::Hopeless(
            "the job names another tenant than its own".to_owned(),
        ));
    }
    let deleted = storage.tenant(job.tenant).delete(job.file).await;
    deleted.map_err(|error| retry(&error))
}

/// Removes the tenant's objects that have no row and are old enough; answers how many.
pub async fn sweep_orphans(ctx: &TenantCtx, storage: &Storage) -> Result<u64, JobError> {
    let space = storage.tenant(ctx.tenant_id());
    let now = ctx.seams().now();
    let old = move |object: StoredObject<File>| ready(Ok(is_old(&object, now).then_some(object.key)));
    let mut batches = pin!(space.list::<File>().try_filter_map(old).try_chunks(BATCH));
    let mut removed = 0;
    while let Some(batch) = batches.try_next().await.map_err(|partial| retry(&partial.1))? {
        for orphan in without_row(ctx, &batch).await? {
            space.delete(orphan).await.map_err(|error| retry(&error))?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Whether both the upload began and its last byte came so long ago: the first is told by our own clock, which may
/// have been moved forward, the second by the store's.
fn is_old(object: &StoredObject<File>, now: Timestamp) -> bool {
    let begun = object.key.uuid().get_timestamp().map(|time| {
        let (seconds, nanos) = time.to_unix();
        Timestamp::from_micros(i64::try_from(seconds).unwrap_or(0) * 1_000_000 + i64::from(nanos / 1_000))
    });
    begun.is_none_or(|begun| begun.plus(SWEEP_AFTER) <= now) && object.written_at.plus(SWEEP_AFTER) <= now
}

fn retry(error: &StorageError) -> JobError {
    JobError::Retry(error.to_string())
}

async fn without_row(ctx: &TenantCtx, ids: &[FileId]) -> Result<Vec<FileId>, sqlx::Error> {
    let mut tx = ctx.read().await?;
    let existing: HashSet<FileId> = sql::existing(&mut tx, ids).await?.into_iter().collect();
    Ok(ids.iter().copied().filter(|id| !existing.contains(id)).collect())
}
