//! What a quota's thresholds are in its own unit.

use crate::quotas::Quota;

/// A threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    /// In percent.
    pub(crate) percent: u32,
    /// From so much on.
    pub(crate) at: u64,
}

/// What thresholds of this quota are percent of; none where nothing is limited, or nothing allowed.
pub(crate) fn basis(quota: &Quota) -> Option<u64> {
    let basis = quota.limit.at_most().or(quota.soft_limit)?;
    (basis > 0).then_some(basis)
}

/// The quota's thresholds, lowest first.
pub(crate) fn steps(quota: &Quota, percents: &[u32]) -> Vec<Step> {
    let Some(basis) = basis(quota) else {
        return Vec::new();
    };
    let of = |percent: u32| Step {
        percent,
        at: share(basis, percent),
    };
    let soft = quota.soft_limit.filter(|soft| *soft > 0).map(|soft| Step {
        percent: u32::try_from(u128::from(soft) * 100 / u128::from(basis))
            .map_or(u32::MAX, |percent| percent.max(1)),
        at: soft,
    });
    let mut steps: Vec<_> = percents.iter().copied().map(of).chain(soft).collect();
    steps.sort_unstable_by_key(|step| (step.percent, step.at));
    steps.dedup_by_key(|step| step.percent);
    steps
}

/// So many percent, rounded up: 80 % of 1 is 1.
fn share(basis: u64, percent: u32) -> u64 {
    let share = (u128::from(basis) * u128::from(percent)).div_ceil(100);
    u64::try_from(share).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use tenants::plans::Limit;

    use super::*;
    use crate::metrics::BuiltIn;
    use crate::periods::Period;
    use crate::quotas::Mode;

    fn found(limit: i64, soft_limit: Option<u64>, percents: &[u32]) -> Vec<(u32, u64)> {
        let quota = Quota {
            metric: BuiltIn::ApiCalls.into(),
            limit: Limit::new(limit).expect("a limit"),
            period: Period::Daily,
            soft_limit,
            mode: Mode::Hard,
        };
        let steps = steps(&quota, percents);
        steps.iter().map(|step| (step.percent, step.at)).collect()
    }

    #[test]
    fn thresholds_are_shares_of_the_limit_and_the_soft_limit() {
        assert_eq!(found(1000, None, &[100, 80]), [(80, 800), (100, 1000)]);
        assert_eq!(found(3, None, &[80, 100]), [(80, 3), (100, 3)]);
        assert_eq!(found(1000, Some(333), &[80]), [(33, 333), (80, 800)]);
        assert_eq!(found(1000, Some(800), &[80]), [(80, 800)]);
        assert_eq!(found(1_000_000, Some(1), &[]), [(1, 1)]);
        assert_eq!(found(-1, Some(50), &[80, 100]), [(80, 40), (100, 50)]);
        assert_eq!(found(-1, None, &[80, 100]), []);
        assert_eq!(
            found(0, None, &[80, 100]),
            [],
            "nothing is allowed, and nothing to be told"
        );
        assert_eq!(found((1 << 53) - 1, None, &[1000])[0].1, ((1 << 53) - 1) * 10);
    }
}
