//! The statements on `projects`.

use isolation::{TenantTx, Tx};
use kernel::Timestamp;
use sqlx::{Error, Postgres, QueryBuilder};

use super::model::{Project, ProjectFilter, ProjectId, ProjectStatus};
use crate::page::PageRequest;

pub(crate) async fn insert(tx: &mut TenantTx, project: &Project) -> Result<(), Error> {
    let tenant = tx.tenant_id();
    sqlx::query!(
        "insert into projects (tenant_id, id, name, description, status, version, created_by, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        tenant as _,
        project.id as _,
        project.name,
        project.description,
        project.status.name(),
        project.version,
        project.created_by,
        project.created_at as _,
        project.updated_at as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn find(tx: &mut TenantTx, id: ProjectId) -> Result<Option<Project>, Error> {
    let tenant = tx.tenant_id();
    sqlx::query_as!(
        Project,
        r#"select id as "id: ProjectId", name, description, status as "status: ProjectStatus", version, created_by,
                  created_at as "created_at: Timestamp", updated_at as "updated_at: Timestamp"
           from projects where tenant_id = $1 and id = $2"#,
        tenant as _,
        id as _
    )
    .fetch_optional(tx.conn())
    .await
}

/// Finds it and keeps others from changing it, or from adding tasks to it, until the transaction ends.
pub(super) async fn lock(tx: &mut TenantTx, id: ProjectId) -> Result<Option<Project>, Error> {
    let tenant = tx.tenant_id();
    sqlx::query_as!(
        Project,
        r#"select id as "id: ProjectId", name, description, status as "status: ProjectStatus", version, created_by,
                  created_at as "created_at: Timestamp", updated_at as "updated_at: Timestamp"
           from projects where tenant_id = $1 and id = $2 for update"#,
        tenant as _,
        id as _
    )
    .fetch_optional(tx.conn())
    .await
}

pub(crate) async fn exists(tx: &mut TenantTx, id: ProjectId) -> Result<bool, Error> {
    let tenant = tx.tenant_id();
    sqlx::query_scalar!(
        r#"select exists (select from projects where tenant_id = $1 and id = $2) as "exists!""#,
        tenant as _,
        id as _
    )
    .fetch_one(tx.conn())
    .await
}

pub(super) async fn update(tx: &mut TenantTx, project: &Project) -> Result<(), Error> {
    let tenant = tx.tenant_id();
    sqlx::query!(
        "update projects set name = $3, description = $4, status = $5, version = $6, updated_at = $7
         where tenant_id = $1 and id = $2",
        tenant as _,
        project.id as _,
        project.name,
        project.description,
        project.status.name(),
        project.version,
        project.updated_at as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Deletes a locked project with its tasks; answers how many those were.
pub(super) async fn delete(tx: &mut TenantTx, id: ProjectId) -> Result<u64, Error> {
    let tenant = tx.tenant_id();
    let tasks = sqlx::query!(
        "delete from tasks where tenant_id = $1 and project_id = $2",
        tenant as _,
        id as _
    )
    .execute(tx.conn())
    .await?
    .rows_affected();
    sqlx::query!(
        "delete from projects where tenant_id = $1 and id = $2",
        tenant as _,
        id as _
    )
    .execute(tx.conn())
    .await?;
    Ok(tasks)
}

/// Each filter has a text, and so a plan, of its own: every page is one range of one index.
pub(super) async fn list(
    tx: &mut TenantTx,
    filter: &ProjectFilter,
    page: &PageRequest<ProjectId>,
) -> Result<Vec<Project>, Error> {
    let mut query = QueryBuilder::<Postgres>::new(
        "select id, name, description, status, version, created_by, created_at, updated_at
         from projects where tenant_id = ",
    );
    query.push_bind(tx.tenant_id());
    if let Some(status) = filter.status {
        query.push(" and status = ").push_bind(status.name());
    }
    if let Some(q) = &filter.q {
        query
            .push(" and strpos(lower(name), lower(")
            .push_bind(q.trim())
            .push(")) > 0");
    }
    if let Some(after) = page.after {
        query.push(" and id < ").push_bind(after);
    }
    query.push(" order by id desc limit ").push_bind(page.limit);
    query.build_query_as().fetch_all(tx.conn()).await
}
