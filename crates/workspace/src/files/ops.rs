//! What can be done with the rows of files.

use audit::{Event, EventType};
use isolation::{Forbidden, TenantTx, Tx};
use jobs::Queue;
use kernel::Permission;

use super::jobs::DeleteObject;
use super::model::{File, FileId};
use super::sql;
use super::upload::StoredFile;
use crate::holdings::{self, NoRoom};
use crate::page::PageRequest;

/// Why something could not be done with a file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// This tenant has no such file.
    #[error("there is no such file")]
    NotFound,
    /// All files together would have more bytes than they may.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// The caller lacks the permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The database refused or did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Creates the file whose bytes were stored before, in this same tenant, unless all files together would have more bytes
/// than `most`. When it fails the object is removed.
pub async fn create(tx: &mut TenantTx, stored: StoredFile, most: Option<u64>) -> Result<File, FileError> {
    tx.ctx().authorize(Permission::FilesWrite)?;
    if stored.tenant != tx.tenant_id() {
        return Err(FileError::NotFound);
    }
    let file = File {
        id: stored.id,
        name: stored.name.to_string(),
        content_type: stored.content_type.clone(),
        size: i64::try_from(stored.size).unwrap_or(i64::MAX),
        sha256: stored.sha256.iter().map(|byte| format!("{byte:02x}")).collect(),
        created_by: tx.actor().id.clone(),
        created_at: tx.now(),
    };
    holdings::take_file_bytes(tx, file.size, most).await??;
    sql::insert(tx, &file, &stored.sha256).await?;
    audit::record(tx, event(EventType::DataCreated, &file)).await?;
    stored.keep();
    Ok(file)
}

/// One file.
pub async fn get(tx: &mut TenantTx, id: FileId) -> Result<File, FileError> {
    tx.ctx().authorize(Permission::FilesRead)?;
    sql::find(tx, id).await?.ok_or(FileError::NotFound)
}

/// The files, newest first.
pub async fn list(tx: &mut TenantTx, page: &PageRequest<FileId>) -> Result<Vec<File>, FileError> {
    tx.ctx().authorize(Permission::FilesRead)?;
    Ok(sql::list(tx, page).await?)
}

/// Deletes a file; a job removes its bytes once that is committed.
pub async fn delete(tx: &mut TenantTx, id: FileId) -> Result<(), FileError> {
    tx.ctx().authorize(Permission::FilesWrite)?;
    let file = sql::delete(tx, id).await?.ok_or(FileError::NotFound)?;
    holdings::give_back(tx, 0, file.size).await?;
    audit::record(tx, event(EventType::DataDeleted, &file)).await?;
    let tenant = tx.tenant_id();
    tx.enqueue(&DeleteObject { tenant, file: id }).await?;
    Ok(())
}

fn event(kind: EventType, file: &File) -> Event {
    Event::new(kind)
        .resource(file.id, Some(&file.name))
        .meta("size", file.size)
        .meta("sha256", &*file.sha256)
        .meta("contentType", &*file.content_type)
}
