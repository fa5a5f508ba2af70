//! The facts that other billing systems publish, one test each: what is promised about money, in numbers.

#![expect(
    clippy::inconsistent_digit_grouping,
    reason = "cents stand apart: 215_00 is 215.00"
)]

use jiff::civil::date;
use kernel::Timestamp;
use pricing::document::{Item, totals};
use pricing::proration::{Basis, Charged, ProrationMode, cancellation, change, tax_of_credit};
use pricing::tax::{Tax, TaxBehaviour};
use pricing::{
    Alignment, Anchor, Currency, Decimal, Discount, Interval, Money, Periods, Price, Quantity, Span, Zone,
};

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn usd(amount: i64) -> Money {
    Money::new(amount, Currency::USD)
}

fn periods(anchor: &str, interval: Interval, alignment: Alignment) -> Periods {
    Periods::new(Anchor::new(at(anchor), Zone::UTC), interval, alignment)
}

fn charged_for_the_first(periods: &Periods, price: Money, mode: ProrationMode) -> Money {
    let first = periods.nth(0).expect("a period");
    let basis = Basis::of(&first, Zone::UTC, mode);
    basis.share(price, first.span).expect("an amount")
}

fn price(model: &str) -> Price {
    let mut members: serde_json::Value = serde_json::from_str(model).expect("JSON");
    members["currency"] = "USD".into();
    serde_json::from_value(members).expect("a price")
}

fn costs(price: &Price, quantity: u32) -> i64 {
    price.rate(Quantity::from(quantity)).expect("rated").amount.amount
}

/// Thirty days, from the first instant of 1 April.
fn april(mode: ProrationMode) -> Basis {
    Basis {
        whole: Span::new(at("2024-04-01T00:00:00Z"), at("2024-05-01T00:00:00Z")),
        zone: Zone::UTC,
        mode,
    }
}

#[test]
fn ten_a_month_by_the_calendar_from_5_march_2024_costs_8_71() {
    let periods = periods("2024-03-05T00:00:00Z", Interval::MONTH, Alignment::Calendar);
    let first = charged_for_the_first(&periods, usd(10_00), ProrationMode::Day);
    assert_eq!(first, usd(8_71));
}

#[test]
fn fifty_thousand_a_month_after_ten_days_of_trial_from_5_march_2024_costs_27_419_35() {
    let started = at("2024-03-05T00:00:00Z");
    let trial_ends = Zone::UTC.days_after(started, 10).expect("a time");
    let periods = periods(&trial_ends.to_string(), Interval::MONTH, Alignment::Calendar);
    let first = charged_for_the_first(&periods, usd(50_000_00), ProrationMode::Day);
    assert_eq!(first, usd(27_419_35));
}

#[test]
fn prepaid_200_with_25_percent_tax_cancelled_on_day_1_of_30_gives_193_33_and_48_33_back() {
    let basis = april(ProrationMode::Day);
    let charged = Charged::in_full(usd(200_00), basis.whole);
    for moment in ["2024-04-01T00:00:00Z", "2024-04-01T17:00:00Z"] {
        let credit = cancellation(&basis, &charged, at(moment)).expect("a credit");
        let tax = tax_of_credit((usd(200_00), usd(50_00)), (usd(0), usd(0)), credit).expect("tax");
        assert_eq!((credit, tax), (usd(193_33), usd(48_33)), "{moment}");
        assert_eq!(credit.checked_add(tax), Ok(usd(241_66)));
    }
}

#[test]
fn a_year_from_29_february_2024_ends_with_27_february_2025_and_the_next_begins_on_the_28th() {
    let periods = periods("2024-02-29T00:00:00Z", Interval::YEAR, Alignment::Anniversary);
    let days: Vec<_> = periods
        .from(0)
        .take(6)
        .map(|period| Zone::UTC.day_of(period.span.starts_at))
        .collect();
    let expected = [
        date(2024, 2, 29),
        date(2025, 2, 28),
        date(2026, 2, 28),
        date(2027, 2, 28),
        date(2028, 2, 29),
        date(2029, 2, 28),
    ];
    assert_eq!(days, expected);
    let first = periods.nth(0).expect("a period").span;
    assert!(first.contains(at("2025-02-27T23:59:59.999Z")));
    assert_eq!(first.ends_at, at("2025-02-28T00:00:00Z"));
}

#[test]
fn a_month_from_31_january_is_followed_by_the_end_of_february_and_by_31_march() {
    for (year, february) in [(2023, 28), (2024, 29)] {
        let anchor = format!("{year}-01-31T00:00:00Z");
        let periods = periods(&anchor, Interval::MONTH, Alignment::Anniversary);
        let days: Vec<_> = periods
            .from(0)
            .take(5)
            .map(|period| Zone::UTC.day_of(period.span.starts_at))
            .collect();
        let expected = [(1, 31), (2, february), (3, 31), (4, 30), (5, 31)];
        assert_eq!(days, expected.map(|(month, day)| date(year, month, day)));
    }
}

#[test]
fn graduated_to_5_at_10_and_100_then_at_5_and_50_costs_215_for_8() {
    let price = price(
        r#"{"model": "graduated", "tiers": [
            {"upTo": "5", "amount": "10", "flat": "100"}, {"amount": "5", "flat": "50"}]}"#,
    );
    assert_eq!(costs(&price, 8), 215_00);
}

#[test]
fn volume_to_10_at_5_and_100_then_at_2_and_50_costs_80_for_15() {
    let price = price(
        r#"{"model": "volume", "tiers": [
            {"upTo": "10", "amount": "5", "flat": "100"}, {"amount": "2", "flat": "50"}]}"#,
    );
    assert_eq!(costs(&price, 15), 80_00);
}

#[test]
fn a_hundred_for_each_10_with_5_free_costs_nothing_for_3_and_100_for_12() {
    let price = price(r#"{"model": "package", "size": "10", "amount": "100", "free": "5"}"#);
    assert_eq!((costs(&price, 3), costs(&price, 12)), (0, 100_00));
}

#[test]
fn billing_day_31_in_advance_from_31_january_2017_has_begun_3_periods_on_31_march() {
    let periods = periods("2017-01-31T00:00:00Z", Interval::MONTH, Alignment::MonthDay(31));
    assert_eq!(periods.begun_by(at("2017-03-31T00:00:00Z")).count(), 3);
    assert_eq!(periods.begun_by(at("2017-03-30T23:59:59.999Z")).count(), 2);
    assert!(periods.from(0).take(24).all(|period| !period.is_partial()));
}

#[test]
fn from_5_to_20_after_1_of_30_days_gives_4_83_back_and_costs_19_33_more() {
    for mode in [ProrationMode::Day, ProrationMode::Second, ProrationMode::Fixed30] {
        let basis = april(mode);
        let old = Charged::in_full(usd(5_00), basis.whole);
        let change = change(&basis, &old, usd(20_00), at("2024-04-02T00:00:00Z")).expect("a change");
        let shown = (change.credit, change.charge, change.net);
        assert_eq!(shown, (usd(4_83), usd(19_33), usd(14_50)), "{mode:?}");
    }
}

#[test]
fn half_up_10_275_usd_is_10_28_and_1000_5_jpy_is_1001() {
    let round = |text: &str, currency| {
        let decimal: Decimal = text.parse().expect("a decimal");
        Money::from_decimal(decimal, currency).expect("money")
    };
    assert_eq!(round("10.275", Currency::USD), usd(10_28));
    assert_eq!(round("1000.5", Currency::JPY), Money::new(1001, Currency::JPY));
    // A credit is rounded as the charge that it takes back.
    assert_eq!(round("-10.275", Currency::USD), usd(-10_28));
    assert_eq!(round("-1000.5", Currency::JPY), Money::new(-1001, Currency::JPY));
    assert_eq!(round("0.0005", Currency::KWD), Money::new(1, Currency::KWD));
}

#[test]
fn fees_of_100_50_30_and_20_with_a_coupon_of_10_have_19_00_of_tax_and_209_00_in_total() {
    let taxed = |percent: i64| {
        vec![Tax {
            name: "VAT".to_owned(),
            place: "DE".parse().expect("a place"),
            percent: Decimal::whole(percent),
        }]
    };
    let items = [
        Item::fee(usd(100_00), taxed(10)),
        Item::fee(usd(50_00), taxed(0)),
        Item::fee(usd(30_00), taxed(20)),
        Item::fee(usd(20_00), taxed(20)),
    ];
    let coupon = [Discount::Amount(usd(10_00))];
    let document = totals(Currency::USD, &items, &coupon, TaxBehaviour::Exclusive).expect("totals");
    assert_eq!(
        (document.net, document.tax, document.total),
        (usd(190_00), usd(19_00), usd(209_00))
    );
    let by_tax: Vec<_> = document
        .taxes
        .iter()
        .map(|tax| (tax.base.amount, tax.amount.amount))
        .collect();
    assert_eq!(by_tax, [(95_00, 9_50), (47_50, 0), (47_50, 9_50)]);
}
