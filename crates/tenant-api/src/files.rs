//! `/api/files`: records as JSON, contents as streams in both directions.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use edge::layers::time_limit;
use edge::{Cursor, IdempotencyKey, Json, Limit, Page, Path, ProblemBody, ProblemResponse, Query};
use gate::{
    Answer, AppState, Change, NoBody, OfTenant, TenantCaller, forbidden, levels, permitted, unexpected,
};
use kernel::{Code, Permission};
use metering::metrics::BuiltIn;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;
use workspace::PageRequest;
use workspace::files::{self, File, FileError, FileId};
use workspace::holdings;

use crate::versioned::{IfNoneMatch, shown};
use upload::{FileContent, Received, UploadForm, UploadQuery};

mod content;
mod disposition;
mod form;
mod paced;
mod range;
mod room;
mod upload;

type FileCursor = Cursor<FileId>;

/// How long an upload may take in all; between two pieces of it the edge is less patient.
const UPLOAD_TIME: Duration = Duration::from_mins(15);

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(list), Permission::FilesRead))
        .routes(permitted(unhurried(routes!(create)), Permission::FilesWrite))
        .routes(permitted(routes!(get), Permission::FilesRead))
        .routes(permitted(routes!(delete), Permission::FilesWrite))
        .routes(permitted(routes!(read), Permission::FilesRead))
}

fn unhurried((schemas, paths, methods): UtoipaMethodRouter<AppState>) -> UtoipaMethodRouter<AppState> {
    (schemas, paths, methods.layer(time_limit(UPLOAD_TIME)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct FileQuery {
    #[serde(default)]
    limit: Limit,
    cursor: Option<FileCursor>,
}

/// List files
#[utoipa::path(get, path = "/api/files", operation_id = "listFiles", tag = "files",
    security(("tenantKey" = [])), params(FileQuery),
    responses((status = 200, description = "A page of files, newest first.", body = Page<File>)))]
async fn list(
    caller: TenantCaller,
    Query(query): Query<FileQuery>,
) -> Result<Json<Page<File>>, ProblemResponse> {
    let page = PageRequest {
        limit: query.limit.rows(),
        after: query.cursor.map(|cursor| cursor.0),
    };
    let mut tx = caller.ctx.read().await.map_err(unexpected)?;
    let found = files::list(&mut tx, &page).await.map_err(failed)?;
    Ok(Json(Page::new(found, query.limit, |file| file.id)))
}

/// Upload a file
///
/// The body is the file itself, whatever its type, or a `multipart/form-data` form with the file in it. Its name comes
/// from `name`, from `X-File-Name`, from `Content-Disposition`, or from the form; its type is told by its first bytes,
/// and where they do not tell, by what was declared. A broken-off upload leaves nothing.
#[utoipa::path(post, path = "/api/files", operation_id = "uploadFile", tag = "files",
    security(("tenantKey" = [])),
    params(UploadQuery, IdempotencyKey,
        ("X-File-Name" = Option<String>, Header, description = "What the file is called, percent-encoded.",
            example = "report.pdf"),
        ("Content-Disposition" = Option<String>, Header, description = "What the file is called (RFC 6266).",
            example = "attachment; filename=\"report.pdf\"")),
    request_body(content((FileContent = "application/octet-stream"), (UploadForm = "multipart/form-data")),
        description = "The file itself, or a form with it."),
    responses(
        (status = 201, description = "The file.", body = File, headers(("Location" = String))),
        (status = 429, description = "The tenant's storage is used up, or it came too fast.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn create(State(state): State<AppState>, received: Received) -> Result<Answer, ProblemResponse> {
    let Received {
        stored,
        room,
        request,
    } = received;
    let (mut tx, kept) = request.open().await?;
    if let Some(kept) = kept {
        return Ok(kept.into()); // what was just stored goes away with `stored`
    }
    let file = files::create(&mut tx, stored, room.most())
        .await
        .map_err(failed)?;
    let held = holdings::get(&mut tx).await.map_err(unexpected)?;
    let location = format!("/api/files/{}", file.id);
    let answer = request.finish(tx, Answer::created(location, &file)?).await?;
    levels::tell(&state.metering, room.meter(), held); // before `room` is dropped, which held it until here
    Ok(answer)
}

/// A file's record never changes.
const ONLY_VERSION: i64 = 1;

/// Get a file's record
#[utoipa::path(get, path = "/api/files/{id}", operation_id = "getFile", tag = "files",
    security(("tenantKey" = [])), params(("id" = FileId, Path), IfNoneMatch),
    responses(
        (status = 200, description = "The file, without its content.", body = File, headers(("ETag" = String))),
        (status = 304, description = "The caller has this version.")))]
async fn get(
    caller: TenantCaller,
    Path(id): Path<FileId>,
    known: IfNoneMatch,
) -> Result<Response, ProblemResponse> {
    let mut tx = caller.ctx.read().await.map_err(unexpected)?;
    let file = files::get(&mut tx, id).await.map_err(failed)?;
    Ok(shown(&known, ONLY_VERSION, file))
}

/// Delete a file
#[utoipa::path(delete, path = "/api/files/{id}", operation_id = "deleteFile", tag = "files",
    security(("tenantKey" = [])), params(("id" = FileId, Path), IdempotencyKey),
    responses((status = 204, description = "The file is gone.")))]
async fn delete(
    State(state): State<AppState>,
    Path(id): Path<FileId>,
    change: Change<OfTenant, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let Change { mut tx, request, .. } = change;
    let meter = levels::meter_at_hand(&state, request.caller.tenant.id).await?;
    files::delete(&mut tx, id).await.map_err(failed)?;
    let held = holdings::get(&mut tx).await.map_err(unexpected)?;
    let answer = request.finish(tx, Answer::no_content()).await?;
    levels::tell(&state.metering, &meter, held);
    Ok(answer)
}

/// Download a file's content
///
/// As it was uploaded, or one range of it. What could run in a browser is offered for download only.
#[utoipa::path(get, path = "/api/files/{id}/content", operation_id = "getFileContent", tag = "files",
    security(("tenantKey" = [])),
    params(("id" = FileId, Path), IfNoneMatch,
        ("Range" = Option<String>, Header, description = "One range of bytes (RFC 9110 §14.2).",
            example = "bytes=0-1023"),
        ("If-Range" = Option<String>, Header, description = "The `ETag` whose range is meant; otherwise all comes.",
            example = "\"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"")),
    responses(
        (status = 200, description = "The content.", body = serde_json::Value, content_type = "*/*",
            headers(("ETag" = String), ("Content-Disposition" = String), ("Accept-Ranges" = String))),
        (status = 206, description = "The range.", body = serde_json::Value, content_type = "*/*",
            headers(("ETag" = String), ("Content-Range" = String))),
        (status = 304, description = "The caller has the content."),
        (status = 416, description = "The range lies outside the content.", body = ProblemBody,
            content_type = "application/problem+json", headers(("Content-Range" = String)))))]
async fn read(
    State(state): State<AppState>,
    caller: TenantCaller,
    Path(id): Path<FileId>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ProblemResponse> {
    let mut tx = caller.ctx.read().await.map_err(unexpected)?;
    let file = files::get(&mut tx, id).await.map_err(failed)?;
    drop(tx); // the connection is not held while bytes move
    content::answer(&state, &caller, &method, &headers, &file).await
}

fn failed(error: FileError) -> ProblemResponse {
    match error {
        FileError::NotFound => Code::NotFound.into(),
        FileError::NoRoom(no_room) => levels::no_room(BuiltIn::Storage, no_room),
        FileError::Forbidden(refused) => forbidden(&refused),
        FileError::Database(error) => unexpected(error),
    }
}
