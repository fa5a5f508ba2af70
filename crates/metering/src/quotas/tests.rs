use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use kernel::Timestamp;
use proptest::prelude::*;
use tenants::plans::{Limit, PlanId};

use super::*;
use crate::amount::Amount;
use crate::metrics::{Aggregation, BuiltIn};
use crate::periods::{Calendar, Period, Span};

fn at(text: &str) -> Timestamp {
    text.parse().expect(text)
}

fn limited(limit: i64, period: Period, mode: Mode) -> Arc<Limited> {
    Arc::new(Limited {
        quota: Quota {
            metric: BuiltIn::ApiCalls.into(),
            limit: Limit::new(limit).expect("a limit"),
            period,
            soft_limit: None,
            mode,
        },
        aggregation: Aggregation::Sum,
    })
}

fn gauge(limit: i64, used: i64) -> Gauge {
    let (calendar, now) = (Calendar::utc(), at("2026-03-05T10:00:00Z"));
    Gauge::new(
        limited(limit, Period::Daily, Mode::Hard),
        calendar.span(Period::Daily, now),
        Amount::whole(used),
    )
}

#[test]
fn status_by_share_and_soft_limit() {
    let limit = |number| Limit::new(number).expect("a limit");
    for (used, most, soft, status) in [
        (0, 100, None, Status::Ok),
        (79, 100, None, Status::Ok),
        (80, 100, None, Status::Warning),
        (99, 100, None, Status::Warning),
        (100, 100, None, Status::Exceeded),
        (119, 100, None, Status::Exceeded),
        (120, 100, None, Status::Critical),
        (50, 100, Some(50), Status::Warning),
        (49, 100, Some(50), Status::Ok),
        (0, 0, None, Status::Exceeded),
        (1, 0, None, Status::Critical),
        (u64::MAX, -1, None, Status::Ok),
        (7, -1, Some(7), Status::Warning),
        (
            9_007_199_254_740_991,
            9_007_199_254_740_991,
            None,
            Status::Exceeded,
        ),
    ] {
        assert_eq!(
            Status::of(used, limit(most), soft),
            status,
            "{used} of {most}, soft {soft:?}"
        );
    }
}

#[test]
fn the_plans_limits_are_hard_quotas() {
    let limits = "free".parse::<PlanId>().expect("a plan").plan().limits;
    let quotas = of_plan(&limits);
    let shown: Vec<_> = quotas
        .iter()
        .map(|quota| (quota.metric.as_str(), quota.period, quota.limit.at_most()))
        .collect();
    assert_eq!(shown[0], ("api_calls", Period::Daily, Some(1000)));
    assert_eq!(shown[1], ("bandwidth", Period::Monthly, Some(10 << 30)));
    assert_eq!(shown[2], ("storage", Period::Total, Some(1 << 30)));
    assert_eq!(
        &shown[3..],
        [
            ("projects", Period::Total, Some(5)),
            ("users", Period::Total, Some(3))
        ]
    );
}

#[test]
fn a_hard_quota_refuses_and_a_soft_one_tells() {
    let (now, calendar) = (at("2026-03-05T10:00:00Z"), Calendar::utc());
    let hard = gauge(2, 1);
    assert!(hard.take(1, now, &calendar).is_ok());
    let refused = hard.take(1, now, &calendar).expect_err("it is used up");
    assert_eq!(
        (refused.current, refused.status, refused.allowed),
        (2, Status::Exceeded, false)
    );
    assert_eq!(refused.reset_at, Some(at("2026-03-06T00:00:00Z")));
    let soft = Gauge::new(
        limited(2, Period::Total, Mode::Soft),
        Span::always(),
        Amount::whole(2),
    );
    assert!(soft.take(1, now, &calendar).is_ok());
    let check = soft.check(now, &calendar);
    assert_eq!(
        (check.current, check.status, check.allowed, check.reset_at),
        (3, Status::Critical, true, None)
    );
    let unlimited = gauge(-1, 0);
    assert!(unlimited.take(u64::MAX >> 9, now, &calendar).is_ok());
}

#[test]
fn holds_are_committed_and_released() {
    let (now, calendar) = (at("2026-03-05T10:00:00Z"), Calendar::utc());
    let gauge = gauge(100, 0);
    let upload = gauge.take(60, now, &calendar).expect("there is room");
    assert!(gauge.take(60, now, &calendar).is_err());
    gauge.commit(upload, 45);
    assert_eq!(gauge.used(), 45);
    let other = gauge.take(55, now, &calendar).expect("the rest came back");
    gauge.release(other);
    assert_eq!(gauge.used(), 45);
    // What was given away in one period is not given back in another.
    let late = gauge.take(10, now, &calendar).expect("there is room");
    let tomorrow = at("2026-03-06T00:00:00Z");
    assert!(gauge.take(7, tomorrow, &calendar).is_ok());
    gauge.release(late);
    assert_eq!(gauge.used(), 7);
}

#[test]
fn parts_add_up_to_wholes() {
    let (now, calendar) = (at("2026-03-05T10:00:00Z"), Calendar::utc());
    let gauge = Gauge::new(
        limited(10, Period::Daily, Mode::Hard),
        calendar.span(Period::Daily, now),
        "1.4".parse().expect("an amount"),
    );
    for _ in 0..6 {
        gauge.charge("0.1".parse().expect("an amount"), now, &calendar);
    }
    assert_eq!(gauge.used(), 2);
    gauge.charge("-0.1".parse().expect("an amount"), now, &calendar);
    assert_eq!(gauge.used(), 1);
}

/// So many threads meet at each round; the barrier makes them race.
const RACERS: usize = 4;

#[test]
fn of_those_who_race_for_the_last_unit_exactly_one_passes() {
    const ROUNDS: usize = 10_000;
    let (now, calendar) = (at("2026-03-05T10:00:00Z"), Calendar::utc());
    let gauges: Arc<Vec<Gauge>> = Arc::new((0..ROUNDS).map(|_| gauge(1000, 999)).collect());
    let passed: Arc<Vec<AtomicUsize>> = Arc::new((0..ROUNDS).map(|_| AtomicUsize::new(0)).collect());
    let barrier = Arc::new(Barrier::new(RACERS));
    std::thread::scope(|scope| {
        for _ in 0..RACERS {
            scope.spawn(|| {
                for round in 0..ROUNDS {
                    barrier.wait();
                    if gauges[round].take(1, now, &calendar).is_ok() {
                        passed[round].fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert!(passed.iter().all(|passed| passed.load(Ordering::Relaxed) == 1));
    assert!(gauges.iter().all(|gauge| gauge.used() == 1000));
}

#[test]
fn nothing_is_lost_or_counted_twice_where_a_period_ends() {
    let calendar = Calendar::utc();
    let midnight = at("2026-03-06T00:00:00Z");
    for _ in 0..200 {
        let gauge = gauge(1_000_000, 500);
        let barrier = Barrier::new(RACERS);
        std::thread::scope(|scope| {
            for _ in 0..RACERS {
                scope.spawn(|| {
                    barrier.wait();
                    for _ in 0..50 {
                        gauge.take(1, midnight, &calendar).expect("there is room");
                    }
                });
            }
        });
        // All of them came after midnight: the new day has them all and nothing of the old.
        assert_eq!(gauge.used(), 50 * RACERS as u64);
        assert_eq!(gauge.span().starts_at, midnight);
    }
}

proptest! {
    /// Against a plain model: days pass, clocks are set back, holds are kept, given back late or committed. A period that
    /// has begun is not left again for the one before.
    #[test]
    fn behaves_as_the_model(steps in proptest::collection::vec((0_u8..4, 0_u64..40, -10_i64..20), 1..60)) {
        let calendar = Calendar::new("Europe/Berlin", 31).expect("a calendar");
        let mut now = at("2026-03-28T20:00:00Z");
        let gauge = Gauge::new(limited(100, Period::Daily, Mode::Hard), calendar.span(Period::Daily, now), Amount::ZERO);
        let (mut used, mut span) = (0_u64, calendar.span(Period::Daily, now));
        let mut holds: Vec<(Hold, u64, Span)> = Vec::new();
        for (action, amount, hours) in steps {
            now = Timestamp::from_micros(now.as_micros() + hours * 3_600_000_000);
            if now >= span.ends_at {
                (used, span) = (0, calendar.span(Period::Daily, now));
            }
            match action {
                0 | 1 => {
                    let took = gauge.take(amount, now, &calendar);
                    prop_assert_eq!(took.is_ok(), used + amount <= 100);
                    if let Ok(hold) = took {
                        used += amount;
                        holds.push((hold, amount, span));
                    }
                }
                2 => {
                    gauge.add(amount, now, &calendar);
                    used += amount;
                }
                _ => {
                    gauge.check(now, &calendar);
                    if let Some((hold, held, taken_in)) = holds.pop() {
                        gauge.release(hold);
                        if taken_in == span {
                            used -= held;
                        }
                    }
                }
            }
            prop_assert_eq!(gauge.check(now, &calendar).current, used);
            prop_assert_eq!(gauge.span(), span);
        }
    }
}

/// What is held for an upload is on top of what there is, whatever is told of that meanwhile.
#[test]
fn a_hold_stays_on_top_of_the_level() {
    let (calendar, now) = (Calendar::utc(), at("2026-03-28T20:00:00Z"));
    let gauge = Gauge::new(
        limited(100, Period::Total, Mode::Hard),
        Span::always(),
        Amount::whole(10),
    );
    let first = gauge.hold(60, now, &calendar).expect("there is room");
    assert!(gauge.hold(31, now, &calendar).is_err());
    assert!(gauge.set_as_of(30, 2));
    assert!(!gauge.set_as_of(0, 1), "an earlier reading came later");
    assert_eq!((gauge.used(), gauge.height()), (90, 30));
    let second = gauge.hold(10, now, &calendar).expect("there is room");
    gauge.set(40);
    assert_eq!((gauge.used(), gauge.height()), (110, 40));
    gauge.release(first);
    assert_eq!((gauge.used(), gauge.height()), (50, 40));
    gauge.commit(second, 5);
    assert_eq!((gauge.used(), gauge.height()), (45, 45));
}

/// However holds and readings race, in the end there is what the last reading said.
#[test]
fn racing_holds_and_readings_lose_nothing() {
    let (calendar, now) = (Calendar::utc(), at("2026-03-28T20:00:00Z"));
    let gauge = Gauge::new(
        limited(1_000_000, Period::Total, Mode::Hard),
        Span::always(),
        Amount::ZERO,
    );
    std::thread::scope(|scope| {
        for thread in 0..4_i64 {
            let (gauge, calendar) = (&gauge, &calendar);
            scope.spawn(move || {
                for round in 0..2_000_i64 {
                    let hold = gauge.hold(7, now, calendar).expect("there is room");
                    gauge.set_as_of(
                        u64::try_from(round * 4 + thread).unwrap_or(0),
                        round * 4 + thread + 1,
                    );
                    gauge.release(hold);
                }
            });
        }
    });
    assert_eq!((gauge.used(), gauge.height()), (7_999, 7_999));
}
