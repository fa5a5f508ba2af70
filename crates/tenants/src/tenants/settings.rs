//! A tenant's settings (`config.settings`): an object that belongs to the tenant's application, not to us.

use kernel::FieldError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// An object of the application's own making, at most 64 KiB as JSON.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
pub struct Settings(Map<String, Value>);

/// The settings cannot be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSettings {
    /// Too much.
    #[error("must be at most 65536 bytes in all")]
    TooLarge,
    /// PostgreSQL cannot hold the character (its manual, JSON Types).
    #[error("must not contain the character U+0000")]
    Nul,
}

impl InvalidSettings {
    /// As the refusal of a field.
    pub fn at(self, pointer: &str) -> FieldError {
        FieldError::new(pointer, self.to_string())
    }
}

/// Bytes of JSON that one tenant may keep: they are read with every change of the record.
const MOST_BYTES: usize = 64 * 1024;

impl Settings {
    /// The settings made of this object, without its nulls.
    pub fn new(object: Map<String, Value>) -> Result<Self, InvalidSettings> {
        Self::default().merged(object)
    }

    /// The same with a JSON Merge Patch (RFC 7396) applied: objects merge, `null` removes, anything else replaces.
    pub fn merged(self, patch: Map<String, Value>) -> Result<Self, InvalidSettings> {
        let merged = merge(self.0, patch);
        if merged
            .iter()
            .any(|(name, value)| name.contains('\0') || has_nul(value))
        {
            return Err(InvalidSettings::Nul);
        }
        let size = serde_json::to_vec(&merged).map_or(usize::MAX, |json| json.len());
        if size > MOST_BYTES {
            Err(InvalidSettings::TooLarge)
        } else {
            Ok(Self(merged))
        }
    }

    /// The object.
    pub const fn as_object(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The names of the members that differ.
    pub(super) fn changed<'a>(&'a self, other: &'a Self) -> Vec<&'a str> {
        let names = self
            .0
            .keys()
            .chain(other.0.keys().filter(|name| !self.0.contains_key(*name)));
        names
            .filter(|name| self.0.get(*name) != other.0.get(*name))
            .map(String::as_str)
            .collect()
    }
}

fn merge(mut target: Map<String, Value>, patch: Map<String, Value>) -> Map<String, Value> {
    for (name, value) in patch {
        match value {
            Value::Null => {
                target.remove(&name);
            }
            Value::Object(inner) => {
                let present = match target.remove(&name) {
                    Some(Value::Object(object)) => object,
                    _ => Map::new(),
                };
                target.insert(name, Value::Object(merge(present, inner)));
            }
            other => {
                target.insert(name, other);
            }
        }
    }
    target
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| name.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(object) => object,
            other => panic!("{other} is no object"),
        }
    }

    /// Appendix A of RFC 7396, where target and patch are objects.
    #[test]
    fn merges_as_the_rfc_does() {
        for (target, patch, result) in [
            (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"b"}), json!({"b":"c"}), json!({"a":"b","b":"c"})),
            (json!({"a":"b"}), json!({"a":null}), json!({})),
            (json!({"a":"b","b":"c"}), json!({"a":null}), json!({"b":"c"})),
            (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"c"}), json!({"a":["b"]}), json!({"a":["b"]})),
            (
                json!({"a":{"b":"c"}}),
                json!({"a":{"b":"d","c":null}}),
                json!({"a":{"b":"d"}}),
            ),
            (json!({"a":[{"b":"c"}]}), json!({"a":[1]}), json!({"a":[1]})),
            (
                json!({}),
                json!({"a":{"bb":{"ccc":null}}}),
                json!({"a":{"bb":{}}}),
            ),
        ] {
            let target = Settings(object(target));
            assert_eq!(target.merged(object(patch)), Ok(Settings(object(result))));
        }
    }

    /// PostgreSQL gives numbers back in all their digits.
    #[test]
    fn the_largest_and_the_smallest_number_come_back() {
        for (number, stored) in [
            (
                1.797_693_134_862_315_5e308,
                format!("17976931348623155{}", "0".repeat(292)),
            ),
            (f64::MAX, format!("17976931348623157{}", "0".repeat(292))),
            (5e-324, format!("0.{}5", "0".repeat(323))),
        ] {
            let read: Value = serde_json::from_str(&stored).expect("what was stored can be read");
            assert_eq!(read, json!(number));
        }
    }

    #[test]
    fn refuses_what_cannot_be_kept() {
        let large = json!({ "text": "x".repeat(MOST_BYTES) });
        assert_eq!(Settings::new(object(large)), Err(InvalidSettings::TooLarge));
        for nul in [
            json!({"a":"\0"}),
            json!({"\0":1}),
            json!({"a":[{"b":["\0"]}]}),
            json!({"a":{"\0":{}}}),
        ] {
            assert_eq!(
                Settings::new(object(nul.clone())),
                Err(InvalidSettings::Nul),
                "{nul}"
            );
        }
    }

    #[test]
    fn names_what_differs() {
        let before = Settings(object(json!({"a":1,"b":2,"c":3})));
        let after = Settings(object(json!({"a":1,"b":{},"d":4})));
        assert_eq!(before.changed(&after), ["b", "c", "d"]);
    }
}
