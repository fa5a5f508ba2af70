//! Samples of the two sides of a ratio.

use std::time::Duration;

/// What one side took or did, a number each round.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn add(&mut self, sample: f64) {
        self.0.push(sample);
    }

    pub(crate) fn add_time(&mut self, time: Duration) {
        self.add(milliseconds(time));
    }

    pub(crate) fn median(&self) -> f64 {
        let sorted = self.sorted();
        let (low, high) = (sorted.len().saturating_sub(1) / 2, sorted.len() / 2);
        f64::midpoint(
            sorted.get(low).copied().unwrap_or(f64::NAN),
            sorted.get(high).copied().unwrap_or(f64::NAN),
        )
    }

    /// What so many of a hundred are at most.
    pub(crate) fn percentile(&self, hundredths: usize) -> f64 {
        let sorted = self.sorted();
        let place = (sorted.len() * hundredths).div_ceil(100).max(1);
        sorted.get(place - 1).copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn all(&self) -> &[f64] {
        &self.0
    }

    pub(crate) fn least(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    pub(crate) fn most(&self) -> f64 {
        self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// What the samples are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Times: less is better.
    Milliseconds,
    /// Tenants or requests in a second: more is better.
    PerSecond,
}

impl Unit {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Milliseconds => "ms",
            Self::PerSecond => "/s",
        }
    }
}

/// One line of a table: the product against something bare, or against itself under other circumstances.
#[derive(Debug, Clone)]
pub(crate) struct Comparison {
    /// What was measured.
    pub(crate) what: String,
    /// What it is held against.
    pub(crate) against: String,
    /// Of the samples.
    pub(crate) unit: Unit,
    /// The side that is looked at.
    pub(crate) product: Samples,
    /// The side that it is held against.
    pub(crate) bare: Samples,
    /// The largest ratio that is good enough.
    pub(crate) limit: f64,
    /// What is good enough by itself, whatever the ratio.
    pub(crate) enough: Option<f64>,
}

impl Comparison {
    /// How many times the effort the product takes; 1 is as fast.
    pub(crate) fn ratio(&self) -> f64 {
        match self.unit {
            Unit::Milliseconds => self.product.median() / self.bare.median(),
            Unit::PerSecond => self.bare.median() / self.product.median(),
        }
    }

    pub(crate) fn is_good(&self) -> bool {
        self.ratio() <= self.limit || self.enough.is_some_and(|enough| self.product.median() >= enough)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(values: &[f64]) -> Samples {
        Samples(values.to_vec())
    }

    fn text(number: f64) -> String {
        format!("{number:.2}")
    }

    #[test]
    fn the_median_lies_in_the_middle() {
        assert_eq!(text(samples(&[9.0, 1.0, 2.0]).median()), "2.00");
        assert_eq!(text(samples(&[4.0, 1.0, 2.0, 9.0]).median()), "3.00");
        assert_eq!(
            (
                text(samples(&[3.0, 1.0]).least()),
                text(samples(&[3.0, 1.0]).most())
            ),
            ("1.00".into(), "3.00".into())
        );
        assert!(Samples::default().median().is_nan());
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(text(samples(&hundred).percentile(99)), "99.00");
        assert_eq!(text(samples(&[5.0]).percentile(99)), "5.00");
    }

    #[test]
    fn a_ratio_above_one_means_that_the_product_is_slower() {
        let compare = |unit, product: f64, bare: f64| Comparison {
            what: String::new(),
            against: String::new(),
            unit,
            product: samples(&[product]),
            bare: samples(&[bare]),
            limit: 2.0,
            enough: None,
        };
        assert_eq!(text(compare(Unit::Milliseconds, 30.0, 10.0).ratio()), "3.00");
        assert_eq!(text(compare(Unit::PerSecond, 10.0, 30.0).ratio()), "3.00");
        assert!(compare(Unit::Milliseconds, 20.0, 10.0).is_good());
        let missed = compare(Unit::PerSecond, 150.0, 400.0);
        assert!(!missed.is_good());
        assert!(
            Comparison {
                enough: Some(100.0),
                ..missed
            }
            .is_good()
        );
    }
}
