//! What text that people write may look like.
//!
//! A line (a name, a title) is stored without the space around it. Prose keeps its line breaks, as `\n`. Control
//! characters are refused everywhere: they do not print, and PostgreSQL cannot store U+0000.

use kernel::{FieldError, Validate};

/// Characters that the description of anything may have.
pub(crate) const DESCRIPTION_MAX: usize = 10_000;

/// Fields of a request are not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the request has fields that are not valid")]
pub struct Invalid(pub Vec<FieldError>);

impl Invalid {
    /// Passes when nothing is wrong: an operation trusts nobody to have looked before.
    pub(crate) fn unless_valid(request: &impl Validate) -> Result<(), Self> {
        let mut errors = Vec::new();
        request.check(&mut errors);
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Self(errors))
        }
    }
}

/// Adds what is wrong with a line of 1 to `most` characters.
pub(crate) fn check_line(errors: &mut Vec<FieldError>, pointer: &str, text: &str, most: usize) {
    let line = text.trim();
    if !(1..=most).contains(&line.chars().count()) {
        errors.push(FieldError::new(
            pointer,
            format!("must be 1 to {most} characters long"),
        ));
    }
    if line.chars().any(char::is_control) {
        errors.push(FieldError::new(pointer, "must not contain control characters"));
    }
}

/// Adds what is wrong with a description.
pub(crate) fn check_description(errors: &mut Vec<FieldError>, text: &str) {
    let text = prose(text);
    if text.chars().count() > DESCRIPTION_MAX {
        let detail = format!("must be at most {DESCRIPTION_MAX} characters long");
        errors.push(FieldError::new("/description", detail));
    }
    if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        let detail = "must not contain control characters other than line breaks and tabs";
        errors.push(FieldError::new("/description", detail));
    }
}

/// A line as it is stored.
pub(crate) fn line(text: &str) -> String {
    text.trim().to_owned()
}

/// Prose as it is stored: the line breaks of forms (CR LF) become plain ones.
pub(crate) fn prose(text: &str) -> String {
    text.replace("\r\n", "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line_errors(text: &str) -> usize {
        let mut errors = Vec::new();
        check_line(&mut errors, "/name", text, 200);
        errors.len()
    }

    fn description_errors(text: &str) -> usize {
        let mut errors = Vec::new();
        check_description(&mut errors, text);
        errors.len()
    }

    #[test]
    fn lines() {
        let (longest, too_long) = ("ä".repeat(200), "ä".repeat(201));
        for (text, wrong) in [
            ("Website", 0),
            ("  Website  ", 0),
            (longest.as_str(), 0),
            ("🏗 Neubau №7", 0),
            ("", 1),
            (" \t\n ", 1),
            (too_long.as_str(), 1),
            ("a\tb", 1),
            ("a\u{0}b", 1),
            ("a\u{85}b", 1),
        ] {
            assert_eq!(line_errors(text), wrong, "{text:?}");
        }
    }

    #[test]
    fn descriptions() {
        let (longest, too_long) = ("ä".repeat(DESCRIPTION_MAX), "ä".repeat(DESCRIPTION_MAX + 1));
        for (text, wrong) in [
            ("", 0),
            ("one\n\ttwo\r\nthree", 0),
            (longest.as_str(), 0),
            (too_long.as_str(), 1),
            ("bell\u{7}", 1),
            ("old Mac\rline", 1),
            ("nul\u{0}", 1),
        ] {
            assert_eq!(description_errors(text), wrong, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_passes_is_stored_within_its_bounds(text in any::<String>()) {
            let stored = line(&text);
            let fine = (1..=200).contains(&stored.chars().count()) && !stored.chars().any(char::is_control);
            prop_assert_eq!(line_errors(&text) == 0, fine);
            prop_assert_eq!(line(&stored), stored);
            if description_errors(&text) == 0 {
                let stored = prose(&text);
                prop_assert!(!stored.contains('\r'));
                prop_assert_eq!(prose(&stored), stored);
            }
        }
    }
}
