//! A file's bytes on their way in: streamed to the store while they come, before any transaction is open.

use std::error::Error;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use edge::{IdempotencyKey, ProblemResponse, Query};
use futures_util::{Stream, StreamExt};
use gate::{AppState, Asked, OfTenant, TenantCaller};
use kernel::{Code, FieldError, Problem};
use serde::Deserialize;
use tokio::sync::Mutex;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{IntoParams, PartialSchema, ToSchema};
use workspace::files::{FileName, StoredFile, Upload};

use super::content::refused;
use super::room::Room;
use super::{disposition, form};

const X_FILE_NAME: HeaderName = HeaderName::from_static("x-file-name");
/// What a file is called that nobody named.
const UNNAMED: &str = "unnamed";
/// What a form may be longer than its file.
const FORM_OVERHEAD: u64 = 128 * 1024;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct UploadQuery {
    /// What the file is called.
    #[param(min_length = 1, max_length = 255, example = "report.pdf")]
    name: Option<String>,
}

/// Bytes of any kind, for the document.
pub(super) struct FileContent;

impl PartialSchema for FileContent {
    fn schema() -> RefOr<Schema> {
        let binary = SchemaFormat::KnownFormat(KnownFormat::Binary);
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(binary))
            .examples(["Minutes of the first meeting.\n"])
            .into()
    }
}
impl ToSchema for FileContent {}

/// A form with a file in it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"file": "Minutes of the first meeting.\n", "name": "minutes.txt"}))]
#[expect(dead_code, reason = "it describes what `form` reads")]
pub(super) struct UploadForm {
    /// The file; its part's name does not matter.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// What it is called.
    #[schema(nullable = false, min_length = 1, max_length = 255, example = "report.pdf")]
    name: Option<String>,
}

/// A file that was stored, and the request that it came with. Dropped before it became a file, it is removed.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) stored: StoredFile,
    pub(super) room: Room,
    pub(super) request: Asked<OfTenant>,
}

/// Where the bytes go.
pub(super) struct Destination<'a> {
    state: &'a AppState,
    caller: &'a TenantCaller,
    room: Mutex<Room>,
}

impl FromRequest<AppState> for Received {
    type Rejection = ProblemResponse;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ProblemResponse> {
        let (mut parts, body) = request.into_parts();
        let caller = TenantCaller::from_request_parts(&mut parts, state).await?;
        IdempotencyKey::from_headers(&parts.headers)?; // refused before the first byte is taken
        let Query(query) = Query::<UploadQuery>::from_request_parts(&mut parts, state).await?;
        let name = given_name(query, &parts.headers)?;
        let (parts, body) = limited(parts, body, state.settings.upload_max_bytes)?;
        // A form is longer than its file, by a little.
        let announced = announced_length(&parts.headers).filter(|_| !form::is_form(&parts.headers));
        let destination = Destination {
            state,
            caller: &caller,
            room: Mutex::new(Room::hold(state, &caller, announced).await?),
        };
        let stored = if form::is_form(&parts.headers) {
            form::receive(&destination, &parts.headers, body, name).await?
        } else {
            let declared = text(&parts.headers, &CONTENT_TYPE)?;
            destination.store(name, declared, body.into_data_stream()).await?
        };
        let room = destination.room.into_inner();
        let request = Asked::of(caller, parts, &digested(&stored))?;
        Ok(Self {
            stored,
            room,
            request,
        })
    }
}

impl Destination<'_> {
    /// Stores what comes.
    pub(super) async fn store<E: Error + 'static>(
        &self,
        name: Option<FileName>,
        declared: Option<&str>,
        mut pieces: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> Result<StoredFile, ProblemResponse> {
        let name = name.unwrap_or_else(|| UNNAMED.parse().expect("it is a file name"));
        let (ctx, storage) = (&self.caller.ctx, &self.state.storage);
        let most = self.state.settings.upload_max_bytes;
        let mut upload = Upload::begin(ctx, storage, name, declared, most)
            .await
            .map_err(refused)?;
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| form::broken_off(&error))?;
            let mut room = self.room.lock().await;
            room.make(self.state, self.caller, piece.len() as u64).await?;
            drop(room);
            upload.write(&piece).await.map_err(refused)?;
        }
        upload.finish().await.map_err(refused)
    }
}

/// The body under this route's own limit, which is refused at once where it announces more.
fn limited(mut parts: Parts, body: Body, most: u64) -> Result<(Parts, Body), Problem> {
    let most = if form::is_form(&parts.headers) {
        most.saturating_add(FORM_OVERHEAD)
    } else {
        most
    };
    let (limit, _) = edge::body::body_limit(usize::try_from(most).unwrap_or(usize::MAX));
    parts.extensions.insert(limit.0);
    edge::body::stream(Request::from_parts(parts, body))
}

fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// What stands for the content under the caller's key: a form's boundary differs from try to try.
fn digested(stored: &StoredFile) -> Vec<u8> {
    [
        &stored.sha256[..],
        stored.name.as_str().as_bytes(),
        b"\0",
        stored.content_type.as_bytes(),
    ]
    .concat()
}

/// What the caller calls the file, apart from a form.
fn given_name(query: UploadQuery, headers: &HeaderMap) -> Result<Option<FileName>, ProblemResponse> {
    if let Some(name) = query.name {
        let wrong = |error: &dyn std::fmt::Display| {
            let errors = vec![FieldError::new("?name", error.to_string())];
            Problem {
                code: Code::InvalidParameter,
                detail: String::new(),
                errors,
            }
        };
        return Ok(Some(name.parse().map_err(|error| wrong(&error))?));
    }
    let named = match text(headers, &X_FILE_NAME)? {
        Some(name) => disposition::decoded(name),
        None => text(headers, &CONTENT_DISPOSITION)?.and_then(disposition::file_name),
    };
    named
        .map(|name| parse_name(&name))
        .transpose()
        .map_err(Into::into)
}

pub(super) fn parse_name(name: &str) -> Result<FileName, Problem> {
    name.parse()
        .map_err(|error| Problem::new(Code::MalformedRequest, format!("The file's name {error}.")))
}

/// A header's text, if there is any; clients send names in UTF-8 as they are, too.
fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let Some(value) = headers.get(name).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let text = std::str::from_utf8(value.as_bytes());
    text.map(Some)
        .map_err(|_| Problem::new(Code::MalformedRequest, format!("`{name}` must be UTF-8.")))
}
