//! Checks of request bodies beyond their types: every failing field is reported, not only the first.

use std::fmt::Display;
use std::ops::RangeInclusive;

use kernel::FieldError;

pub use kernel::Validate;

/// Collects errors with pointers relative to one place in the body.
#[derive(Debug)]
pub struct Checks<'a> {
    errors: &'a mut Vec<FieldError>,
    base: String,
}

impl<'a> Checks<'a> {
    /// From the root of the body.
    pub fn new(errors: &'a mut Vec<FieldError>) -> Self {
        Self {
            errors,
            base: String::new(),
        }
    }

    /// Inside one member or element, e.g. `checks.within("/owner", |owner| …)`.
    pub fn within(&mut self, pointer: &str, nested: impl FnOnce(&mut Checks<'_>)) -> &mut Self {
        nested(&mut Checks {
            base: format!("{}{pointer}", self.base),
            errors: self.errors,
        });
        self
    }

    /// An error unless `holds`.
    pub fn require(&mut self, pointer: &str, holds: bool, detail: impl Into<String>) -> &mut Self {
        if !holds {
            self.errors
                .push(FieldError::new(format!("{}{pointer}", self.base), detail));
        }
        self
    }

    /// Text of so many characters.
    pub fn length(&mut self, pointer: &str, text: &str, allowed: RangeInclusive<usize>) -> &mut Self {
        let detail = format!("must be {} to {} characters long", allowed.start(), allowed.end());
        self.require(pointer, allowed.contains(&text.chars().count()), detail)
    }

    /// One line for people: so many characters, none of them a control character, no space around it.
    pub fn line(&mut self, pointer: &str, text: &str, allowed: RangeInclusive<usize>) -> &mut Self {
        self.length(pointer, text, allowed)
            .require(pointer, text.trim() == text, "must not begin or end with a space")
            .require(
                pointer,
                !text.chars().any(char::is_control),
                "must not contain control characters",
            )
    }

    /// A number within bounds.
    pub fn range<N: PartialOrd + Display>(
        &mut self,
        pointer: &str,
        number: &N,
        allowed: &RangeInclusive<N>,
    ) -> &mut Self {
        let detail = format!("must be from {} to {}", allowed.start(), allowed.end());
        self.require(pointer, allowed.contains(number), detail)
    }

    /// At most so many elements.
    pub fn at_most(&mut self, pointer: &str, count: usize, allowed: usize) -> &mut Self {
        self.require(
            pointer,
            count <= allowed,
            format!("must have at most {allowed} elements"),
        )
    }

    /// The outcome of a domain type's own rule; its error text becomes the detail.
    pub fn rule<T, E: Display>(&mut self, pointer: &str, outcome: Result<T, E>) -> Option<T> {
        match outcome {
            Ok(value) => Some(value),
            Err(error) => {
                self.require(pointer, false, error.to_string());
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_every_failing_field_at_its_pointer() {
        let mut errors = Vec::new();
        let mut checks = Checks::new(&mut errors);
        checks
            .line("/name", " a\tb", 1..=3)
            .range("/size", &7, &(1..=5))
            .at_most("/tags", 3, 2);
        checks.within("/owner", |owner| {
            owner.length("/email", "", 1..=10).length("/name", "ok", 1..=2);
        });
        assert_eq!(checks.rule("/id", "7".parse::<u8>()), Some(7));
        checks.rule("/id", "x".parse::<u8>());
        let pointers: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            ["/name", "/name", "/name", "/size", "/tags", "/owner/email", "/id"]
        );
        assert_eq!(errors[3].detail, "must be from 1 to 5");
    }
}
