//! The statements on `tasks`.

use isolation::{TenantTx, Tx};
use kernel::Timestamp;
use sqlx::{Error, Postgres, QueryBuilder};

use super::model::{Task, TaskFilter, TaskId, TaskStatus};
use crate::page::PageRequest;
use crate::projects::ProjectId;

/// Violated when the tenant has no such project, also when another tenant has.
pub(super) const PROJECT_FK: &str = "tasks_project_fk";

pub(crate) async fn insert(tx: &mut TenantTx, task: &Task) -> Result<(), Error> {
    let tenant = tx.tenant_id();
    sqlx::query!(
        "insert into tasks
             (tenant_id, id, project_id, title, description, status, due_at, version, created_by, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        tenant as _,
        task.id as _,
        task.project_id as _,
        task.title,
        task.description,
        task.status.name(),
        task.due_at as _,
        task.version,
        task.created_by,
        task.created_at as _,
        task.updated_at as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn find(tx: &mut TenantTx, id: TaskId) -> Result<Option<Task>, Error> {
    let tenant = tx.tenant_id();
    sqlx::query_as!(
        Task,
        r#"select id as "id: TaskId", project_id as "project_id: ProjectId", title, description,
                  status as "status: TaskStatus", due_at as "due_at: Timestamp", version, created_by,
                  created_at as "created_at: Timestamp", updated_at as "updated_at: Timestamp"
           from tasks where tenant_id = $1 and id = $2"#,
        tenant as _,
        id as _
    )
    .fetch_optional(tx.conn())
    .await
}

/// Finds it and keeps others from changing it until the transaction ends.
pub(super) async fn lock(tx: &mut TenantTx, id: TaskId) -> Result<Option<Task>, Error> {
    let tenant = tx.tenant_id();
    sqlx::query_as!(
        Task,
        r#"select id as "id: TaskId", project_id as "project_id: ProjectId", title, description,
                  status as "status: TaskStatus", due_at as "due_at: Timestamp", version, created_by,
                  created_at as "created_at: Timestamp", updated_at as "updated_at: Timestamp"
           from tasks where tenant_id = $1 and id = $2 for update"#,
        tenant as _,
        id as _
    )
    .fetch_optional(tx.conn())
    .await
}

pub(super) async fn update(tx: &mut TenantTx, task: &Task) -> Result<(), Error> {
    let tenant = tx.tenant_id();
    sqlx::query!(
        "update tasks set title = $3, description = $4, status = $5, due_at = $6, version = $7, updated_at = $8
         where tenant_id = $1 and id = $2",
        tenant as _,
        task.id as _,
        task.title,
        task.description,
        task.status.name(),
        task.due_at as _,
        task.version,
        task.updated_at as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn delete(tx: &mut TenantTx, id: TaskId) -> Result<(), Error> {
    let tenant = tx.tenant_id();
    sqlx::query!(
        "delete from tasks where tenant_id = $1 and id = $2",
        tenant as _,
        id as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Each filter has a text, and so a plan, of its own: every page is one range of one index.
pub(super) async fn list(
    tx: &mut TenantTx,
    project: ProjectId,
    filter: TaskFilter,
    page: &PageRequest<TaskId>,
) -> Result<Vec<Task>, Error> {
    let mut query = QueryBuilder::<Postgres>::new(
        "select id, project_id, title, description, status, due_at, version, created_by, created_at, updated_at
         from tasks where tenant_id = ",
    );
    query
        .push_bind(tx.tenant_id())
        .push(" and project_id = ")
        .push_bind(project);
    if let Some(status) = filter.status {
        query.push(" and status = ").push_bind(status.name());
    }
    if let Some(after) = page.after {
        query.push(" and id > ").push_bind(after);
    }
    query.push(" order by id limit ").push_bind(page.limit);
    query.build_query_as().fetch_all(tx.conn()).await
}
