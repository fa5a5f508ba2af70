//! Adding up the events of a batch before they go into the roll-ups, where each row is found by comparing texts.

use std::collections::HashMap;

use kernel::{TenantId, Timestamp};

use super::candidate::Candidate;
use crate::metrics::MetricName;
use crate::periods::Calendar;
use crate::rollups::{Dimensions, Spread, Totals};

/// Whatever the time zone, hours, days and months begin on a quarter of an hour (there is a test of the periods for it).
const QUARTER: i64 = 15 * 60 * 1_000_000;

/// What the events of each metric, combination of dimensions and quarter of an hour add.
#[derive(Default)]
pub(super) struct Tally<'a>(HashMap<(&'a MetricName, &'a Dimensions, i64), Totals>);

impl<'a> Tally<'a> {
    pub(super) fn add(&mut self, event: &'a Candidate) {
        let quarter = event.time.as_micros().div_euclid(QUARTER);
        let key = (&event.metric, &event.dimensions, quarter);
        self.0.entry(key).or_default().add(&event.totals());
    }

    /// Adds it to the buckets.
    pub(super) fn spread(&self, tenant: TenantId, calendar: &Calendar, spread: &mut Spread) {
        for ((metric, dimensions, quarter), totals) in &self.0 {
            let at = Timestamp::from_micros(quarter * QUARTER);
            spread.add(tenant, metric, at, dimensions, totals, calendar);
        }
    }
}
