//! `/api/projects/{id}/tasks` and `/api/tasks`.

use axum::response::Response;
use edge::{Cursor, IdempotencyKey, IfMatch, Json, Limit, Page, Path, ProblemResponse, Query};
use gate::{Answer, AppState, Change, NoBody, OfTenant, TenantCaller, forbidden, permitted, unexpected};
use kernel::{Code, Permission};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use workspace::PageRequest;
use workspace::projects::ProjectId;
use workspace::tasks::{self, NewTask, PatchTask, Task, TaskError, TaskFilter, TaskId, TaskStatus};

use crate::refusals::invalid;
use crate::versioned::{IfNoneMatch, shown};

type TaskCursor = Cursor<TaskId>;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(list), Permission::ProjectsRead))
        .routes(permitted(routes!(create), Permission::ProjectsWrite))
        .routes(permitted(routes!(get), Permission::ProjectsRead))
        .routes(permitted(routes!(update), Permission::ProjectsWrite))
        .routes(permitted(routes!(delete), Permission::ProjectsWrite))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct TaskQuery {
    #[serde(default)]
    limit: Limit,
    cursor: Option<TaskCursor>,
    /// Of this status.
    status: Option<TaskStatus>,
}

/// List a project's tasks
#[utoipa::path(get, path = "/api/projects/{id}/tasks", operation_id = "listTasks", tag = "tasks",
    security(("tenantKey" = [])), params(("id" = ProjectId, Path), TaskQuery),
    responses((status = 200, description = "A page of tasks, oldest first.", body = Page<Task>)))]
async fn list(
    caller: TenantCaller,
    Path(project): Path<ProjectId>,
    Query(query): Query<TaskQuery>,
) -> Result<Json<Page<Task>>, ProblemResponse> {
    let page = PageRequest {
        limit: query.limit.rows(),
        after: query.cursor.map(|cursor| cursor.0),
    };
    let filter = TaskFilter { status: query.status };
    let mut tx = caller.ctx.read().await.map_err(unexpected)?;
    let found = tasks::list(&mut tx, project, filter, &page)
        .await
        .map_err(failed)?;
    Ok(Json(Page::new(found, query.limit, |task| task.id)))
}

/// Create a task in a project
#[utoipa::path(post, path = "/api/projects/{id}/tasks", operation_id = "createTask", tag = "tasks",
    security(("tenantKey" = [])), params(("id" = ProjectId, Path), IdempotencyKey), request_body = NewTask,
    responses((status = 201, description = "The task.", body = Task,
        headers(("Location" = String), ("ETag" = String)))))]
async fn create(
    Path(project): Path<ProjectId>,
    change: Change<OfTenant, NewTask>,
) -> Result<Answer, ProblemResponse> {
    let Change {
        body,
        mut tx,
        request,
    } = change;
    let task = tasks::create(&mut tx, project, body).await.map_err(failed)?;
    let location = format!("/api/tasks/{}", task.id);
    request
        .finish(tx, Answer::created(location, &task)?.version(task.version))
        .await
}

/// Get a task
#[utoipa::path(get, path = "/api/tasks/{id}", operation_id = "getTask", tag = "tasks",
    security(("tenantKey" = [])), params(("id" = TaskId, Path), IfNoneMatch),
    responses(
        (status = 200, description = "The task.", body = Task, headers(("ETag" = String))),
        (status = 304, description = "The caller has this version.")))]
async fn get(
    caller: TenantCaller,
    Path(id): Path<TaskId>,
    known: IfNoneMatch,
) -> Result<Response, ProblemResponse> {
    let mut tx = caller.ctx.read().await.map_err(unexpected)?;
    let task = tasks::get(&mut tx, id).await.map_err(failed)?;
    Ok(shown(&known, task.version, task))
}

/// Change a task
#[utoipa::path(patch, path = "/api/tasks/{id}", operation_id = "updateTask", tag = "tasks",
    security(("tenantKey" = [])), params(("id" = TaskId, Path), IfMatch, IdempotencyKey), request_body = PatchTask,
    responses((status = 200, description = "The changed task.", body = Task, headers(("ETag" = String)))))]
async fn update(
    Path(id): Path<TaskId>,
    mut change: Change<OfTenant, PatchTask>,
) -> Result<Answer, ProblemResponse> {
    let (tx, expected) = (&mut change.tx, change.request.expected);
    let task = tasks::update(tx, id, expected, &change.body)
        .await
        .map_err(failed)?;
    change.answer(Answer::ok(&task)?.version(task.version)).await
}

/// Delete a task
#[utoipa::path(delete, path = "/api/tasks/{id}", operation_id = "deleteTask", tag = "tasks",
    security(("tenantKey" = [])), params(("id" = TaskId, Path), IfMatch, IdempotencyKey),
    responses((status = 204, description = "The task is gone.")))]
async fn delete(
    Path(id): Path<TaskId>,
    mut change: Change<OfTenant, NoBody>,
) -> Result<Answer, ProblemResponse> {
    tasks::delete(&mut change.tx, id, change.request.expected)
        .await
        .map_err(failed)?;
    change.answer(Answer::no_content()).await
}

fn failed(error: TaskError) -> ProblemResponse {
    match error {
        TaskError::NotFound => Code::NotFound.into(),
        TaskError::VersionMismatch(_) => Code::PreconditionFailed.into(),
        TaskError::Invalid(errors) => invalid(errors),
        TaskError::Forbidden(refused) => forbidden(&refused),
        TaskError::Database(error) => unexpected(error),
    }
}
