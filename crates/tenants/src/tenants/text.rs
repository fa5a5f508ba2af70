//! The short texts in a tenant's record.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// The text does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {most} characters long, on one line, without control characters")]
pub struct InvalidLine {
    /// Characters at most.
    pub most: usize,
}

/// One line for people, without what surrounds it.
fn line(text: &str, most: usize) -> Result<String, InvalidLine> {
    let text = text.trim();
    let count = text.chars().count();
    if count == 0 || count > most || text.chars().any(breaks_a_line) {
        Err(InvalidLine { most })
    } else {
        Ok(text.to_owned())
    }
}

/// Control characters, the separators of lines and paragraphs, and the marks that turn the direction of what
/// follows (Unicode TR 36 section 2.7).
fn breaks_a_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What [`breaks_a_line`] refuses, and that something shows.
const LINE: &str = r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*[^\s\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069][^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*$";

macro_rules! line_type {
    ($(#[$about:meta])* $name:ident, $most:literal, $example:literal) => {
        $(#[$about])*
        #[derive(Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
        #[serde(try_from = "String", into = "String")]
        #[sqlx(transparent)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl FromStr for $name {
            type Err = InvalidLine;
            fn from_str(text: &str) -> Result<Self, InvalidLine> {
                line(text, $most).map(Self)
            }
        }
        impl TryFrom<String> for $name {
            type Error = InvalidLine;
            fn try_from(text: String) -> Result<Self, InvalidLine> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .min_length(Some(1))
                    .max_length(Some($most))
                    .pattern(Some(LINE))
                    .examples([$example])
                    .into()
            }
        }
        impl ToSchema for $name {}
    };
}

line_type! {
    /// What people call the tenant.
    TenantName, 200, "Acme Corp"
}
line_type! {
    /// Why a tenant is suspended: a code like `trial_expired` from the product itself, an operator's words otherwise.
    SuspensionReason, 200, "payment_failed"
}
line_type! {
    /// The region that a tenant wants its data to be in.
    Region, 63, "eu-central-1"
}

impl TenantName {
    /// What stands in the record of a removed tenant.
    pub(super) fn of_removed() -> Self {
        Self("Deleted tenant".to_owned())
    }
}

impl SuspensionReason {
    /// The reason of a trial that ended without a subscription.
    pub fn trial_expired() -> Self {
        Self("trial_expired".to_owned())
    }

    /// The reason of a subscription whose pause outlasted what was paid for.
    pub fn subscription_paused() -> Self {
        Self("subscription_paused".to_owned())
    }

    /// The reason of an invoice that was not paid, however often it was asked for.
    pub fn payment_overdue() -> Self {
        Self("payment_overdue".to_owned())
    }

    /// Whether whoever pays ends the suspension: it came from the product itself and not from an operator.
    pub fn ends_by_paying(&self) -> bool {
        [
            Self::trial_expired(),
            Self::subscription_paused(),
            Self::payment_overdue(),
        ]
        .contains(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_lines_without_what_surrounds_them() {
        for (given, kept) in [(" Acme Corp\n", "Acme Corp"), ("Ä", "Ä"), ("日本", "日本")] {
            assert_eq!(given.parse::<TenantName>().expect(given).as_str(), kept);
        }
        assert!("ä".repeat(200).parse::<TenantName>().is_ok());
    }

    #[test]
    fn refuses_the_rest() {
        let too_long = "ä".repeat(201);
        for text in [
            "",
            "  ",
            "a\nb",
            "a\0b",
            "a\u{7f}b",
            "evil\u{202e}txt",
            "a\u{2028}b",
            &too_long,
        ] {
            assert_eq!(
                text.parse::<TenantName>(),
                Err(InvalidLine { most: 200 }),
                "{text:?}"
            );
        }
    }
}
