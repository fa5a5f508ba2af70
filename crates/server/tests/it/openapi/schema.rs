//! The part of JSON Schema that the document is written in; what is not known here fails the test.

use kernel::Timestamp;
use serde_json::{Map, Value, json};

/// Says nothing about which values there are.
const ANNOTATIONS: [&str; 8] = [
    "$ref",
    "default",
    "description",
    "example",
    "examples",
    "format",
    "pattern",
    "required",
];

/// What `$ref` points to, or the value itself.
pub(super) fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let Some(reference) = value["$ref"].as_str() else {
        return value;
    };
    document
        .pointer(reference.trim_start_matches('#'))
        .unwrap_or_else(|| panic!("{reference} leads nowhere"))
}

/// Whether the value is one of this schema; if not, what is wrong with it.
pub(super) fn check(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let schema = resolve(document, schema);
    let Value::Object(rules) = schema else {
        return Ok(());
    };
    rules
        .iter()
        .try_for_each(|(name, rule)| keyword(document, schema, name, rule, value))?;
    object(document, rules, value)?;
    let date = rules.get("format").is_some_and(|format| format == "date-time");
    match value.as_str().filter(|_| date) {
        Some(text) if text.parse::<Timestamp>().is_err() => Err(format!("{text} is no time")),
        _ => Ok(()),
    }
}

fn keyword(document: &Value, schema: &Value, name: &str, rule: &Value, value: &Value) -> Result<(), String> {
    let each = || rule.as_array().into_iter().flatten();
    let fits = |choice: &&Value| check(document, choice, value).is_ok();
    let holds = match name {
        "type" => rule
            .as_str()
            .map_or_else(|| each().any(|one| is(one, value)), |_| is(rule, value)),
        "enum" => each().any(|one| one == value),
        "const" => rule == value,
        "oneOf" => each().filter(fits).count() == 1,
        "anyOf" => each().any(|choice| fits(&choice)),
        "allOf" => return each().try_for_each(|part| check(document, part, value)),
        "items" => {
            let mut elements = value.as_array().into_iter().flatten();
            return elements.try_for_each(|element| check(document, rule, element));
        }
        "minItems" => value
            .as_array()
            .is_none_or(|list| list.len() as u64 >= number(rule)),
        "maxItems" => value
            .as_array()
            .is_none_or(|list| list.len() as u64 <= number(rule)),
        "minLength" => value
            .as_str()
            .is_none_or(|text| text.chars().count() as u64 >= number(rule)),
        "maxLength" => value
            .as_str()
            .is_none_or(|text| text.chars().count() as u64 <= number(rule)),
        "minimum" => value.as_f64().is_none_or(|given| Some(given) >= rule.as_f64()),
        "maximum" => value.as_f64().is_none_or(|given| Some(given) <= rule.as_f64()),
        "properties" | "additionalProperties" | "propertyNames" => true,
        other => ANNOTATIONS.contains(&other),
    };
    if holds {
        Ok(())
    } else {
        Err(format!("{value} is against `{name}` of {schema}"))
    }
}

fn object(document: &Value, rules: &Map<String, Value>, value: &Value) -> Result<(), String> {
    let Value::Object(members) = value else {
        return Ok(());
    };
    let required = rules
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    for name in required {
        members
            .get(name)
            .ok_or_else(|| format!("{value} has no `{name}`"))?;
    }
    for (name, member) in members {
        if let Some(names) = rules.get("propertyNames") {
            check(document, names, &Value::from(name.as_str()))?;
        }
        match rules
            .get("properties")
            .and_then(|known| known.get(name))
            .or(rules.get("additionalProperties"))
        {
            Some(Value::Bool(false)) => return Err(format!("{value} has an unknown `{name}`")),
            Some(schema) => check(document, schema, member)?,
            None => {}
        }
    }
    Ok(())
}

fn is(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap_or_default() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => false,
    }
}

fn number(rule: &Value) -> u64 {
    rule.as_u64().expect("a length")
}

#[test]
fn finds_what_is_against_a_schema() {
    let document = json!({"id": {"type": "string", "minLength": 2}});
    let schema = json!({
        "type": "object",
        "required": ["id"],
        "additionalProperties": false,
        "properties": {
            "id": {"$ref": "#/id"},
            "at": {"oneOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]},
            "on": {"enum": [true]},
            "list": {"type": "array", "items": {"type": ["integer", "null"], "minimum": 0}}
        }
    });
    let refused = |value: Value| check(&document, &schema, &value).is_err();
    let whole = json!({"id": "ab", "at": null, "on": true, "list": [1, null]});
    assert!(!refused(whole.clone()));
    for (name, wrong) in [
        ("id", json!("a")),
        ("at", json!("today")),
        ("on", json!(false)),
        ("list", json!([1.5])),
        ("list", json!([-1])),
        ("more", json!(1)),
    ] {
        let mut value = whole.clone();
        value[name] = wrong;
        assert!(refused(value), "{name}");
    }
    assert!(refused(json!({})) && refused(json!([])));
}
