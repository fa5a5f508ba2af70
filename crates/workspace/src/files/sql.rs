//! The statements on `files`.

use isolation::{TenantTx, Tx};
use kernel::Timestamp;
use sqlx::Error;
use sqlx::types::Uuid;

use super::model::{File, FileId};
use crate::page::PageRequest;

pub(super) async fn insert(tx: &mut TenantTx, file: &File, sha256: &[u8; 32]) -> Result<(), Error> {
    let tenant = tx.tenant_id();
    sqlx::query!(
        "insert into files (tenant_id, id, name, content_type, size, sha256, created_by, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        tenant as _,
        file.id as _,
        file.name,
        file.content_type,
        file.size,
        &sha256[..],
        file.created_by,
        file.created_at as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn find(tx: &mut TenantTx, id: FileId) -> Result<Option<File>, Error> {
    let tenant = tx.tenant_id();
    sqlx::query_as!(
        File,
        r#"select id as "id: FileId", name, content_type, size, encode(sha256, 'hex') as "sha256!", created_by,
                  created_at as "created_at: Timestamp"
           from files where tenant_id = $1 and id = $2"#,
        tenant as _,
        id as _
    )
    .fetch_optional(tx.conn())
    .await
}

/// Deletes it; answers what it was.
pub(super) async fn delete(tx: &mut TenantTx, id: FileId) -> Result<Option<File>, Error> {
    let tenant = tx.tenant_id();
    sqlx::query_as!(
        File,
        r#"delete from files where tenant_id = $1 and id = $2
           returning id as "id: FileId", name, content_type, size, encode(sha256, 'hex') as "sha256!", created_by,
                     created_at as "created_at: Timestamp""#,
        tenant as _,
        id as _
    )
    .fetch_optional(tx.conn())
    .await
}

/// Newest first: a page is one range of the primary key.
pub(super) async fn list(tx: &mut TenantTx, page: &PageRequest<FileId>) -> Result<Vec<File>, Error> {
    let tenant = tx.tenant_id();
    let after = page.after.unwrap_or(FileId::from_uuid(Uuid::max()));
    sqlx::query_as!(
        File,
        r#"select id as "id: FileId", name, content_type, size, encode(sha256, 'hex') as "sha256!", created_by,
                  created_at as "created_at: Timestamp"
           from files where tenant_id = $1 and id < $2 order by id desc limit $3"#,
        tenant as _,
        after as _,
        page.limit
    )
    .fetch_all(tx.conn())
    .await
}

/// Those of the identifiers that have a row.
pub(super) async fn existing(tx: &mut TenantTx, ids: &[FileId]) -> Result<Vec<FileId>, Error> {
    let tenant = tx.tenant_id();
    sqlx::query_scalar!(
        r#"select id as "id: FileId" from files where tenant_id = $1 and id = any ($2)"#,
        tenant as _,
        ids as _
    )
    .fetch_all(tx.conn())
    .await
}
