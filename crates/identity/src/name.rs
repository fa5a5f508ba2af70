//! What people and keys are called.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// One line of 1 to 100 characters, without spaces around it and without characters that do not show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(try_from = "String")]
#[sqlx(transparent)]
pub struct Name(String);

/// The text cannot be a name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidName {
    /// Empty or too long.
    #[error("must be 1 to 100 characters long")]
    Length,
    /// Something that hides or reorders text.
    #[error("must not contain control characters")]
    Control,
}

impl Name {
    /// Reads a name; spaces around it do not count.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let text = text.trim();
        if !(1..=100).contains(&text.chars().count()) {
            return Err(InvalidName::Length);
        }
        if text.chars().any(hides) {
            return Err(InvalidName::Control);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Controls, line and paragraph separators, and the directional overrides of UAX #9, with which a name could pass
/// for another.
fn hides(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl TryFrom<String> for Name {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        Self::parse(&text)
    }
}

/// What [`hides`] refuses, and that something shows.
const SHOWN: &str = r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*[^\s\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069][^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*$";

impl PartialSchema for Name {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(100))
            .pattern(Some(SHOWN))
            .description(Some(
                "One line of 1 to 100 characters; spaces around it do not count.",
            ))
            .examples(["Ada Lovelace"])
            .into()
    }
}
impl ToSchema for Name {}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trims_and_counts_characters() {
        assert_eq!(
            Name::parse("  Zoë Ångström ").map(|name| name.to_string()),
            Ok("Zoë Ångström".to_owned())
        );
        assert!(Name::parse(&"ß".repeat(100)).is_ok());
        for text in ["", "  ", &"a".repeat(101)] {
            assert_eq!(Name::parse(text), Err(InvalidName::Length), "{text}");
        }
    }

    #[test]
    fn refuses_what_does_not_show() {
        for text in ["a\0b", "a\nb", "a\u{7f}", "a\u{202e}b", "a\u{2028}b"] {
            assert_eq!(Name::parse(text), Err(InvalidName::Control), "{text:?}");
        }
    }
}
