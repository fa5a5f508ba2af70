//! `Range` (RFC 9110 §14.2): which part of the content is asked for.

use std::ops::Range;

/// What a caller asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Requested {
    /// Everything. Also where the header is not well formed, of another unit, or lists several ranges: a server may
    /// ignore it (§14.2).
    Whole,
    /// These bytes, within the content.
    Part(Range<u64>),
    /// Bytes that the content does not have.
    Outside,
}

/// Reads the header for content of so many bytes. For empty content there is nothing to choose.
pub(super) fn requested(header: &str, size: u64) -> Requested {
    let Some((first, last)) = single(header).filter(|_| size > 0) else {
        return Requested::Whole;
    };
    let range = match (first, last) {
        (Some(first), None) => first..size,
        (Some(first), Some(last)) if first > last => return Requested::Whole,
        (Some(first), Some(last)) => first..last.saturating_add(1).min(size),
        (None, Some(suffix)) => size.saturating_sub(suffix)..size,
        (None, None) => return Requested::Whole,
    };
    if range.is_empty() {
        Requested::Outside
    } else {
        Requested::Part(range)
    }
}

/// `bytes=FIRST-LAST`, either of them possibly missing.
fn single(header: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (unit, set) = header.split_once('=')?;
    let (first, last) = set.trim().split_once('-')?;
    let is_bytes = unit.trim().eq_ignore_ascii_case("bytes");
    is_bytes.then_some((position(first)?, position(last)?))
}

/// A number of any length, or nothing; none if it is neither.
#[expect(clippy::option_option, reason = "missing and malformed are different")]
fn position(digits: &str) -> Option<Option<u64>> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((!digits.is_empty()).then(|| digits.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Requested::{Outside, Part, Whole};

    #[test]
    fn one_range_within_the_content() {
        for (header, expected) in [
            ("bytes=0-0", Part(0..1)),
            ("bytes=0-9", Part(0..10)),
            ("bytes=2-5", Part(2..6)),
            ("bytes=2-99", Part(2..10)),
            ("bytes=2-99999999999999999999999999", Part(2..10)),
            ("bytes=9-", Part(9..10)),
            ("bytes=-3", Part(7..10)),
            ("bytes=-99", Part(0..10)),
            ("Bytes= 1-2 ", Part(1..3)),
            ("bytes=10-", Outside),
            ("bytes=10-12", Outside),
            ("bytes=99999999999999999999999999-", Outside),
            ("bytes=-0", Outside),
        ] {
            assert_eq!(requested(header, 10), expected, "{header}");
        }
    }

    #[test]
    fn what_is_not_understood_is_ignored() {
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=5-2",
            "bytes=a-b",
            "bytes=1-2,4-5",
            "items=0-1",
            "bytes=+1-2",
            "bytes=1--2",
        ] {
            assert_eq!(requested(header, 10), Whole, "{header}");
        }
    }

    #[test]
    fn empty_content_has_no_ranges() {
        for header in ["bytes=0-", "bytes=-5", "bytes=0-0"] {
            assert_eq!(requested(header, 0), Whole, "{header}");
        }
    }
}
