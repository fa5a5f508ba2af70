//! `PUT /admin/tenants/{id}/usage-calendar`: where a tenant's days and months begin.

use edge::{IdempotencyKey, Path, ProblemResponse};
use gate::{Answer, AppState, Change, OfPlatform, permitted, unexpected};
use kernel::{AdminPermission, FieldError, Problem, TenantId, Validate};
use metering::periods::{Calendar, InvalidCalendar};
use metering::quotas;
use metering::reading::CalendarView;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::quotas::lock;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(permitted(routes!(put), AdminPermission::QuotasWrite))
}

/// Where days and months shall begin.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"timeZone": "Europe/Berlin", "anchorDay": 15}))]
struct CalendarOrder {
    /// The time zone's name in the IANA database.
    time_zone: String,
    /// The day on which months begin; the last one of months that do not have it. The first unless given.
    #[schema(minimum = 1, maximum = 31)]
    anchor_day: Option<i16>,
}

impl Validate for CalendarOrder {
    fn check(&self, errors: &mut Vec<FieldError>) {
        if let Err(invalid) = Calendar::new(&self.time_zone, self.anchor_day.unwrap_or(1)) {
            let pointer = match invalid {
                InvalidCalendar::Zone => "/timeZone",
                InvalidCalendar::Day => "/anchorDay",
            };
            errors.push(FieldError::new(pointer, invalid.to_string()));
        }
    }
}

/// Set where a tenant's days and months begin
///
/// What was used in the day and month under way is reckoned anew by the hour. Histories stay in UTC.
#[utoipa::path(put, path = "/admin/tenants/{id}/usage-calendar", operation_id = "putTenantUsageCalendar", tag = "usage",
    security(("adminKey" = [])), params(("id" = TenantId, Path), IdempotencyKey), request_body = CalendarOrder,
    responses((status = 200, description = "The calendar.", body = CalendarView)))]
async fn put(
    Path(tenant): Path<TenantId>,
    mut change: Change<OfPlatform, CalendarOrder>,
) -> Result<Answer, ProblemResponse> {
    lock(&mut change.tx, tenant).await?;
    let (zone, day) = (&change.body.time_zone, change.body.anchor_day.unwrap_or(1));
    let calendar = quotas::set_calendar(&mut change.tx, tenant, zone, day)
        .await
        .map_err(unexpected)?
        .map_err(|invalid| Problem::invalid(vec![FieldError::new("/timeZone", invalid.to_string())]))?;
    change.answer(Answer::ok(&CalendarView::from(&calendar))?).await
}
