//! `GET /api/audit`.

use audit::{AuditEvent, Filter, PageRequest, Position, Severity};
use edge::{Cursor, Json, Limit, Page, ProblemResponse, Query};
use gate::{AppState, TenantCaller, any_caller, unexpected};
use kernel::{Permission, Timestamp};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

type AuditCursor = Cursor<Position>;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(any_caller(routes!(list)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct AuditFilter {
    #[serde(default)]
    limit: Limit,
    cursor: Option<AuditCursor>,
    /// By this actor: a user's or key's identifier.
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

/// Search the audit trail
///
/// The whole tenant's with the permission `audit:read`; otherwise what the caller did himself.
#[utoipa::path(get, path = "/api/audit", operation_id = "searchOwnAudit", tag = "audit",
    security(("tenantKey" = [])), params(AuditFilter),
    responses((status = 200, description = "A page of events, newest first.", body = Page<AuditEvent>)))]
async fn list(
    caller: TenantCaller,
    Query(query): Query<AuditFilter>,
) -> Result<Json<Page<AuditEvent>>, ProblemResponse> {
    let Some(actor_id) = visible_actor(&caller, query.user_id) else {
        return Ok(Json(Page {
            items: Vec::new(),
            next_cursor: None,
        }));
    };
    let filter = Filter {
        tenant: Some(caller.tenant.id),
        actor_id,
        event_type: query.event_type,
        severity: query.severity,
        resource_type: query.resource_type,
        resource_id: query.resource_id,
        from: query.from,
        to: query.to,
        words: query.q,
    };
    let page = PageRequest {
        limit: query.limit.rows(),
        after: query.cursor.map(|cursor| cursor.0),
    };
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let events = audit::find(&mut tx, &filter, page).await.map_err(unexpected)?;
    Ok(Json(Page::new(events, query.limit, AuditEvent::position)))
}

/// Whose events of those that are asked for the caller may see: one actor's, everybody's, or none at all.
#[expect(clippy::option_option, reason = "no filter and nothing to see are different")]
fn visible_actor(caller: &TenantCaller, asked: Option<String>) -> Option<Option<String>> {
    if caller.ctx.authorize(Permission::AuditRead).is_ok() {
        return Some(asked);
    }
    // A person's acts are his whichever key he used; a key without a person has only its own.
    let actor = || caller.ctx.caller().actor.id.clone();
    let himself = caller.user.map_or_else(actor, |user| user.to_string());
    asked
        .is_none_or(|asked| asked == himself)
        .then_some(Some(himself))
}
