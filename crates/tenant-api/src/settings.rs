//! `/api/settings`.

use axum::response::Response;
use edge::etag::only_if_absent;
use edge::{Cursor, IdempotencyKey, IfMatch, Json, Limit, Page, Path, ProblemResponse, Query};
use gate::{Answer, AppState, Change, NoBody, OfTenant, TenantCaller, forbidden, permitted, unexpected};
use kernel::{Code, Permission, Problem, Validate};
use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use workspace::settings::{self, PutSetting, Setting, SettingError, SettingKey, Written};
use workspace::{Invalid, PageRequest};

use crate::refusals::{invalid, sentence};
use crate::versioned::{IfNoneMatch, OnlyIfAbsent, shown};

type SettingCursor = Cursor<SettingKey>;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(list), Permission::SettingsRead))
        .routes(permitted(routes!(get), Permission::SettingsRead))
        .routes(permitted(routes!(put), Permission::SettingsWrite))
        .routes(permitted(routes!(delete), Permission::SettingsWrite))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct SettingQuery {
    #[serde(default)]
    limit: Limit,
    cursor: Option<SettingCursor>,
}

/// List settings
#[utoipa::path(get, path = "/api/settings", operation_id = "listSettings", tag = "settings",
    security(("tenantKey" = [])), params(SettingQuery),
    responses((status = 200, description = "A page of settings, by key.", body = Page<Setting>)))]
async fn list(
    caller: TenantCaller,
    Query(query): Query<SettingQuery>,
) -> Result<Json<Page<Setting>>, ProblemResponse> {
    let page = PageRequest {
        limit: query.limit.rows(),
        after: query.cursor.map(|cursor| cursor.0),
    };
    let mut tx = caller.ctx.read().await.map_err(unexpected)?;
    let found = settings::list(&mut tx, &page).await.map_err(failed)?;
    Ok(Json(Page::new(found, query.limit, |setting| setting.key.clone())))
}

/// Get a setting
#[utoipa::path(get, path = "/api/settings/{key}", operation_id = "getSetting", tag = "settings",
    security(("tenantKey" = [])), params(("key" = SettingKey, Path), IfNoneMatch),
    responses(
        (status = 200, description = "The setting.", body = Setting, headers(("ETag" = String))),
        (status = 304, description = "The caller has this version.")))]
async fn get(
    caller: TenantCaller,
    Path(key): Path<SettingKey>,
    known: IfNoneMatch,
) -> Result<Response, ProblemResponse> {
    let mut tx = caller.ctx.read().await.map_err(unexpected)?;
    let setting = settings::get(&mut tx, &key).await.map_err(failed)?;
    Ok(shown(&known, setting.version, setting))
}

/// What a setting is to hold: any JSON of up to 16 KiB, at most 16 levels deep. The operation checks it.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Value)]
struct SettingValue(Value);

impl Validate for SettingValue {
    const OBJECT: bool = false;
}

/// Set a setting
///
/// Creates or replaces it; the body is the value.
#[utoipa::path(put, path = "/api/settings/{key}", operation_id = "putSetting", tag = "settings",
    security(("tenantKey" = [])), params(("key" = SettingKey, Path), IfMatch, OnlyIfAbsent, IdempotencyKey),
    request_body(content = SettingValue, example = json!("Europe/Berlin")),
    responses(
        (status = 200, description = "The setting, which was there.", body = Setting, headers(("ETag" = String))),
        (status = 201, description = "The setting, which is new.", body = Setting,
            headers(("ETag" = String), ("Location" = String)))))]
async fn put(
    Path(key): Path<String>,
    mut change: Change<OfTenant, SettingValue>,
) -> Result<Answer, ProblemResponse> {
    let key = key
        .parse()
        .map_err(|error| Problem::new(Code::InvalidParameter, format!("The key {error}.")))?;
    let value = PutSetting {
        value: std::mem::take(&mut change.body.0),
    };
    let expected = if only_if_absent(&change.request.headers) {
        Some(settings::NOT_THERE)
    } else {
        change.request.expected
    };
    let Written { setting, is_new } = settings::put(&mut change.tx, &key, expected, value)
        .await
        .map_err(failed)?;
    let answer = if is_new {
        Answer::created(format!("/api/settings/{}", setting.key), &setting)?
    } else {
        Answer::ok(&setting)?
    };
    change.answer(answer.version(setting.version)).await
}

/// Delete a setting
#[utoipa::path(delete, path = "/api/settings/{key}", operation_id = "deleteSetting", tag = "settings",
    security(("tenantKey" = [])), params(("key" = SettingKey, Path), IfMatch, IdempotencyKey),
    responses((status = 204, description = "The setting is gone.")))]
async fn delete(
    Path(key): Path<SettingKey>,
    mut change: Change<OfTenant, NoBody>,
) -> Result<Answer, ProblemResponse> {
    settings::delete(&mut change.tx, &key, change.request.expected)
        .await
        .map_err(failed)?;
    change.answer(Answer::no_content()).await
}

fn failed(error: SettingError) -> ProblemResponse {
    match error {
        SettingError::NotFound => Code::NotFound.into(),
        SettingError::TooMany => Problem::new(Code::Conflict, sentence(&error)).into(),
        SettingError::VersionMismatch(_) => Code::PreconditionFailed.into(),
        SettingError::Invalid(errors) => invalid(of_whole_body(errors)),
        SettingError::Forbidden(refused) => forbidden(&refused),
        SettingError::Database(error) => unexpected(error),
    }
}

/// The operation's value is the whole body here.
fn of_whole_body(Invalid(mut errors): Invalid) -> Invalid {
    for error in &mut errors {
        if let Some(inside) = error.pointer.strip_prefix("/value") {
            error.pointer = inside.to_owned();
        }
    }
    Invalid(errors)
}
