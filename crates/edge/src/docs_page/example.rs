//! Example values from schemas: what the schema gives as an example, else the plainest value that it allows.

use serde_json::{Map, Value, json};

/// Deeper than any honest body; stops schemas that contain themselves.
const DEEPEST: usize = 8;

/// What `$ref` points to, or the value itself.
pub(super) fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let target = value["$ref"]
        .as_str()
        .and_then(|reference| document.pointer(reference.strip_prefix('#')?));
    target.unwrap_or(value)
}

/// A value of this schema.
pub(super) fn example(document: &Value, schema: &Value) -> Value {
    at_depth(document, schema, 0)
}

fn at_depth(document: &Value, schema: &Value, depth: usize) -> Value {
    let schema = resolve(document, schema);
    if depth > DEEPEST {
        return Value::Null;
    }
    given(schema).cloned().unwrap_or_else(|| {
        composed(document, schema, depth).unwrap_or_else(|| plain(document, schema, depth))
    })
}

fn given(schema: &Value) -> Option<&Value> {
    let first = |name: &str| schema.get(name).and_then(|list| list.get(0));
    schema
        .get("example")
        .or_else(|| first("examples"))
        .or_else(|| schema.get("const"))
        .or_else(|| schema.get("default"))
        .or_else(|| first("enum"))
}

fn composed(document: &Value, schema: &Value, depth: usize) -> Option<Value> {
    let parts = |name: &str| schema.get(name).and_then(Value::as_array);
    if let Some(all) = parts("allOf") {
        let members = all
            .iter()
            .filter_map(|part| at_depth(document, part, depth + 1).as_object().cloned());
        return Some(Value::Object(members.flatten().collect()));
    }
    let choices = parts("oneOf").or_else(|| parts("anyOf"))?;
    let choice = choices.iter().find(|choice| choice["type"] != "null")?;
    Some(at_depth(document, choice, depth + 1))
}

fn plain(document: &Value, schema: &Value, depth: usize) -> Value {
    match kind(schema) {
        "object" => Value::Object(members(document, schema, depth)),
        "array" => json!([at_depth(document, &schema["items"], depth + 1)]),
        "integer" | "number" => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        "boolean" => json!(true),
        "string" => json!(text(schema)),
        _ => json!({}),
    }
}

fn members(document: &Value, schema: &Value, depth: usize) -> Map<String, Value> {
    let properties = schema["properties"].as_object().into_iter().flatten();
    let mut members: Map<_, _> = properties
        .map(|(name, property)| (name.clone(), at_depth(document, property, depth + 1)))
        .collect();
    if members.is_empty() && schema["additionalProperties"].is_object() {
        members.insert(
            "key".to_owned(),
            at_depth(document, &schema["additionalProperties"], depth + 1),
        );
    }
    members
}

/// The type of a schema, the first one that is not null.
pub(super) fn kind(schema: &Value) -> &str {
    let listed = || {
        schema["type"]
            .as_array()?
            .iter()
            .filter_map(Value::as_str)
            .find(|kind| *kind != "null")
    };
    schema["type"]
        .as_str()
        .or_else(listed)
        .unwrap_or(if schema["properties"].is_object() {
            "object"
        } else {
            ""
        })
}

fn text(schema: &Value) -> &'static str {
    match schema["format"].as_str().unwrap_or_default() {
        "date-time" => "2026-03-05T10:42:00.000Z",
        "date" => "2026-03-05",
        "email" => "ada@example.com",
        "uri" | "uri-reference" | "url" => "https://example.com/",
        "hostname" | "idn-hostname" => "app.example.com",
        "uuid" => "0190e1a0-6c1f-7d3e-8b1a-3f6c5d4e2b10",
        "binary" => "(bytes)",
        _ => "text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefers_what_is_given_and_ends_where_a_schema_contains_itself() {
        let document = json!({"components": {"schemas": {
            "Node": {"type": "object", "properties": {
                "name": {"type": ["string", "null"], "examples": ["Apollo"]},
                "kind": {"type": "string", "enum": ["a", "b"]},
                "at": {"oneOf": [{"type": "null"}, {"type": "string", "format": "date-time"}]},
                "size": {"type": "integer", "minimum": 7},
                "labels": {"type": "object", "additionalProperties": {"type": "boolean"}},
            }},
            "Loop": {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Loop"}}},
        }}});
        let node = example(
            &document,
            &json!({"type": "array", "items": {"$ref": "#/components/schemas/Node"}}),
        );
        let expected = json!([{"name": "Apollo", "kind": "a", "at": "2026-03-05T10:42:00.000Z", "size": 7, "labels": {"key": true}}]);
        assert_eq!(node, expected);
        assert!(example(&document, &json!({"$ref": "#/components/schemas/Loop"})).is_object());
    }
}
