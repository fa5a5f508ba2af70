use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().expect(text)
}

fn calendar(zone: &str, day: i16) -> Calendar {
    Calendar::new(zone, day).expect(zone)
}

fn shown(calendar: &Calendar, period: Period, instant: &str) -> [String; 2] {
    let span = calendar.span(period, at(instant));
    [span.starts_at, span.ends_at].map(|edge| edge.to_string().replace(":00.000Z", "Z"))
}

#[test]
fn days_and_months_of_utc() {
    let utc = Calendar::utc();
    for (period, instant, start, end) in [
        (
            Period::Daily,
            "2026-03-05T10:42:00Z",
            "2026-03-05T00:00Z",
            "2026-03-06T00:00Z",
        ),
        (
            Period::Daily,
            "2026-03-05T00:00:00Z",
            "2026-03-05T00:00Z",
            "2026-03-06T00:00Z",
        ),
        (
            Period::Daily,
            "2026-03-04T23:59:59.999Z",
            "2026-03-04T00:00Z",
            "2026-03-05T00:00Z",
        ),
        (
            Period::Monthly,
            "2024-02-29T12:00:00Z",
            "2024-02-01T00:00Z",
            "2024-03-01T00:00Z",
        ),
        (
            Period::Monthly,
            "2026-12-31T23:59:59Z",
            "2026-12-01T00:00Z",
            "2027-01-01T00:00Z",
        ),
    ] {
        assert_eq!(shown(&utc, period, instant), [start, end], "{instant}");
    }
    assert!(utc.is_utc() && calendar("UTC", 1).is_utc() && !calendar("UTC", 2).is_utc());
}

#[test]
fn a_month_without_the_anchor_day_begins_on_its_last() {
    let month_end = calendar("UTC", 31);
    for (instant, start, end) in [
        ("2026-01-31T00:00:00Z", "2026-01-31T00:00Z", "2026-02-28T00:00Z"),
        ("2026-02-27T23:59:59Z", "2026-01-31T00:00Z", "2026-02-28T00:00Z"),
        ("2026-02-28T00:00:00Z", "2026-02-28T00:00Z", "2026-03-31T00:00Z"),
        ("2024-02-28T23:00:00Z", "2024-01-31T00:00Z", "2024-02-29T00:00Z"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00Z", "2024-03-31T00:00Z"),
        ("2026-04-30T00:00:00Z", "2026-04-30T00:00Z", "2026-05-31T00:00Z"),
    ] {
        assert_eq!(
            shown(&month_end, Period::Monthly, instant),
            [start, end],
            "{instant}"
        );
    }
}

#[test]
fn days_when_the_clocks_change() {
    for (zone, instant, start, end) in [
        // 23 and 25 hours.
        (
            "Europe/Berlin",
            "2026-03-29T12:00:00Z",
            "2026-03-28T23:00Z",
            "2026-03-29T22:00Z",
        ),
        (
            "Europe/Berlin",
            "2026-10-25T12:00:00Z",
            "2026-10-24T22:00Z",
            "2026-10-25T23:00Z",
        ),
        // Midnight is skipped: the day begins at 01:00.
        (
            "America/Sao_Paulo",
            "2018-11-04T12:00:00Z",
            "2018-11-04T03:00Z",
            "2018-11-05T02:00Z",
        ),
        (
            "Asia/Beirut",
            "2024-03-31T12:00:00Z",
            "2024-03-30T22:00Z",
            "2024-03-31T21:00Z",
        ),
        // Midnight comes twice: the clocks go back from 00:00 to 23:00, or from 01:00 to 00:00.
        (
            "America/Sao_Paulo",
            "2018-02-18T02:30:00Z",
            "2018-02-17T02:00Z",
            "2018-02-18T03:00Z",
        ),
        (
            "America/Havana",
            "2018-11-04T05:30:00Z",
            "2018-11-04T04:00Z",
            "2018-11-05T05:00Z",
        ),
        // A minute after midnight the clocks went back to the day before, which does not begin again.
        (
            "America/St_Johns",
            "2010-11-07T03:00:00Z",
            "2010-11-07T02:30Z",
            "2010-11-08T03:30Z",
        ),
        // A day that never was (30 December 2011).
        (
            "Pacific/Apia",
            "2011-12-30T12:00:00Z",
            "2011-12-30T10:00Z",
            "2011-12-31T10:00Z",
        ),
        (
            "Asia/Kathmandu",
            "2026-05-05T18:15:00Z",
            "2026-05-05T18:15Z",
            "2026-05-06T18:15Z",
        ),
    ] {
        let found = shown(&calendar(zone, 1), Period::Daily, instant);
        assert_eq!(found, [start, end], "{zone} {instant}");
    }
}

#[test]
fn refuses_what_is_no_calendar() {
    assert_eq!(Calendar::new("Mars/Olympus", 1), Err(InvalidCalendar::Zone));
    for day in [0, 32, -1, 1000] {
        assert_eq!(Calendar::new("UTC", day), Err(InvalidCalendar::Day));
    }
}

const ZONES: [&str; 12] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",
    "America/Havana",
    "Asia/Beirut",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
    "America/St_Johns",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_instant_is_in_one_period(zone in 0..ZONES.len(), day in 1_i16..=31, seconds in 946_684_800_i64..2_500_000_000) {
        let calendar = calendar(ZONES[zone], day);
        let instant = Timestamp::from_micros(seconds * 1_000_000);
        for (period, least, most) in [(Period::Daily, 20, 28), (Period::Monthly, 27 * 24, 32 * 24)] {
            let span = calendar.span(period, instant);
            prop_assert!(span.contains(instant), "{span:?}");
            let hours = (span.ends_at.as_micros() - span.starts_at.as_micros()) / 3_600_000_000;
            prop_assert!((least..=most).contains(&hours), "{hours} h: {span:?}");
            // Both edges and the neighbours agree about where the border is.
            let last = Timestamp::from_micros(span.ends_at.as_micros() - 1);
            prop_assert_eq!(calendar.span(period, span.starts_at), span);
            prop_assert_eq!(calendar.span(period, last), span);
            prop_assert_eq!(calendar.span(period, span.ends_at).starts_at, span.ends_at);
            let before = Timestamp::from_micros(span.starts_at.as_micros() - 1);
            prop_assert_eq!(calendar.span(period, before).ends_at, span.starts_at);
        }
    }

    #[test]
    fn borders_are_on_quarters_of_an_hour(zone in 0..ZONES.len(), day in 1_i16..=31, seconds in 946_684_800_i64..2_500_000_000) {
        let span = calendar(ZONES[zone], day).span(Period::Monthly, Timestamp::from_micros(seconds * 1_000_000));
        prop_assert_eq!(span.starts_at.as_micros() % (900 * 1_000_000), 0);
        prop_assert!(calendar(ZONES[zone], day).span(Period::Total, span.starts_at.plus(Duration::from_secs(1))).contains(span.ends_at));
    }
}
