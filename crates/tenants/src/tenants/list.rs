//! Lists of tenants: filtered, in a stable order, by the page.
//!
//! A page is found by the key of the row before it, in an index that has the order; its cost grows neither with its
//! position nor, unfiltered, with the number of tenants. Removed tenants are listed only when asked for.

use isolation::{ControlTx, IsolationStrategy, Tx};
use kernel::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::{Postgres, QueryBuilder};

use super::model::Tenant;
use super::row::Row;
use super::status::Status;
use crate::plans::PlanId;

/// What is looked for; what is left out does not matter.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    /// In this status.
    pub status: Option<Status>,
    /// On this plan.
    pub plan: Option<PlanId>,
    /// Walled off in this way.
    pub isolation_strategy: Option<IsolationStrategy>,
    /// Whose name, slug or identifier begins so, whatever the case.
    pub q: Option<String>,
    /// Ordered at this time or later.
    pub created_after: Option<Timestamp>,
    /// Ordered before this time.
    pub created_before: Option<Timestamp>,
    /// On a trial that ends within so many days.
    pub trial_ending_days: Option<u16>,
    /// Whose subscription ends within so many days.
    pub subscription_ending_days: Option<u16>,
}

/// The order of a list. The identifier decides between equals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub enum Sort {
    /// Oldest first.
    #[serde(rename = "createdAt")]
    OldestFirst,
    /// Newest first.
    #[default]
    #[serde(rename = "-createdAt")]
    NewestFirst,
    /// By name, whatever the case.
    #[serde(rename = "name")]
    Name,
    /// By name, backwards.
    #[serde(rename = "-name")]
    NameBackwards,
}

/// Where a page ended, in one of the orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Position {
    /// In an order by time.
    #[serde(rename = "t")]
    Created {
        /// Microseconds since the epoch.
        at: i64,
        /// The last tenant.
        id: TenantId,
    },
    /// In an order by name.
    #[serde(rename = "n")]
    Name {
        /// The last name.
        name: String,
        /// The last tenant.
        id: TenantId,
    },
}

/// Which page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// Tenants at most; ask for one more than is shown to learn whether there is another page.
    pub limit: i64,
    /// After this position.
    pub after: Option<Position>,
}

/// A page cannot be answered.
#[derive(Debug, thiserror::Error)]
pub enum ListTenantsError {
    /// The position belongs to a list in another order.
    #[error("the cursor belongs to a list in another order")]
    ForeignPosition,
    /// The database refused or did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl Tenant {
    /// The position after this tenant.
    pub fn position(&self, sort: Sort) -> Position {
        match sort {
            Sort::OldestFirst | Sort::NewestFirst => Position::Created {
                at: self.created_at.as_micros(),
                id: self.id,
            },
            Sort::Name | Sort::NameBackwards => Position::Name {
                name: self.name.to_string(),
                id: self.id,
            },
        }
    }
}

/// The tenants that match.
pub async fn list(
    tx: &mut ControlTx,
    filter: &Filter,
    sort: Sort,
    page: PageRequest,
) -> Result<Vec<Tenant>, ListTenantsError> {
    let mut query = QueryBuilder::new("");
    push_list(&mut query, filter, sort, page, tx.now())?;
    // Planned for its own values each time: a plan for any values would not use the indexes that these allow.
    let rows: Vec<Row> = query
        .build_query_as()
        .persistent(false)
        .fetch_all(tx.conn())
        .await?;
    Ok(rows.into_iter().map(Tenant::from).collect())
}

/// The whole statement.
pub(super) fn push_list(
    query: &mut QueryBuilder<Postgres>,
    filter: &Filter,
    sort: Sort,
    page: PageRequest,
    now: Timestamp,
) -> Result<(), ListTenantsError> {
    query.push(
        "select id, name, slug, status, plan, billing_cycle, isolation_strategy, custom_domain, region,
                feature_overrides, limit_overrides, settings, version, created_at, updated_at, trial_ends_at,
                suspended_at, suspension_reason, canceled_at, subscription_ends_at, deletion_requested_at, purge_at,
                deleted_at, resume_status
         from control.tenants where true",
    );
    push_filter(query, filter, now);
    if let Some(q) = &filter.q {
        push_search(query, q);
    }
    if let Some(after) = page.after {
        push_position(query, sort, after)?;
    }
    query.push(match sort {
        Sort::OldestFirst => " order by created_at, id",
        Sort::NewestFirst => " order by created_at desc, id desc",
        Sort::Name => " order by lower(name), id",
        Sort::NameBackwards => " order by lower(name) desc, id desc",
    });
    query.push(" limit ").push_bind(page.limit);
    Ok(())
}

fn push_filter(query: &mut QueryBuilder<Postgres>, filter: &Filter, now: Timestamp) {
    // Written out, not bound: the indexes are on the tenants that are not removed, and the planner has to see it.
    if filter.status != Some(Status::Deleted) {
        query.push(" and status <> 'deleted'");
    }
    if let Some(status) = filter.status {
        query.push(" and status = ").push_bind(status);
    }
    if let Some(plan) = filter.plan {
        query.push(" and plan = ").push_bind(plan);
    }
    if let Some(strategy) = filter.isolation_strategy {
        query.push(" and isolation_strategy = ").push_bind(strategy);
    }
    if let Some(from) = filter.created_after {
        query.push(" and created_at >= ").push_bind(from);
    }
    if let Some(to) = filter.created_before {
        query.push(" and created_at < ").push_bind(to);
    }
    if let Some(days) = filter.trial_ending_days {
        query
            .push(" and status = 'trial' and trial_ends_at <= ")
            .push_bind(now.plus_days(days.into()));
    }
    if let Some(days) = filter.subscription_ending_days {
        query.push(" and subscription_ends_at >= ").push_bind(now);
        query
            .push(" and subscription_ends_at <= ")
            .push_bind(now.plus_days(days.into()));
    }
}

fn push_search(query: &mut QueryBuilder<Postgres>, q: &str) {
    let start = starts_with(q);
    query
        .push(" and (lower(name) like lower(")
        .push_bind(start.clone());
    query.push(") or slug like lower(").push_bind(start).push(")");
    if let Some((first, last)) = id_range(q) {
        query.push(" or id between ").push_bind(first);
        query.push(" and ").push_bind(last);
    }
    query.push(")");
}

/// A LIKE pattern for what begins with this text itself.
fn starts_with(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        if matches!(c, '\\' | '%' | '_') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// The first and last identifier that begin so: printed identifiers sort as the stored ones do.
fn id_range(text: &str) -> Option<(TenantId, TenantId)> {
    let text = text.to_ascii_lowercase();
    let digits = text
        .strip_prefix("tenant_")
        .filter(|digits| (1..=26).contains(&digits.len()))?;
    let filled = |filler: &str| {
        format!("tenant_{digits}{}", filler.repeat(26 - digits.len()))
            .parse()
            .ok()
    };
    Some((filled("0")?, filled("z")?))
}

fn push_position(
    query: &mut QueryBuilder<Postgres>,
    sort: Sort,
    after: Position,
) -> Result<(), ListTenantsError> {
    match (sort, after) {
        (Sort::OldestFirst | Sort::NewestFirst, Position::Created { at, id }) => {
            let comparison = if sort == Sort::OldestFirst {
                " and (created_at, id) > ("
            } else {
                " and (created_at, id) < ("
            };
            query.push(comparison).push_bind(Timestamp::from_micros(at));
            query.push(", ").push_bind(id).push(")");
        }
        (Sort::Name | Sort::NameBackwards, Position::Name { name, id }) => {
            let comparison = if sort == Sort::Name {
                " and (lower(name), id) > (lower("
            } else {
                " and (lower(name), id) < (lower("
            };
            query.push(comparison).push_bind(name);
            query.push("), ").push_bind(id).push(")");
        }
        _ => return Err(ListTenantsError::ForeignPosition),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searches_for_the_text_itself() {
        assert_eq!(starts_with(r"50%_\o"), r"50\%\_\\o%");
    }

    #[test]
    fn an_identifier_is_found_by_how_it_begins() {
        let id: TenantId = "tenant_01h455vb4pex5vsknk084sn02q".parse().expect("well formed");
        for start in [
            "tenant_0",
            "tenant_01h455vb4",
            "TENANT_01H455VB4",
            "tenant_01h455vb4pex5vsknk084sn02q",
        ] {
            let (first, last) = id_range(start).expect(start);
            assert!(first <= id && id <= last, "{start}");
        }
        let (first, last) = id_range("tenant_01h455vb5").expect("well formed");
        assert!(id < first && first < last);
        for text in [
            "tenant_",
            "tenant_8",
            "tenant_u",
            "acme",
            "tenant_01h455vb4pex5vsknk084sn02qq",
            "tenant_é",
        ] {
            assert_eq!(id_range(text), None, "{text}");
        }
    }
}
