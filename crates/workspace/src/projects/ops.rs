//! What can be done with projects.

use audit::{Event, EventType, Personal, Value};
use isolation::{Forbidden, TenantTx, Tx};
use kernel::Permission;

use super::model::{NewProject, PatchProject, Project, ProjectFilter, ProjectId};
use super::sql;
use crate::holdings::{self, NoRoom};
use crate::page::PageRequest;
use crate::text::{self, Invalid};
use crate::version::{self, VersionMismatch};

/// Why something could not be done with a project.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// This tenant has no such project.
    #[error("there is no such project")]
    NotFound,
    /// It was changed since the caller read it.
    #[error(transparent)]
    VersionMismatch(#[from] VersionMismatch),
    /// The request has fields that are not valid.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// There are as many as there may be.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// The caller lacks the permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The database refused or did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Creates a project, unless there would be more than `most`.
pub async fn create(tx: &mut TenantTx, new: NewProject, most: Option<u64>) -> Result<Project, ProjectError> {
    tx.ctx().authorize(Permission::ProjectsWrite)?;
    Invalid::unless_valid(&new)?;
    holdings::take_projects(tx, 1, most).await??;
    let now = tx.now();
    let project = Project {
        id: tx.new_id(),
        name: text::line(&new.name),
        description: text::prose(new.description.as_deref().unwrap_or_default()),
        status: new.status.unwrap_or_default(),
        version: 1,
        created_by: tx.actor().id.clone(),
        created_at: now,
        updated_at: now,
    };
    sql::insert(tx, &project).await?;
    let event = Event::new(EventType::DataCreated).resource(project.id, Some(&project.name));
    audit::record(tx, event).await?;
    Ok(project)
}

/// One project.
pub async fn get(tx: &mut TenantTx, id: ProjectId) -> Result<Project, ProjectError> {
    tx.ctx().authorize(Permission::ProjectsRead)?;
    sql::find(tx, id).await?.ok_or(ProjectError::NotFound)
}

/// The projects that match, newest first.
pub async fn list(
    tx: &mut TenantTx,
    filter: &ProjectFilter,
    page: &PageRequest<ProjectId>,
) -> Result<Vec<Project>, ProjectError> {
    tx.ctx().authorize(Permission::ProjectsRead)?;
    Invalid::unless_valid(filter)?;
    Ok(sql::list(tx, filter, page).await?)
}

/// Changes a project. A patch that changes nothing leaves the version as it is.
pub async fn update(
    tx: &mut TenantTx,
    id: ProjectId,
    expected: Option<i64>,
    patch: &PatchProject,
) -> Result<Project, ProjectError> {
    tx.ctx().authorize(Permission::ProjectsWrite)?;
    Invalid::unless_valid(patch)?;
    let before = sql::lock(tx, id).await?.ok_or(ProjectError::NotFound)?;
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

/// Deletes a project with its tasks.
pub async fn delete(tx: &mut TenantTx, id: ProjectId, expected: Option<i64>) -> Result<(), ProjectError> {
    tx.ctx().authorize(Permission::ProjectsWrite)?;
    let project = sql::lock(tx, id).await?.ok_or(ProjectError::NotFound)?;
    version::require(Some(project.version), expected)?;
    let tasks = sql::delete(tx, id).await?;
    holdings::give_back(tx, 1, 0).await?;
    let event = Event::new(EventType::DataDeleted)
        .resource(id, Some(&project.name))
        .meta("tasks", tasks);
    audit::record(tx, event).await?;
    Ok(())
}

fn updated(before: &Project, after: &Project) -> Event {
    let event = Event::new(EventType::DataUpdated)
        .resource(after.id, Some(&after.name))
        .change("name", &*before.name, &*after.name)
        .change("status", Value::plain(before.status), Value::plain(after.status));
    // Free text may speak of people.
    if before.description == after.description {
        event
    } else {
        event.change("description", Personal(()), Personal(()))
    }
}
