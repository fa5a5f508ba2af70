#![expect(
    clippy::inconsistent_digit_grouping,
    reason = "cents stand apart: 215_00 is 215.00"
)]

use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::money::{Currency, Exact};
use crate::periods::{Span, Zone};

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}
fn usd(amount: i64) -> Money {
    Money::new(amount, Currency::USD)
}
fn basis(mode: ProrationMode, zone: &str, from: (i16, i8, i8), to: (i16, i8, i8)) -> Basis {
    let zone: Zone = zone.parse().expect("a zone");
    let start = |(year, month, day)| zone.start_of(date(year, month, day)).expect("a time");
    Basis {
        whole: Span::new(start(from), start(to)),
        zone: zone.clone(),
        mode,
    }
}
fn rest(basis: &Basis, moment: &str) -> Exact {
    basis.remaining(at(moment))
}
fn of(part: i64, whole: i64) -> Exact {
    Exact::ratio(part, whole).expect("a fraction")
}

#[test]
fn days_are_the_calendars_days_of_the_zone_also_when_the_clocks_change() {
    // March 2024 in Berlin has 31 days, one of which has 23 hours.
    let days = basis(ProrationMode::Day, "Europe/Berlin", (2024, 3, 1), (2024, 4, 1));
    assert_eq!(rest(&days, "2024-03-30T23:00:00Z"), of(1, 31));
    assert_eq!(rest(&days, "2024-03-30T22:59:59Z"), of(2, 31));
    assert_eq!(rest(&days, "2024-03-31T21:59:59Z"), of(1, 31));
    assert_eq!(rest(&days, "2024-03-31T22:00:00Z"), of(0, 1));
    let seconds = basis(ProrationMode::Second, "Europe/Berlin", (2024, 3, 1), (2024, 4, 1));
    assert_eq!(
        rest(&seconds, "2024-03-30T23:00:00Z"),
        of(23 * 3600, 31 * 86_400 - 3600)
    );
}

#[test]
fn thirty_days_has_every_month_of_fixed_30() {
    for (from, to, moment, left) in [
        ((2024, 3, 1), (2024, 4, 1), "2024-03-05T00:00:00Z", of(26, 30)),
        ((2024, 3, 1), (2024, 4, 1), "2024-03-31T00:00:00Z", of(1, 30)),
        ((2024, 2, 1), (2024, 3, 1), "2024-02-29T00:00:00Z", of(1, 30)),
        ((2023, 1, 31), (2023, 2, 28), "2023-02-15T00:00:00Z", of(15, 30)),
        ((2024, 1, 1), (2025, 1, 1), "2024-07-01T00:00:00Z", of(180, 360)),
    ] {
        let basis = basis(ProrationMode::Fixed30, "UTC", from, to);
        assert_eq!(rest(&basis, moment), left, "{moment}");
    }
}

#[test]
fn nothing_is_left_of_what_is_over_and_all_of_what_has_not_begun() {
    for mode in [ProrationMode::Day, ProrationMode::Second, ProrationMode::Fixed30] {
        let basis = basis(mode, "UTC", (2024, 4, 1), (2024, 5, 1));
        assert_eq!(rest(&basis, "2023-01-01T00:00:00Z"), Exact::one());
        assert_eq!(rest(&basis, "2024-04-01T00:00:00Z"), Exact::one());
        assert_eq!(rest(&basis, "2024-05-01T00:00:00Z"), Exact::zero());
        assert_eq!(rest(&basis, "2025-01-01T00:00:00Z"), Exact::zero());
        assert_eq!(mode.name().parse::<ProrationMode>(), Ok(mode));
        assert_eq!(serde_json::to_value(mode).expect("JSON"), mode.name());
    }
}

#[test]
fn what_was_paid_after_a_coupon_comes_back_in_proportion() {
    let basis = basis(ProrationMode::Day, "UTC", (2024, 4, 1), (2024, 5, 1));
    let half = Charged {
        paid: usd(50_00),
        ..Charged::in_full(usd(100_00), basis.whole)
    };
    assert_eq!(half.credit(&basis, at("2024-04-16T00:00:00Z")), Ok(usd(25_00)));
    assert_eq!(half.credit(&basis, basis.whole.starts_at), Ok(usd(50_00)));
    let unpaid = Charged { paid: usd(0), ..half };
    assert_eq!(unpaid.credit(&basis, basis.whole.starts_at), Ok(usd(0)));
    let given_back = Charged {
        credited: usd(30_00),
        ..half
    };
    assert_eq!(given_back.credit(&basis, basis.whole.starts_at), Ok(usd(20_00)));
}

#[test]
fn to_change_and_back_on_one_day_costs_nothing() {
    let basis = basis(ProrationMode::Day, "UTC", (2024, 4, 1), (2024, 5, 1));
    let moment = at("2024-04-12T09:00:00Z");
    let small = Charged::in_full(usd(29_00), basis.whole);
    let up = change(&basis, &small, usd(99_00), moment).expect("a change");
    let large = Charged {
        price: usd(99_00),
        span: Span::new(moment, basis.whole.ends_at),
        amount: up.charge,
        paid: up.charge,
        credited: usd(0),
    };
    let down = change(&basis, &large, usd(29_00), at("2024-04-12T17:00:00Z")).expect("a change");
    assert_eq!(up.net.checked_add(down.net), Ok(usd(0)));
}

#[test]
fn more_seats_in_mid_period_cost_their_part_of_it() {
    // Ten at 3.00 become eleven with ten of thirty days left.
    let basis = basis(ProrationMode::Day, "UTC", (2024, 4, 1), (2024, 5, 1));
    let ten = Charged::in_full(usd(30_00), basis.whole);
    let more = change(&basis, &ten, usd(33_00), at("2024-04-21T12:00:00Z")).expect("a change");
    assert_eq!(
        (more.credit, more.charge, more.net),
        (usd(10_00), usd(11_00), usd(1_00))
    );
}

#[test]
fn cancelled_by_seconds_is_used_to_the_second() {
    let basis = basis(ProrationMode::Second, "UTC", (2024, 4, 1), (2024, 5, 1));
    let charged = Charged::in_full(usd(30_00), basis.whole);
    assert_eq!(
        cancellation(&basis, &charged, at("2024-04-01T12:00:00Z")),
        Ok(usd(29_50))
    );
    assert_eq!(cancellation(&basis, &charged, basis.whole.ends_at), Ok(usd(0)));
}

#[test]
fn a_whole_of_less_than_a_day_is_used_up_at_its_end() {
    let short = Basis {
        whole: Span::new(at("2024-04-01T10:00:00Z"), at("2024-04-01T11:00:00Z")),
        ..basis(ProrationMode::Day, "UTC", (2024, 4, 1), (2024, 5, 1))
    };
    assert_eq!(short.share(usd(7), short.whole), Ok(usd(7)));
    assert_eq!(short.counted(short.whole), Counted { part: 0, whole: 0 });
}

fn any_basis() -> impl Strategy<Value = Basis> {
    let modes = [ProrationMode::Day, ProrationMode::Second, ProrationMode::Fixed30];
    let zones = [
        "UTC",
        "America/New_York",
        "Europe/Berlin",
        "Pacific/Apia",
        "America/St_Johns",
    ];
    (
        0_i64..4_000_000_000,
        1_i64..40_000_000,
        prop::sample::select(modes.to_vec()),
        prop::sample::select(zones.to_vec()),
    )
        .prop_map(|(start, length, mode, zone)| {
            let instant = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
            Basis {
                whole: Span::new(instant(start), instant(start + length)),
                zone: zone.parse().expect("a zone"),
                mode,
            }
        })
}

/// Instants of the whole and around it, in millionths of it.
fn cut(basis: &Basis, millionths: &[i64]) -> Vec<Timestamp> {
    let (start, end) = (basis.whole.starts_at.as_micros(), basis.whole.ends_at.as_micros());
    let at = |part: &i64| Timestamp::from_micros(start + (end - start) / 1_000_000 * part);
    millionths.iter().map(at).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn segments_sum_to_the_whole_and_are_within_a_cent_of_exact(
        basis in any_basis(),
        price in any::<i64>(),
        cuts in prop::collection::vec(-100_000_i64..1_100_000, 0..8),
    ) {
        let price = usd(price);
        let segments = basis.split(price, &cut(&basis, &cuts)).expect("amounts");
        let sum = Money::sum(Currency::USD, segments.iter().map(|(_, amount)| *amount));
        prop_assert_eq!(sum, Ok(price));
        for (span, amount) in segments {
            let exact = &price.exact() * &basis.fraction(span);
            let off = &amount.exact() - &exact;
            prop_assert!(off <= Exact::one() && -&off <= Exact::one());
            prop_assert!(amount.amount.signum() * price.amount.signum() >= 0);
        }
    }

    #[test]
    fn what_remains_never_grows(basis in any_basis(), first in -100_000_i64..1_100_000, later in 0_i64..1_100_000) {
        let moments = cut(&basis, &[first, first + later]);
        let (before, after) = (basis.remaining(moments[0]), basis.remaining(moments[1]));
        prop_assert!(after <= before && before <= Exact::one() && !after.is_negative());
    }

    /// Each plan is paid for its part of the period, whoever else was before and after it.
    #[test]
    fn all_changes_together_cost_what_the_segments_cost(
        basis in any_basis(),
        prices in prop::collection::vec(0_i64..10_000_000, 1..6),
        mut cuts in prop::collection::vec(0_i64..1_000_000, 5),
    ) {
        cuts.sort_unstable();
        let moments = cut(&basis, &cuts);
        let mut now = Charged::in_full(usd(prices[0]), basis.whole);
        let (mut paid, mut segments, mut since) = (prices[0], 0, basis.whole.starts_at);
        for (price, moment) in prices[1..].iter().zip(moments) {
            let change = change(&basis, &now, usd(*price), moment).expect("a change");
            paid += change.net.amount;
            segments += basis.share(now.price, Span::new(since, moment)).expect("an amount").amount;
            since = moment;
            now = Charged {
                span: Span::new(moment, basis.whole.ends_at),
                amount: change.charge,
                paid: change.charge,
                ..Charged::in_full(usd(*price), basis.whole)
            };
        }
        segments += basis.rest(now.price, since).expect("an amount").amount;
        prop_assert_eq!(paid, segments);
    }

    /// However often a plan is changed within a period, and whatever part of each charge was paid, never more is given back
    /// than was paid.
    #[test]
    fn credits_are_never_above_what_was_paid(
        basis in any_basis(),
        prices in prop::collection::vec((0_i64..10_000_000, 0_i64..=100), 1..6),
        mut cuts in prop::collection::vec(0_i64..1_000_000, 5),
    ) {
        cuts.sort_unstable();
        let moments = cut(&basis, &cuts);
        let paid_part = |amount: Money, percent: i64| Money::new(amount.amount * percent / 100, Currency::USD);
        let (first, percent) = prices[0];
        let mut now = Charged { paid: paid_part(usd(first), percent), ..Charged::in_full(usd(first), basis.whole) };
        for ((price, percent), moment) in prices[1..].iter().zip(moments) {
            let change = change(&basis, &now, usd(*price), moment).expect("a change");
            prop_assert!(!change.credit.is_negative() && change.credit.amount <= now.paid.amount);
            prop_assert_eq!(change.charge.checked_sub(change.credit), Ok(change.net));
            let again = Charged { credited: change.credit, ..now };
            let second = again.credit(&basis, moment).expect("a credit");
            prop_assert!(change.credit.amount + second.amount <= now.paid.amount);
            now = Charged {
                price: usd(*price),
                span: Span::new(moment, basis.whole.ends_at),
                amount: change.charge,
                paid: paid_part(change.charge, *percent),
                credited: usd(0),
            };
        }
    }

    #[test]
    fn the_tax_of_all_credits_is_the_tax_of_the_charge(
        charge in 1_i64..1_000_000_000, percent in 0_i64..30, parts in prop::collection::vec(1_i64..1000, 1..6),
    ) {
        let tax = usd(charge).times(&Exact::ratio(percent, 100).expect("a fraction")).expect("tax");
        let weights: Vec<Exact> = parts.iter().map(|part| Exact::from(*part)).collect();
        let credits = crate::money::apportion(charge, &weights).expect("weights");
        let (mut before, mut given_back) = (usd(0), usd(0));
        for credit in credits {
            let part = tax_of_credit((usd(charge), tax), (before, given_back), usd(credit)).expect("tax");
            prop_assert!(!part.is_negative());
            given_back = given_back.checked_add(part).expect("a sum");
            before = before.checked_add(usd(credit)).expect("a sum");
        }
        prop_assert_eq!(given_back, tax);
    }

    /// Credits that were reckoned otherwise, tax included, leave no more and no less than what is left.
    #[test]
    fn whatever_was_credited_before_no_more_than_the_tax_goes_back(
        charge in 1_i64..100_000, percent in 0_i64..30, before in 0_i64..=100, off in -1_i64..=1, part in 0_i64..=100,
    ) {
        let tax = charge * percent / 100;
        let net = charge * before / 100;
        let credited = (tax * before / 100 + off).clamp(0, tax);
        let credit = (charge - net) * part / 100;
        let back = tax_of_credit((usd(charge), usd(tax)), (usd(net), usd(credited)), usd(credit)).expect("tax");
        prop_assert!(!back.is_negative() && credited + back.amount <= tax);
        let rest = usd(charge - net - credit);
        let gone = (usd(net + credit), usd(credited + back.amount));
        let last = tax_of_credit((usd(charge), usd(tax)), gone, rest).expect("tax");
        prop_assert_eq!(credited + back.amount + last.amount, tax);
    }
}
