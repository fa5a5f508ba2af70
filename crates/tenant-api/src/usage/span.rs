//! The span of time that a reading is of.

use edge::ProblemResponse;
use kernel::{Code, FieldError, Problem, Timestamp};
use metering::periods::Span;

/// Days that are read where nothing is said.
const DAYS: i64 = 30;
/// Days that can be asked for by their number.
const MOST_DAYS: i64 = 3660;

/// The last `days` days (UTC) with today, or from a time to another, which is now unless given.
pub(super) fn span(
    days: Option<i64>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    now: Timestamp,
) -> Result<Span, ProblemResponse> {
    if days.is_some() && (from.is_some() || to.is_some()) {
        return Err(wrong("days", "cannot be given together with from or to"));
    }
    if days.is_some_and(|days| !(1..=MOST_DAYS).contains(&days)) {
        return Err(wrong("days", &format!("must be from 1 to {MOST_DAYS}")));
    }
    let ends_at = to.unwrap_or(now);
    let today = ends_at.as_micros().div_euclid(86_400_000_000) * 86_400_000_000;
    let first = Timestamp::from_micros(today).plus_days(1 - days.unwrap_or(DAYS));
    let starts_at = from.unwrap_or(first);
    if starts_at >= ends_at {
        return Err(wrong("from", "must be before `to`"));
    }
    Ok(Span { starts_at, ends_at })
}

/// A parameter that is not valid.
pub(super) fn wrong(name: &str, detail: &str) -> ProblemResponse {
    Problem {
        code: Code::InvalidParameter,
        detail: String::new(),
        errors: vec![FieldError::new(format!("?{name}"), detail)],
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect(text)
    }

    #[test]
    fn days_are_whole_days_and_today() {
        let now = at("2026-03-15T12:00:00Z");
        let of = |days| span(Some(days), None, None, now).expect("a span");
        assert_eq!(of(1).starts_at, at("2026-03-15T00:00:00Z"));
        assert_eq!(of(30).starts_at, at("2026-02-14T00:00:00Z"));
        assert_eq!(of(30).ends_at, now);
        assert_eq!(span(None, None, None, now).expect("a span"), of(30));
        let to = at("2026-01-02T00:00:00Z");
        let before = span(None, None, Some(to), now).expect("a span");
        assert_eq!(
            (before.starts_at, before.ends_at),
            (at("2025-12-04T00:00:00Z"), to)
        );
    }

    #[test]
    fn what_is_no_span_is_refused() {
        let now = at("2026-03-15T12:00:00Z");
        for (days, from, to) in [
            (Some(0), None, None),
            (Some(3661), None, None),
            (Some(1), Some(now), None),
            (None, Some(now), None),
            (None, Some(now), Some(at("2026-03-15T11:00:00Z"))),
        ] {
            assert!(span(days, from, to, now).is_err(), "{days:?} {from:?} {to:?}");
        }
    }
}
