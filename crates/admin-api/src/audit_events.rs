//! `GET /admin/audit`.

use audit::{AuditEvent, Filter, PageRequest, Position, Severity};
use edge::{Cursor, Json, Limit, Page, ProblemResponse, Query};
use gate::{AppState, PlatformCaller, permitted, unexpected};
use kernel::{AdminPermission, TenantId, Timestamp};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

type AuditCursor = Cursor<Position>;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(permitted(routes!(list), AdminPermission::AuditRead))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct AuditFilter {
    #[serde(default)]
    limit: Limit,
    cursor: Option<AuditCursor>,
    /// Of this tenant.
    tenant_id: Option<TenantId>,
    /// By this actor: a user's, key's or operator's identifier.
    user_id: Option<String>,
    /// Of this type, e.g. `data.created`.
    event_type: Option<String>,
    severity: Option<Severity>,
    resource_type: Option<String>,
    resource_id: Option<String>,
    /// Not before.
    from: Option<Timestamp>,
    /// Before.
    to: Option<Timestamp>,
    /// With all these words in type, action, actor or resource.
    q: Option<String>,
}

/// Search the audit trail of every tenant
#[utoipa::path(get, path = "/admin/audit", operation_id = "searchAudit", tag = "audit",
    security(("adminKey" = [])), params(AuditFilter),
    responses((status = 200, description = "A page of events, newest first.", body = Page<AuditEvent>)))]
async fn list(
    caller: PlatformCaller,
    Query(query): Query<AuditFilter>,
) -> Result<Json<Page<AuditEvent>>, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let page = PageRequest {
        limit: query.limit.rows(),
        after: query.cursor.map(|cursor| cursor.0),
    };
    let filter = Filter {
        tenant: query.tenant_id,
        actor_id: query.user_id,
        event_type: query.event_type,
        severity: query.severity,
        resource_type: query.resource_type,
        resource_id: query.resource_id,
        from: query.from,
        to: query.to,
        words: query.q,
    };
    let events = audit::find(&mut tx, &filter, page).await.map_err(unexpected)?;
    Ok(Json(Page::new(events, query.limit, AuditEvent::position)))
}
