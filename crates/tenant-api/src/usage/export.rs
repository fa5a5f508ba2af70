//! `/api/usage/export`: everything that was counted, as a stream of any length.

use axum::body::{Body, Bytes};
use axum::http::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use edge::{ProblemResponse, Query};
use futures_util::{StreamExt, TryStreamExt, stream};
use gate::{AppState, TenantCaller, permitted};
use kernel::{Permission, Timestamp};
use metering::reading::{ExportRow, export};
use metering::rollups::Granularity;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::span::span;

/// Rows that leave together.
const ROWS: usize = 500;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(permitted(routes!(get), Permission::UsageRead))
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ExportFormat {
    /// Comma-separated values with a head (RFC 4180).
    Csv,
    /// A JSON object on each line.
    Jsonl,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ExportParameters {
    /// How rows are written; otherwise by `Accept`, CSV where that does not say.
    #[param(inline)]
    format: Option<ExportFormat>,
    /// So many days (UTC) with today: 30 unless something else is given.
    #[param(minimum = 1, maximum = 3660, example = 30)]
    days: Option<i64>,
    /// From this time on, instead of `days`.
    from: Option<Timestamp>,
    /// Up to this time; now unless given.
    to: Option<Timestamp>,
    /// How fine: `day` unless given.
    granularity: Option<Granularity>,
}

/// Export usage
///
/// A row for each metric, bucket and combination of dimensions, in this order. The answer is a stream of any length; one
/// that ends before its end breaks the connection.
#[utoipa::path(get, path = "/api/usage/export", operation_id = "exportUsage", tag = "usage",
    security(("tenantKey" = [])), params(ExportParameters),
    responses((status = 200, description = "The rows.",
        content((String = "text/csv"), (ExportRow = "application/x-ndjson")),
        headers(("Content-Disposition" = String)))))]
async fn get(
    caller: TenantCaller,
    Query(query): Query<ExportParameters>,
    headers: HeaderMap,
) -> Result<Response, ProblemResponse> {
    let span = span(query.days, query.from, query.to, caller.ctx.seams().now())?;
    let format = query.format.unwrap_or_else(|| accepted(&headers));
    let rows = export(caller.ctx, query.granularity.unwrap_or(Granularity::Day), span);
    let pieces = rows.try_chunks(ROWS).map_err(|failed| failed.1);
    let head = (format == ExportFormat::Csv).then(|| Bytes::from_static(ExportRow::CSV_HEAD.as_bytes()));
    let body = stream::iter(head.map(Ok))
        .chain(pieces.map_ok(move |rows| piece(&rows, format)))
        .inspect_err(|error| tracing::error!(%error, "an export broke off"));
    let (content_type, file) = match format {
        ExportFormat::Csv => (
            "text/csv; charset=utf-8; header=present",
            "attachment; filename=\"usage.csv\"",
        ),
        ExportFormat::Jsonl => ("application/x-ndjson", "attachment; filename=\"usage.jsonl\""),
    };
    let described = [
        (CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (CONTENT_DISPOSITION, HeaderValue::from_static(file)),
    ];
    Ok((described, Body::from_stream(body)).into_response())
}

fn piece(rows: &[ExportRow], format: ExportFormat) -> Bytes {
    let mut text = String::new();
    for row in rows {
        match format {
            ExportFormat::Csv => text.push_str(&row.csv()),
            ExportFormat::Jsonl => {
                text.push_str(&serde_json::to_string(row).expect("a row is JSON"));
                text.push('\n');
            }
        }
    }
    text.into()
}

/// The first of the two that `Accept` names.
fn accepted(headers: &HeaderMap) -> ExportFormat {
    let values = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut named = values.flat_map(|value| value.split(',')).filter_map(|range| {
        match range.split(';').next().unwrap_or_default().trim() {
            "text/csv" => Some(ExportFormat::Csv),
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Some(ExportFormat::Jsonl),
            _ => None,
        }
    });
    named.next().unwrap_or(ExportFormat::Csv)
}
