//! `a[b][0][c]=d` back into what was meant.

use serde_json::{Map, Value};

/// The parameters of a body or a query string.
pub(super) fn parse(text: &str) -> Value {
    let mut root = Value::Object(Map::new());
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        let mut place = &mut root;
        for part in name.split('[').map(|part| part.trim_end_matches(']')) {
            if !place.is_object() {
                *place = Value::Object(Map::new());
            }
            place = &mut place[part];
        }
        *place = Value::String(value.into_owned());
    }
    root
}

/// What an object with the members `0`, `1`, … lists.
pub(super) fn listed(value: &Value) -> Vec<Value> {
    value
        .as_object()
        .map(|items| items.values().cloned().collect())
        .unwrap_or_default()
}

/// A number that was sent as text.
pub(super) fn number(value: &Value) -> Option<i64> {
    value.as_str()?.parse().ok()
}
