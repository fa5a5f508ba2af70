//! `/api/projects`.

use axum::extract::State;
use axum::response::Response;
use edge::{Cursor, IdempotencyKey, IfMatch, Json, Limit, Page, Path, ProblemBody, ProblemResponse, Query};
use gate::{
    Answer, AppState, Change, NoBody, OfTenant, TenantCaller, forbidden, levels, permitted, unexpected,
};
use kernel::{Code, Permission};
use metering::metrics::BuiltIn;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use workspace::PageRequest;
use workspace::holdings;
use workspace::projects::{
    self, NewProject, PatchProject, Project, ProjectError, ProjectFilter, ProjectId, ProjectStatus,
};

use crate::refusals::invalid;
use crate::versioned::{IfNoneMatch, shown};

type ProjectCursor = Cursor<ProjectId>;

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
struct ProjectQuery {
    #[serde(default)]
    limit: Limit,
    cursor: Option<ProjectCursor>,
    /// Of this status.
    status: Option<ProjectStatus>,
    /// With this text in the name, whatever its case.
    #[param(min_length = 1, max_length = 200)]
    q: Option<String>,
}

/// List projects
#[utoipa::path(get, path = "/api/projects", operation_id = "listProjects", tag = "projects",
    security(("tenantKey" = [])), params(ProjectQuery),
    responses((status = 200, description = "A page of projects, newest first.", body = Page<Project>)))]
async fn list(
    caller: TenantCaller,
    Query(query): Query<ProjectQuery>,
) -> Result<Json<Page<Project>>, ProblemResponse> {
    let page = PageRequest {
        limit: query.limit.rows(),
        after: query.cursor.map(|cursor| cursor.0),
    };
    let filter = ProjectFilter {
        status: query.status,
        q: query.q,
    };
    let mut tx = caller.ctx.read().await.map_err(unexpected)?;
    let found = projects::list(&mut tx, &filter, &page).await.map_err(failed)?;
    Ok(Json(Page::new(found, query.limit, |project| project.id)))
}

/// Create a project
#[utoipa::path(post, path = "/api/projects", operation_id = "createProject", tag = "projects",
    security(("tenantKey" = [])), params(IdempotencyKey), request_body = NewProject,
    responses(
        (status = 201, description = "The project.", body = Project,
            headers(("Location" = String), ("ETag" = String))),
        (status = 429, description = "The tenant has as many projects as it may, or came too fast.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn create(
    State(state): State<AppState>,
    change: Change<OfTenant, NewProject>,
) -> Result<Answer, ProblemResponse> {
    let Change {
        body,
        mut tx,
        request,
    } = change;
    let meter = levels::meter_at_hand(&state, request.caller.tenant.id).await?;
    let most = state.metering.most(&meter, BuiltIn::Projects);
    let project = projects::create(&mut tx, body, most).await.map_err(failed)?;
    let held = holdings::get(&mut tx).await.map_err(unexpected)?;
    let location = format!("/api/projects/{}", project.id);
    let answer = Answer::created(location, &project)?.version(project.version);
    let answer = request.finish(tx, answer).await?;
    levels::tell(&state.metering, &meter, held);
    Ok(answer)
}

/// Get a project
#[utoipa::path(get, path = "/api/projects/{id}", operation_id = "getProject", tag = "projects",
    security(("tenantKey" = [])), params(("id" = ProjectId, Path), IfNoneMatch),
    responses(
        (status = 200, description = "The project.", body = Project, headers(("ETag" = String))),
        (status = 304, description = "The caller has this version.")))]
async fn get(
    caller: TenantCaller,
    Path(id): Path<ProjectId>,
    known: IfNoneMatch,
) -> Result<Response, ProblemResponse> {
    let mut tx = caller.ctx.read().await.map_err(unexpected)?;
    let project = projects::get(&mut tx, id).await.map_err(failed)?;
    Ok(shown(&known, project.version, project))
}

/// Change a project
#[utoipa::path(patch, path = "/api/projects/{id}", operation_id = "updateProject", tag = "projects",
    security(("tenantKey" = [])), params(("id" = ProjectId, Path), IfMatch, IdempotencyKey),
    request_body = PatchProject,
    responses((status = 200, description = "The changed project.", body = Project, headers(("ETag" = String)))))]
async fn update(
    Path(id): Path<ProjectId>,
    mut change: Change<OfTenant, PatchProject>,
) -> Result<Answer, ProblemResponse> {
    let (tx, expected) = (&mut change.tx, change.request.expected);
    let project = projects::update(tx, id, expected, &change.body)
        .await
        .map_err(failed)?;
    change
        .answer(Answer::ok(&project)?.version(project.version))
        .await
}

/// Delete a project
///
/// Its tasks go with it.
#[utoipa::path(delete, path = "/api/projects/{id}", operation_id = "deleteProject", tag = "projects",
    security(("tenantKey" = [])), params(("id" = ProjectId, Path), IfMatch, IdempotencyKey),
    responses((status = 204, description = "The project is gone.")))]
async fn delete(
    State(state): State<AppState>,
    Path(id): Path<ProjectId>,
    change: Change<OfTenant, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let Change { mut tx, request, .. } = change;
    let meter = levels::meter_at_hand(&state, request.caller.tenant.id).await?;
    projects::delete(&mut tx, id, request.expected)
        .await
        .map_err(failed)?;
    let held = holdings::get(&mut tx).await.map_err(unexpected)?;
    let answer = request.finish(tx, Answer::no_content()).await?;
    levels::tell(&state.metering, &meter, held);
    Ok(answer)
}

fn failed(error: ProjectError) -> ProblemResponse {
    match error {
        ProjectError::NotFound => Code::NotFound.into(),
        ProjectError::VersionMismatch(_) => Code::PreconditionFailed.into(),
        ProjectError::Invalid(errors) => invalid(errors),
        ProjectError::NoRoom(no_room) => levels::no_room(BuiltIn::Projects, no_room),
        ProjectError::Forbidden(refused) => forbidden(&refused),
        ProjectError::Database(error) => unexpected(error),
    }
}
