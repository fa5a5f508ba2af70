//! `/api/usage/history/{metric}`.

use std::collections::BTreeMap;

use edge::{Json, Path, ProblemResponse, Query};
use gate::{AppState, TenantCaller, permitted, unexpected};
use isolation::Tx;
use kernel::{Code, Permission, Timestamp};
use metering::metrics::{self, MetricName};
use metering::reading::{History, HistoryError, HistoryQuery, MOST_POINTS, history};
use metering::rollups::Granularity;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::span::{span, wrong};

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(permitted(routes!(get), Permission::UsageRead))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct HistoryParameters {
    /// So many days (UTC) with today: 30 unless something else is given.
    #[param(minimum = 1, maximum = 3660, example = 30)]
    days: Option<i64>,
    /// From this time on, instead of `days`.
    from: Option<Timestamp>,
    /// Up to this time; now unless given.
    to: Option<Timestamp>,
    /// How fine: `day` unless given.
    granularity: Option<Granularity>,
    /// Only what has these dimensions, as `name:value` joined by commas; `\` takes the meaning from a comma.
    #[param(example = "region:eu,endpoint:/v1/jobs")]
    filter: Option<String>,
    /// Told apart by these dimensions, joined by commas.
    #[param(example = "region")]
    group_by: Option<String>,
}

/// Get a metric's history
///
/// At most 10,000 points. Without `groupBy` every bucket is there: a counter's empty ones are 0, a level goes on.
#[utoipa::path(get, path = "/api/usage/history/{metric}", operation_id = "getUsageHistory", tag = "usage",
    security(("tenantKey" = [])), params(("metric" = String, Path, description = "The metric's name.",
        example = "api_calls"), HistoryParameters),
    responses((status = 200, description = "The history.", body = History)))]
async fn get(
    caller: TenantCaller,
    Path(name): Path<String>,
    Query(query): Query<HistoryParameters>,
) -> Result<Json<History>, ProblemResponse> {
    let name: MetricName = name.parse().map_err(|_| Code::NotFound)?;
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let asked = HistoryQuery {
        span: span(query.days, query.from, query.to, tx.now())?,
        granularity: query.granularity.unwrap_or(Granularity::Day),
        filter: query.filter.as_deref().map_or(Ok(BTreeMap::new()), filter)?,
        group_by: query.group_by.as_deref().map(split).unwrap_or_default(),
    };
    let known = metrics::known(&mut tx, caller.tenant.id)
        .await
        .map_err(unexpected)?;
    let metric = known.get(&name).ok_or(Code::NotFound)?;
    let found = history(&mut tx, caller.tenant.id, metric, &asked).await;
    found.map(Json).map_err(failed)
}

fn failed(error: HistoryError) -> ProblemResponse {
    match error {
        HistoryError::Database(error) => unexpected(error),
        HistoryError::TooMany => wrong(
            "granularity",
            &format!(
                "the answer would have more than {MOST_POINTS} points; ask for less time, coarser, or export"
            ),
        ),
        HistoryError::UnknownDimension(name) => {
            wrong("filter", &format!("the metric has no dimension `{name}`"))
        }
    }
}

/// `name:value,name:value`.
fn filter(text: &str) -> Result<BTreeMap<String, String>, ProblemResponse> {
    let mut pairs = BTreeMap::new();
    for part in split(text) {
        let (name, value) = part
            .split_once(':')
            .ok_or_else(|| wrong("filter", "must be `name:value` joined by commas"))?;
        if pairs.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(wrong("filter", "names a dimension twice"));
        }
    }
    Ok(pairs)
}

/// The parts between commas, where `\` takes a comma's meaning, and its own.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            ',' => parts.push(String::new()),
            '\\' => parts.last_mut().expect("there is one").extend(characters.next()),
            other => parts.last_mut().expect("there is one").push(other),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_pairs() {
        let read = |text| filter(text).ok().map(|pairs| format!("{pairs:?}"));
        for (text, pairs) in [
            ("region:eu", Some(r#"{"region": "eu"}"#)),
            ("b:1,a:x:y", Some(r#"{"a": "x:y", "b": "1"}"#)),
            (r"a:1\,2\\,b:", Some(r#"{"a": "1,2\\", "b": ""}"#)),
            ("", None),
            ("region", None),
            ("a:1,a:2", None),
            ("a:1,", None),
        ] {
            assert_eq!(read(text).as_deref(), pairs, "{text}");
        }
    }
}
