//! What is to be added to the roll-ups, gathered and in order.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use kernel::{TenantId, Timestamp};

use super::bucket::Bucket;
use crate::amount::Amount;
use crate::metrics::MetricName;
use crate::periods::Calendar;

/// Everything that the aggregations need of a bucket. Adding commutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Events.
    pub count: i64,
    /// The sum of what they added.
    pub sum: Amount,
    /// The largest value.
    pub max: Option<Amount>,
    /// The latest value; of several at one time the largest.
    pub last: Option<Amount>,
    /// When that was.
    pub last_at: Option<Timestamp>,
    /// Different members.
    pub uniques: i64,
}

impl Totals {
    /// One event that adds so much.
    pub fn one(amount: Amount) -> Self {
        Self {
            count: 1,
            sum: amount,
            ..Self::default()
        }
    }

    /// One report of a level.
    pub fn level(amount: Amount, at: Timestamp) -> Self {
        Self {
            max: Some(amount),
            last: Some(amount),
            last_at: Some(at),
            ..Self::one(amount)
        }
    }

    /// Both together.
    pub fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.uniques += other.uniques;
        self.max = self.max.max(other.max);
        if (other.last_at, other.last) > (self.last_at, self.last) {
            (self.last_at, self.last) = (other.last_at, other.last);
        }
    }

    /// What takes these away again, as far as adding can: comparisons must be made anew.
    #[must_use]
    pub fn undone(&self) -> Self {
        Self {
            count: -self.count,
            sum: -self.sum,
            uniques: -self.uniques,
            ..Self::default()
        }
    }
}

static NONE: LazyLock<Arc<str>> = LazyLock::new(|| "{}".into());

/// What events are told apart by: a JSON object with sorted names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dimensions(Arc<str>);

impl Dimensions {
    /// Not told apart.
    pub fn none() -> Self {
        Self(Arc::clone(&NONE))
    }

    /// These names and values.
    pub fn new(values: &BTreeMap<String, String>) -> Self {
        if values.is_empty() {
            return Self::none();
        }
        let text = serde_json::to_string(values);
        Self(text.expect("a map of texts is JSON").into())
    }

    /// Each of these names is `other`.
    pub fn other(names: &[String]) -> Self {
        Self::new(
            &names
                .iter()
                .map(|name| (name.clone(), "other".to_owned()))
                .collect(),
        )
    }

    /// From a column that is such an object.
    pub(crate) fn of_column(value: &serde_json::Value) -> Self {
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let object = value.as_object();
        Self::new(
            &object
                .into_iter()
                .flatten()
                .map(|(name, value)| (name.clone(), text(value)))
                .collect(),
        )
    }

    /// What comes before all others in order.
    pub(crate) fn least() -> Self {
        Self("".into())
    }

    /// Whether there are none.
    pub fn is_none(&self) -> bool {
        *self.0 == *NONE.as_ref()
    }

    /// The JSON.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One row of a roll-up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) bucket: Bucket,
    pub(crate) tenant: TenantId,
    pub(crate) metric: MetricName,
    pub(crate) starts_at: Timestamp,
    pub(crate) dimensions: Dimensions,
}

/// What is to be added to each row, in the order in which rows are always touched.
#[derive(Debug, Clone, Default)]
pub struct Spread(pub(crate) BTreeMap<Row, Totals>);

impl Spread {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nothing is to be added.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds to every bucket that the instant is in.
    pub fn add(
        &mut self,
        tenant: TenantId,
        metric: &MetricName,
        at: Timestamp,
        dimensions: &Dimensions,
        totals: &Totals,
        calendar: &Calendar,
    ) {
        for &bucket in Bucket::of(calendar) {
            let own = matches!(bucket, Bucket::Daily | Bucket::Monthly);
            self.add_to(
                Row {
                    bucket,
                    tenant,
                    metric: metric.clone(),
                    starts_at: bucket.span(at, calendar).starts_at,
                    dimensions: if own {
                        Dimensions::none()
                    } else {
                        dimensions.clone()
                    },
                },
                totals,
            );
        }
    }

    /// Adds to one row.
    pub(crate) fn add_to(&mut self, row: Row, totals: &Totals) {
        self.0.entry(row).or_default().add(totals);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn totals() -> impl Strategy<Value = Totals> {
        (0_i64..5, -9_i64..9, 0_i64..4).prop_map(|(count, value, second)| Totals {
            count,
            ..Totals::level(Amount::whole(value), Timestamp::from_micros(second * 1_000_000))
        })
    }

    proptest! {
        #[test]
        fn the_order_changes_nothing(given in proptest::collection::vec(totals(), 0..8), rotate in 0_usize..8) {
            let sum = |items: &[Totals]| items.iter().fold(Totals::default(), |mut sum, item| { sum.add(item); sum });
            let mut other = given.clone();
            other.reverse();
            other.rotate_left(rotate.min(given.len()));
            prop_assert_eq!(sum(&given), sum(&other));
        }
    }

    #[test]
    fn dimensions_are_canonical() {
        let pairs = |pairs: &[(&str, &str)]| {
            Dimensions::new(
                &pairs
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                    .collect(),
            )
        };
        assert_eq!(
            pairs(&[("b", "1"), ("a", "\"")]).as_str(),
            r#"{"a":"\"","b":"1"}"#
        );
        assert!(pairs(&[]).is_none());
        let column = serde_json::json!({"b": "1", "a": "\""});
        assert_eq!(Dimensions::of_column(&column), pairs(&[("a", "\""), ("b", "1")]));
    }
}
