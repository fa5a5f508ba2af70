//! What can be done with tasks.

use audit::{Event, EventType, Personal, Value};
use isolation::{Forbidden, TenantTx, Tx, violates};
use kernel::Permission;

use super::model::{NewTask, PatchTask, Task, TaskFilter, TaskId};
use super::sql;
use crate::page::PageRequest;
use crate::projects::{self, ProjectId};
use crate::text::{self, Invalid};
use crate::version::{self, VersionMismatch};

/// Why something could not be done with a task.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// This tenant has no such task, or no such project.
    #[error("there is no such task or project")]
    NotFound,
    /// It was changed since the caller read it.
    #[error(transparent)]
    VersionMismatch(#[from] VersionMismatch),
    /// The request has fields that are not valid.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The caller lacks the permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The database refused or did not answer.
    #[error(transparent)]
    Database(sqlx::Error),
}

impl From<sqlx::Error> for TaskError {
    fn from(error: sqlx::Error) -> Self {
        if violates(&error, sql::PROJECT_FK) {
            Self::NotFound
        } else {
            Self::Database(error)
        }
    }
}

/// Creates a task in a project.
pub async fn create(tx: &mut TenantTx, project: ProjectId, new: NewTask) -> Result<Task, TaskError> {
    tx.ctx().authorize(Permission::ProjectsWrite)?;
    Invalid::unless_valid(&new)?;
    let now = tx.now();
    let task = Task {
        id: tx.new_id(),
        project_id: project,
        title: text::line(&new.title),
        description: text::prose(new.description.as_deref().unwrap_or_default()),
        status: new.status.unwrap_or_default(),
        due_at: new.due_at,
        version: 1,
        created_by: tx.actor().id.clone(),
        created_at: now,
        updated_at: now,
    };
    sql::insert(tx, &task).await?;
    let event = Event::new(EventType::DataCreated)
        .resource(task.id, Some(&task.title))
        .meta("projectId", project.to_string());
    audit::record(tx, event).await?;
    Ok(task)
}

/// One task.
pub async fn get(tx: &mut TenantTx, id: TaskId) -> Result<Task, TaskError> {
    tx.ctx().authorize(Permission::ProjectsRead)?;
    sql::find(tx, id).await?.ok_or(TaskError::NotFound)
}

/// The project's tasks that match, oldest first.
pub async fn list(
    tx: &mut TenantTx,
    project: ProjectId,
    filter: TaskFilter,
    page: &PageRequest<TaskId>,
) -> Result<Vec<Task>, TaskError> {
    tx.ctx().authorize(Permission::ProjectsRead)?;
    let tasks = sql::list(tx, project, filter, page).await?;
    // Only an empty page leaves open whether there is such a project.
    if tasks.is_empty() && !projects::exists(tx, project).await? {
        return Err(TaskError::NotFound);
    }
    Ok(tasks)
}

/// Changes a task. A patch that changes nothing leaves the version as it is.
pub async fn update(
    tx: &mut TenantTx,
    id: TaskId,
    expected: Option<i64>,
    patch: &PatchTask,
) -> Result<Task, TaskError> {
    tx.ctx().authorize(Permission::ProjectsWrite)?;
    Invalid::unless_valid(patch)?;
    let before = sql::lock(tx, id).await?.ok_or(TaskError::NotFound)?;
    version::require(Some(before.version), expected)?;
    let mut after = patch.applied_to(&before);
    if after == before {
        return Ok(before);
    }
    after.version += 1;
    after.updated_at = tx.now();
    sql::update(tx, &after).await?;
    audit::record(tx, updated(&before, &after)).await?;
    Ok(after)
}

/// Deletes a task.
pub async fn delete(tx: &mut TenantTx, id: TaskId, expected: Option<i64>) -> Result<(), TaskError> {
    tx.ctx().authorize(Permission::ProjectsWrite)?;
    let task = sql::lock(tx, id).await?.ok_or(TaskError::NotFound)?;
    version::require(Some(task.version), expected)?;
    sql::delete(tx, id).await?;
    let event = Event::new(EventType::DataDeleted)
        .resource(id, Some(&task.title))
        .meta("projectId", task.project_id.to_string());
    audit::record(tx, event).await?;
    Ok(())
}

fn updated(before: &Task, after: &Task) -> Event {
    let event = Event::new(EventType::DataUpdated)
        .resource(after.id, Some(&after.title))
        .meta("projectId", after.project_id.to_string())
        .change("title", &*before.title, &*after.title)
        .change("status", Value::plain(before.status), Value::plain(after.status))
        .change("dueAt", before.due_at, after.due_at);
    // Free text may speak of people.
    if before.description == after.description {
        event
    } else {
        event.change("description", Personal(()), Personal(()))
    }
}
