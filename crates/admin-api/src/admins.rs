//! `/admin/admins` and `/admin/permissions`.

use access::admins::{self as operators, OperatorError};
use axum::extract::State;
use edge::json::Patch;
use edge::{Cursor, ETag, IdempotencyKey, IfMatch, Json, Limit, Page, Path, ProblemResponse, Query};
use gate::keys::AdminScope;
use gate::{
    Answer, AppState, Change, Keyed, NoBody, OfPlatform, PlatformCaller, any_caller, permitted, unexpected,
};
use identity::admins::{self, Admin, AdminChange, AdminError, AdminId, AdminStatus, Authority, NewAdmin};
use identity::{Email, Name, Password};
use kernel::permission::Registry;
use kernel::{AdminPermission, Code, FieldError, Problem, Secret, TenantId, Validate};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::tenant_failures::sentence;

type AdminCursor = Cursor<AdminId>;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(list), AdminPermission::AdminsRead))
        .routes(permitted(routes!(create), AdminPermission::AdminsWrite))
        .routes(permitted(routes!(get), AdminPermission::AdminsRead))
        .routes(permitted(routes!(update), AdminPermission::AdminsWrite))
        .routes(permitted(routes!(delete), AdminPermission::AdminsWrite))
        .routes(any_caller(routes!(list_permissions)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct AdminFilter {
    #[serde(default)]
    limit: Limit,
    /// `nextCursor` of the page before.
    cursor: Option<AdminCursor>,
    status: Option<AdminStatus>,
}

/// List operators
#[utoipa::path(get, path = "/admin/admins", operation_id = "listAdmins", tag = "operators",
    security(("adminKey" = [])), params(AdminFilter),
    responses((status = 200, description = "A page of operators, newest first.", body = Page<Admin>)))]
async fn list(
    caller: PlatformCaller,
    Query(query): Query<AdminFilter>,
) -> Result<Json<Page<Admin>>, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let after = query.cursor.map(|cursor| cursor.0);
    let rows = admins::list(&mut tx, query.status, after, query.limit.rows())
        .await
        .map_err(unexpected)?;
    Ok(Json(Page::new(rows, query.limit, |admin| admin.id)))
}

/// An operator who is to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"email": "support@example.com", "name": "Ada Lovelace", "permissions": ["tenants:list", "tenants:read"]}))]
struct AdminOrder {
    /// By what he will log in.
    #[schema(value_type = String, format = Email)]
    email: Email,
    /// What he is called.
    name: Name,
    /// What he may do: permissions, `noun:*`, or `*`.
    #[schema(value_type = Vec<AdminScope>, min_items = 1)]
    permissions: Vec<String>,
    /// The only tenants that he reaches; every tenant unless given.
    #[schema(min_items = 1, max_items = 500)]
    tenants: Option<Vec<TenantId>>,
    /// His password, of at least 12 characters and at most 72 bytes; without one a link to set it is mailed to him.
    #[schema(value_type = Option<String>, format = Password, min_length = 12, max_length = 72)]
    password: Option<Secret<String>>,
}

impl Validate for AdminOrder {
    fn check(&self, errors: &mut Vec<FieldError>) {
        if let Some(Err(error)) = self.password.clone().map(Password::new) {
            errors.push(FieldError::new("/password", error.to_string()));
        }
    }
}

/// Add an operator
///
/// Nobody can give what he does not have himself. An operator who is limited to tenants sees and does nothing beyond them,
/// and cannot have permissions that are about the whole platform (`GET /admin/permissions` says which).
#[utoipa::path(post, path = "/admin/admins", operation_id = "createAdmin", tag = "operators",
    security(("adminKey" = [])), params(IdempotencyKey), request_body = AdminOrder,
    responses((status = 201, description = "The operator.", body = Admin, headers(("Location" = String), ("ETag" = String)))))]
async fn create(
    State(state): State<AppState>,
    Keyed { body, request }: Keyed<OfPlatform, AdminOrder>,
) -> Result<Answer, ProblemResponse> {
    let ctx = request.caller.ctx.clone();
    let given = body.password.and_then(|text| Password::new(text).ok());
    let is_invited = given.is_none();
    let password = given.unwrap_or_else(|| operators::unknown_password(&ctx));
    let new = NewAdmin {
        email: body.email,
        name: body.name,
        permissions: body.permissions,
        tenants: body.tenants,
        password: state.hasher.hash(password).await.map_err(|_| Code::Overloaded)?,
    };
    let (mut tx, kept) = request.open().await?;
    if let Some(kept) = kept {
        return Ok(kept.into());
    }
    let held = Authority::of(ctx.caller());
    let made = if is_invited {
        operators::invite(&ctx, &mut tx, &held, new).await
    } else {
        admins::create(&mut tx, &held, new)
            .await
            .map_err(OperatorError::from)
    };
    let admin = made.map_err(failed)?;
    let location = format!("/admin/admins/{}", admin.id);
    let answer = Answer::created(location, &admin)?.version(admin.version);
    request.finish(tx, answer).await
}

/// Get an operator
#[utoipa::path(get, path = "/admin/admins/{id}", operation_id = "getAdmin", tag = "operators",
    security(("adminKey" = [])), params(("id" = AdminId, Path)),
    responses((status = 200, description = "The operator.", body = Admin, headers(("ETag" = String)))))]
async fn get(
    caller: PlatformCaller,
    Path(id): Path<AdminId>,
) -> Result<(ETag, Json<Admin>), ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let admin = admins::get(&mut tx, id)
        .await
        .map_err(|error| failed(error.into()))?;
    Ok((ETag::version(admin.version), Json(admin)))
}

/// What is to change; what is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"permissions": ["tenants:*"], "status": "active"}))]
struct AdminPatch {
    /// What he is called.
    name: Option<Name>,
    /// What he may do: permissions, `noun:*`, or `*`.
    #[schema(value_type = Option<Vec<AdminScope>>, min_items = 1)]
    permissions: Option<Vec<String>>,
    /// The only tenants that he reaches; `null` is every tenant.
    #[serde(default)]
    #[schema(value_type = Option<Vec<TenantId>>, min_items = 1, max_items = 500)]
    tenants: Patch<Vec<TenantId>>,
    /// Whether he may come in.
    status: Option<AdminStatus>,
}
impl Validate for AdminPatch {}

impl From<AdminPatch> for AdminChange {
    fn from(patch: AdminPatch) -> Self {
        Self {
            name: patch.name,
            permissions: patch.permissions,
            tenants: match patch.tenants {
                Patch::Keep => None,
                Patch::Clear => Some(None),
                Patch::Set(tenants) => Some(Some(tenants)),
            },
            status: patch.status,
        }
    }
}

/// Change an operator
///
/// Nobody can change somebody who may more than he, or what he himself may. Whose permissions, tenants or status change is
/// logged out; his keys follow at once.
#[utoipa::path(patch, path = "/admin/admins/{id}", operation_id = "updateAdmin", tag = "operators",
    security(("adminKey" = [])), params(("id" = AdminId, Path), IfMatch, IdempotencyKey), request_body = AdminPatch,
    responses((status = 200, description = "The changed operator.", body = Admin, headers(("ETag" = String)))))]
async fn update(
    Path(id): Path<AdminId>,
    mut change: Change<OfPlatform, AdminPatch>,
) -> Result<Answer, ProblemResponse> {
    let held = Authority::of(change.request.caller.ctx.caller());
    let wanted = std::mem::take(&mut change.body).into();
    let admin = operators::update(&mut change.tx, &held, id, change.request.expected, wanted)
        .await
        .map_err(failed)?;
    let version = admin.version;
    change.answer(Answer::ok(&admin)?.version(version)).await
}

/// Remove an operator
///
/// With his sessions and API keys.
#[utoipa::path(delete, path = "/admin/admins/{id}", operation_id = "deleteAdmin", tag = "operators",
    security(("adminKey" = [])), params(("id" = AdminId, Path), IfMatch, IdempotencyKey),
    responses((status = 204, description = "He is gone.")))]
async fn delete(
    Path(id): Path<AdminId>,
    mut change: Change<OfPlatform, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let held = Authority::of(change.request.caller.ctx.caller());
    admins::delete(&mut change.tx, &held, id, change.request.expected)
        .await
        .map_err(|error| failed(error.into()))?;
    change.answer(Answer::no_content()).await
}

/// Something that an operator may be allowed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AdminPermissionView {
    /// As it is written.
    #[schema(example = "tenants:list")]
    name: &'static str,
    /// What it allows.
    #[schema(example = "List tenants.")]
    description: &'static str,
    /// Whether it is about the whole platform, so that an operator who is limited to tenants cannot have it.
    platform_wide: bool,
}

/// List the permissions that operators can have
///
/// Permissions and scopes are made of these names, `noun:*` or `*`.
#[utoipa::path(get, path = "/admin/permissions", operation_id = "listAdminPermissions", tag = "operators",
    security(("adminKey" = [])),
    responses((status = 200, description = "Every permission.", body = Page<AdminPermissionView>)))]
async fn list_permissions(_caller: PlatformCaller) -> Json<Page<AdminPermissionView>> {
    let view = |permission: &AdminPermission| AdminPermissionView {
        name: permission.name(),
        description: permission.description(),
        platform_wide: permission.is_platform_wide(),
    };
    Json(Page {
        items: AdminPermission::ALL.iter().map(view).collect(),
        next_cursor: None,
    })
}

fn failed(error: OperatorError) -> ProblemResponse {
    let error = match error {
        OperatorError::Admin(error) => error,
        OperatorError::Database(error) => return unexpected(error),
        OperatorError::Session(error) => return ProblemResponse::internal(error),
    };
    let code = match &error {
        AdminError::NotFound => return Code::NotFound.into(),
        AdminError::EmailTaken => return Code::EmailTaken.into(),
        AdminError::VersionMismatch(_) => return Code::PreconditionFailed.into(),
        AdminError::LastOperator => return Code::LastOperator.into(),
        AdminError::BeyondCaller | AdminError::OwnAuthority => Code::Forbidden,
        AdminError::Busy(_) => Code::Overloaded,
        AdminError::Invalid(_) => Code::ValidationFailed,
        AdminError::MalformedKey | AdminError::Key(_) | AdminError::Database(_) => Code::Internal,
    };
    match error {
        AdminError::Invalid(errors) => Problem::invalid(errors).into(),
        AdminError::Database(error) => unexpected(error),
        said if code == Code::Internal => ProblemResponse::internal(said),
        said => Problem::new(code, sentence(&said)).into(),
    }
}
