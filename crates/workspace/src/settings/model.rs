//! What a setting is, and what it may hold.

use std::fmt;
use std::str::FromStr;

use kernel::{FieldError, Timestamp, Validate};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Settings that a tenant may have.
pub const SETTINGS_MAX: i64 = 500;
/// Bytes of compact JSON that a value may have.
pub const VALUE_MAX_BYTES: usize = 16 * 1024;
/// Arrays and objects that may lie within each other.
pub const VALUE_MAX_DEPTH: usize = 16;

/// A setting, as it is stored and shown.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"key": "timezone", "value": "Europe/Berlin", "version": 1, "updatedAt": "2026-03-05T10:42:00.000Z"}))]
pub struct Setting {
    /// Under which key.
    pub key: SettingKey,
    /// What: any JSON.
    #[schema(value_type = Value)]
    pub value: Value,
    /// Counts the changes, from 1.
    #[schema(example = 1)]
    pub version: i64,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A setting's key: `^[a-z][a-z0-9_.-]{0,63}$`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, sqlx::Type, ToSchema)]
#[sqlx(transparent)]
#[schema(pattern = "^[a-z][a-z0-9_.-]{0,63}$", example = "timezone")]
pub struct SettingKey(String);

/// The text is no key of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a small letter and up to 63 small letters, digits, `_`, `.` or `-`")]
pub struct InvalidSettingKey;

impl SettingKey {
    /// The key itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SettingKey {
    type Err = InvalidSettingKey;
    fn from_str(text: &str) -> Result<Self, InvalidSettingKey> {
        let rest = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-');
        let fits = (1..=64).contains(&text.len());
        if fits && text.as_bytes()[0].is_ascii_lowercase() && text.bytes().all(rest) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidSettingKey)
        }
    }
}

impl fmt::Display for SettingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SettingKey {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// What is put under a key.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"value": "Europe/Berlin"}))]
pub struct PutSetting {
    /// Any JSON of up to 16 KiB, at most 16 levels deep.
    #[schema(value_type = Value)]
    pub value: Value,
}

impl Validate for PutSetting {
    fn check(&self, errors: &mut Vec<FieldError>) {
        let mut require = |holds: bool, detail: &str| {
            if !holds {
                errors.push(FieldError::new("/value", detail));
            }
        };
        require(
            depth(&self.value) <= VALUE_MAX_DEPTH,
            "must be at most 16 levels deep",
        );
        require(
            self.value.to_string().len() <= VALUE_MAX_BYTES,
            "must be at most 16 KiB of JSON",
        );
        require(!has_nul(&self.value), "must not contain the character U+0000");
    }
}

/// Arrays and objects around the innermost value.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(elements) => 1 + elements.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// PostgreSQL's jsonb cannot hold U+0000.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(elements) => elements.iter().any(has_nul),
        Value::Object(members) => members
            .iter()
            .any(|(key, value)| key.contains('\0') || has_nul(value)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn keys() {
        let (longest, too_long) = ("a".repeat(64), "a".repeat(65));
        for text in ["a", "timezone", "mail.smtp_host", "a-1", longest.as_str()] {
            assert_eq!(text.parse::<SettingKey>().expect(text).as_str(), text);
        }
        for text in ["", "A", "1a", ".a", "a b", "a/b", "ä", "a\n", too_long.as_str()] {
            assert_eq!(text.parse::<SettingKey>(), Err(InvalidSettingKey), "{text:?}");
        }
    }

    #[test]
    fn values() {
        let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        let text = |bytes: usize| json!("a".repeat(bytes - 2));
        for (value, wrong) in [
            (json!(null), 0),
            (nested(VALUE_MAX_DEPTH), 0),
            (nested(VALUE_MAX_DEPTH + 1), 1),
            (text(VALUE_MAX_BYTES), 0),
            (text(VALUE_MAX_BYTES + 1), 1),
            (json!({"a": ["\u{0}"]}), 1),
            (json!({"a\u{0}": 1}), 1),
        ] {
            let mut errors = Vec::new();
            PutSetting { value: value.clone() }.check(&mut errors);
            assert_eq!(errors.len(), wrong, "{value}");
        }
    }

    #[test]
    fn the_value_has_to_be_there() {
        assert!(serde_json::from_value::<PutSetting>(json!({})).is_err());
        assert!(serde_json::from_value::<PutSetting>(json!({"value": 1, "version": 2})).is_err());
        let null: PutSetting = serde_json::from_value(json!({"value": null})).expect("null is a value");
        assert_eq!(null.value, Value::Null);
    }

    proptest! {
        #[test]
        fn a_key_is_what_the_pattern_says(text in "[a-zA-Z0-9_./ -]{0,70}") {
            let first = text.starts_with(|c: char| c.is_ascii_lowercase());
            let rest = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.-".contains(c));
            prop_assert_eq!(text.parse::<SettingKey>().is_ok(), first && rest && text.len() <= 64);
        }
    }
}
