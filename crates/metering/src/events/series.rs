//! Which combinations of dimensions are kept apart: as many as the metric declares, in each month.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};

use super::candidate::Candidate;
use crate::metrics::{Metric, MetricName};
use crate::periods::{Calendar, Span};
use crate::rollups::{Bucket, Dimensions};

type Series = (MetricName, Timestamp, Dimensions);

/// The combinations that a batch has, and which of them each event has, if any.
#[derive(Default)]
struct Wanted {
    series: Vec<Series>,
    of: Vec<Option<usize>>,
}

impl Wanted {
    fn of(candidates: &[Candidate]) -> Self {
        let utc = Calendar::utc();
        let (mut wanted, mut places) = (Self::default(), HashMap::new());
        let mut month: Option<Span> = None;
        for candidate in candidates {
            let within = month
                .filter(|month| month.contains(candidate.time))
                .unwrap_or_else(|| Bucket::Month.span(candidate.time, &utc));
            month = Some(within);
            let place = (!candidate.dimensions.is_none()).then(|| {
                let (metric, dimensions) = (&candidate.metric, &candidate.dimensions);
                let place = places.entry((metric, within.starts_at, dimensions));
                *place.or_insert_with(|| {
                    let series = (metric.clone(), within.starts_at, dimensions.clone());
                    wanted.series.push(series);
                    wanted.series.len() - 1
                })
            });
            wanted.of.push(place);
        }
        wanted
    }
}

/// Turns what goes beyond the bound into `other`.
pub(super) async fn bound(
    tx: &mut ControlTx,
    tenant: TenantId,
    metrics: &HashMap<MetricName, Metric>,
    candidates: &mut [Candidate],
) -> Result<(), sqlx::Error> {
    let wanted = Wanted::of(candidates);
    if wanted.series.is_empty() {
        return Ok(());
    }
    let mut kept = known(tx, tenant, &wanted.series).await?;
    if kept.len() < wanted.series.len() {
        sqlx::query!(
            "select pg_advisory_xact_lock(hashtextextended('usage_series ' || $1::uuid, 0))",
            tenant as _
        )
        .execute(tx.conn())
        .await?;
        kept = known(tx, tenant, &wanted.series).await?;
        let missing = wanted.series.iter().filter(|series| !kept.contains(*series));
        let missing: BTreeSet<&Series> = missing.collect();
        kept.extend(admit(tx, tenant, metrics, missing).await?);
    }
    let beyond: Vec<bool> = wanted.series.iter().map(|one| !kept.contains(one)).collect();
    for (candidate, place) in candidates.iter_mut().zip(wanted.of) {
        if place.is_none_or(|place| !beyond[place]) {
            continue;
        }
        let names = metrics
            .get(&candidate.metric)
            .map_or(&[][..], |metric| &metric.dimensions);
        candidate.stated = Some(std::mem::replace(
            &mut candidate.dimensions,
            Dimensions::other(names),
        ));
    }
    Ok(())
}

async fn known(
    tx: &mut ControlTx,
    tenant: TenantId,
    wanted: &[Series],
) -> Result<HashSet<Series>, sqlx::Error> {
    let (metrics, months, dimensions) = columns(wanted.iter());
    let rows = sqlx::query!(
        r#"select s.metric, s.month as "month: Timestamp", s.dimensions
           from unnest($2::text[], $3::timestamptz[], $4::text[]) as wanted(metric, month, dimensions)
           join control.usage_series s on s.tenant_id = $1 and s.metric = wanted.metric and s.month = wanted.month
                and s.dimensions = wanted.dimensions::jsonb"#,
        tenant as _,
        &metrics,
        &months as _,
        &dimensions
    )
    .fetch_all(tx.conn())
    .await?;
    let series = rows.into_iter().filter_map(|row| {
        Some((
            row.metric.parse().ok()?,
            row.month,
            Dimensions::of_column(&row.dimensions),
        ))
    });
    Ok(series.collect())
}

/// Takes in as many as there is room for.
async fn admit(
    tx: &mut ControlTx,
    tenant: TenantId,
    metrics: &HashMap<MetricName, Metric>,
    missing: BTreeSet<&Series>,
) -> Result<Vec<Series>, sqlx::Error> {
    let mut room: BTreeMap<(&MetricName, Timestamp), i64> = BTreeMap::new();
    let mut admitted: Vec<Series> = Vec::new();
    for series in missing {
        let (metric, month, _) = series;
        let left = match room.entry((metric, *month)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let bound = metrics.get(metric).map_or(0, |metric| i64::from(metric.series));
                unknown.insert(bound - count(tx, tenant, metric, *month).await?)
            }
        };
        if *left > 0 {
            *left -= 1;
            admitted.push(series.clone());
        }
    }
    let (metrics, months, dimensions) = columns(admitted.iter());
    sqlx::query!(
        "insert into control.usage_series (tenant_id, metric, month, dimensions)
         select $1, metric, month, dimensions::jsonb
         from unnest($2::text[], $3::timestamptz[], $4::text[]) as admitted(metric, month, dimensions)
         on conflict do nothing",
        tenant as _,
        &metrics,
        &months as _,
        &dimensions
    )
    .execute(tx.conn())
    .await?;
    Ok(admitted)
}

async fn count(
    tx: &mut ControlTx,
    tenant: TenantId,
    metric: &MetricName,
    month: Timestamp,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from control.usage_series where tenant_id = $1 and metric = $2 and month = $3"#,
        tenant as _,
        metric.as_str(),
        month as _
    )
    .fetch_one(tx.conn())
    .await
}

fn columns<'a>(series: impl Iterator<Item = &'a Series>) -> (Vec<String>, Vec<Timestamp>, Vec<String>) {
    let mut columns = (Vec::new(), Vec::new(), Vec::new());
    for (metric, month, dimensions) in series {
        columns.0.push(metric.as_str().to_owned());
        columns.1.push(*month);
        columns.2.push(dimensions.as_str().to_owned());
    }
    columns
}
