//! `/api/auth/session` and `/api/auth/sessions`, and the same under `/admin/auth`: what somebody sees and ends of his own
//! sessions.

use access::sessions::{self, EndReason, Session, SessionError, SessionId};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use edge::{IdempotencyKey, Json, Page, Path, ProblemBody, ProblemResponse};
use gate::cookies::{self, Plane};
use gate::{
    Answer, AppState, CallerSession, Change, NoBody, OfPlatform, OfTenantControl, PlatformCaller,
    TenantCaller, any_caller, pending_session, unexpected,
};
use identity::Person;
use isolation::ControlTx;
use kernel::Code;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(pending_session(routes!(get)))
        .routes(pending_session(routes!(log_out)))
        .routes(any_caller(routes!(list)))
        .routes(any_caller(routes!(end_others)))
        .routes(any_caller(routes!(end)))
        .routes(pending_session(routes!(get_admin)))
        .routes(pending_session(routes!(log_out_admin)))
        .routes(any_caller(routes!(list_admin)))
        .routes(any_caller(routes!(end_others_admin)))
        .routes(any_caller(routes!(end_admin)))
}

/// The session of the caller.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OwnSession {
    /// The session.
    session: Session,
    /// What a browser sends as `X-CSRF-Token` with everything that it changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf_token: Option<String>,
}

/// The header that has a browser forget its cookie.
type Cleared = Option<[(HeaderName, HeaderValue); 1]>;

/// Get my session
///
/// Also while it is not open yet. A caller by API key has none: that is not found.
#[utoipa::path(get, path = "/api/auth/session", operation_id = "getSession", tag = "auth",
    security(("tenantKey" = [])),
    responses(
        (status = 200, description = "The caller's session.", body = OwnSession),
        (status = 404, description = "The caller did not log in.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn get(
    State(state): State<AppState>,
    caller: TenantCaller,
    headers: HeaderMap,
) -> Result<Json<OwnSession>, ProblemResponse> {
    let own = own(caller.session)?;
    let tx = caller.ctx.control().await.map_err(unexpected)?;
    show(&state, tx, own, &headers, Plane::Tenant).await
}

/// Get my session
///
/// Also while it is not open yet. A caller by API key has none: that is not found.
#[utoipa::path(get, path = "/admin/auth/session", operation_id = "getAdminSession", tag = "auth",
    security(("adminKey" = [])),
    responses(
        (status = 200, description = "The caller's session.", body = OwnSession),
        (status = 404, description = "The caller did not log in.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn get_admin(
    State(state): State<AppState>,
    caller: PlatformCaller,
    headers: HeaderMap,
) -> Result<Json<OwnSession>, ProblemResponse> {
    let own = own(caller.session)?;
    let tx = caller.ctx.control().await.map_err(unexpected)?;
    show(&state, tx, own, &headers, Plane::Platform).await
}

async fn show(
    state: &AppState,
    mut tx: ControlTx,
    own: CallerSession,
    headers: &HeaderMap,
    plane: Plane,
) -> Result<Json<OwnSession>, ProblemResponse> {
    // Ended in this moment: memory hears of it soon.
    let session = match sessions::get(&mut tx, own.id).await {
        Err(SessionError::NotFound) => return Err(Code::Unauthenticated.into()),
        found => found.map_err(failed)?,
    };
    let cookie = cookies::read(headers, plane)?.filter(|_| own.cookie);
    Ok(Json(OwnSession {
        session: session.of_caller(Some(own.id)),
        csrf_token: cookie.map(|cookie| state.authenticator.csrf().token(cookie)),
    }))
}

/// Log out
///
/// Ends the caller's session, open or not. A caller by API key has none: that is not found.
#[utoipa::path(post, path = "/api/auth/logout", operation_id = "logOut", tag = "auth", security(("tenantKey" = [])),
    params(IdempotencyKey), responses((status = 204, description = "The session has ended.")))]
async fn log_out(change: Change<OfTenantControl, NoBody>) -> Result<(Cleared, Answer), ProblemResponse> {
    let Change { mut tx, request, .. } = change;
    let cleared = leave(&mut tx, request.caller.session, Plane::Tenant).await?;
    Ok((cleared, request.finish(tx, Answer::no_content()).await?))
}

/// Log out
///
/// Ends the caller's session, open or not. A caller by API key has none: that is not found.
#[utoipa::path(post, path = "/admin/auth/logout", operation_id = "logOutAdmin", tag = "auth",
    security(("adminKey" = [])), params(IdempotencyKey),
    responses((status = 204, description = "The session has ended.")))]
async fn log_out_admin(change: Change<OfPlatform, NoBody>) -> Result<(Cleared, Answer), ProblemResponse> {
    let Change { mut tx, request, .. } = change;
    let cleared = leave(&mut tx, request.caller.session, Plane::Platform).await?;
    Ok((cleared, request.finish(tx, Answer::no_content()).await?))
}

async fn leave(
    tx: &mut ControlTx,
    session: Option<CallerSession>,
    plane: Plane,
) -> Result<Cleared, ProblemResponse> {
    let own = own(session)?;
    sessions::end(tx, own.id, EndReason::Logout)
        .await
        .map_err(failed)?;
    Ok(own.cookie.then(|| cookies::clear(plane)))
}

/// List my sessions
///
/// Where the caller is logged in; as whom an API key acts, its person's.
#[utoipa::path(get, path = "/api/auth/sessions", operation_id = "listSessions", tag = "auth",
    security(("tenantKey" = [])),
    responses((status = 200, description = "Those that have not ended, newest first.", body = Page<Session>)))]
async fn list(caller: TenantCaller) -> Result<Json<Page<Session>>, ProblemResponse> {
    let person = caller.user.map(|user| Person::User(caller.tenant.id, user));
    let tx = caller.ctx.control().await.map_err(unexpected)?;
    listed(tx, person, caller.session).await
}

/// List my sessions
///
/// Where the caller is logged in; for a caller by API key there are none.
#[utoipa::path(get, path = "/admin/auth/sessions", operation_id = "listAdminSessions", tag = "auth",
    security(("adminKey" = [])),
    responses((status = 200, description = "Those that have not ended, newest first.", body = Page<Session>)))]
async fn list_admin(caller: PlatformCaller) -> Result<Json<Page<Session>>, ProblemResponse> {
    let tx = caller.ctx.control().await.map_err(unexpected)?;
    listed(tx, caller.session.map(|own| own.person), caller.session).await
}

async fn listed(
    mut tx: ControlTx,
    person: Option<Person>,
    own: Option<CallerSession>,
) -> Result<Json<Page<Session>>, ProblemResponse> {
    let found = match person {
        Some(person) => sessions::list(&mut tx, person).await.map_err(failed)?,
        None => Vec::new(),
    };
    let own = own.map(|own| own.id);
    Ok(Json(Page {
        items: found.into_iter().map(|session| session.of_caller(own)).collect(),
        next_cursor: None,
    }))
}

/// End my other sessions
///
/// All but the one that asks. A caller by API key has none: that is not found.
#[utoipa::path(delete, path = "/api/auth/sessions", operation_id = "endOtherSessions", tag = "auth",
    security(("tenantKey" = [])), params(IdempotencyKey),
    responses((status = 204, description = "They have ended.")))]
async fn end_others(mut change: Change<OfTenantControl, NoBody>) -> Result<Answer, ProblemResponse> {
    let own = own(change.request.caller.session)?;
    end_all_but(&mut change.tx, own).await?;
    change.answer(Answer::no_content()).await
}

/// End my other sessions
///
/// All but the one that asks. A caller by API key has none: that is not found.
#[utoipa::path(delete, path = "/admin/auth/sessions", operation_id = "endOtherAdminSessions", tag = "auth",
    security(("adminKey" = [])), params(IdempotencyKey),
    responses((status = 204, description = "They have ended.")))]
async fn end_others_admin(mut change: Change<OfPlatform, NoBody>) -> Result<Answer, ProblemResponse> {
    let own = own(change.request.caller.session)?;
    end_all_but(&mut change.tx, own).await?;
    change.answer(Answer::no_content()).await
}

async fn end_all_but(tx: &mut ControlTx, own: CallerSession) -> Result<(), ProblemResponse> {
    sessions::end_all(tx, own.person, Some(own.id), EndReason::Revoked)
        .await
        .map(drop)
        .map_err(failed)
}

/// End one of my sessions
#[utoipa::path(delete, path = "/api/auth/sessions/{id}", operation_id = "endSession", tag = "auth",
    security(("tenantKey" = [])), params(("id" = SessionId, Path), IdempotencyKey),
    responses((status = 204, description = "It has ended.")))]
async fn end(
    Path(id): Path<SessionId>,
    mut change: Change<OfTenantControl, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let own = own(change.request.caller.session)?;
    end_own(&mut change.tx, own, id).await?;
    change.answer(Answer::no_content()).await
}

/// End one of my sessions
#[utoipa::path(delete, path = "/admin/auth/sessions/{id}", operation_id = "endAdminSession", tag = "auth",
    security(("adminKey" = [])), params(("id" = SessionId, Path), IdempotencyKey),
    responses((status = 204, description = "It has ended.")))]
async fn end_admin(
    Path(id): Path<SessionId>,
    mut change: Change<OfPlatform, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let own = own(change.request.caller.session)?;
    end_own(&mut change.tx, own, id).await?;
    change.answer(Answer::no_content()).await
}

async fn end_own(tx: &mut ControlTx, own: CallerSession, id: SessionId) -> Result<(), ProblemResponse> {
    sessions::end_of(tx, own.person, id, EndReason::Revoked)
        .await
        .map_err(failed)
}

/// The caller's own session; who did not log in has none.
fn own(session: Option<CallerSession>) -> Result<CallerSession, ProblemResponse> {
    session.ok_or_else(|| Code::NotFound.into())
}

/// How failures of operations on sessions become problems.
pub(crate) fn failed(error: SessionError) -> ProblemResponse {
    match error {
        SessionError::NotFound => Code::NotFound.into(),
        SessionError::ShutOut => Code::Unauthenticated.into(),
        SessionError::NoSigningKey(error) => ProblemResponse::caused(Code::Unavailable, error),
        SessionError::Database(error) => unexpected(error),
    }
}
