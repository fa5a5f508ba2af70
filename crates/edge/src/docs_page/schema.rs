//! A schema as a table of fields: nested members are shown flat by their path.

use std::fmt::Write as _;

use serde_json::Value;

use super::example::{kind, resolve};
use super::html::{Escaped, inline};

const DEEPEST: usize = 4;

/// One row: the field's path, its type, whether it must be there, what it is.
struct Field<'a> {
    path: String,
    schema: &'a Value,
    required: bool,
}

/// The fields of an object (or of an array's objects), or nothing where there are none.
pub(super) fn table(document: &Value, schema: &Value) -> String {
    let mut fields = Vec::new();
    collect(document, schema, "", 0, &mut fields);
    if fields.is_empty() {
        return String::new();
    }
    let mut html = String::from(
        "<div class=\"wide\"><table><thead><tr><th>Field</th><th>Type</th><th>Meaning</th></tr></thead><tbody>\n",
    );
    for Field {
        path,
        schema,
        required,
    } in fields
    {
        let _ = writeln!(
            html,
            "{}",
            row(document, &path, schema, required, schema["description"].as_str())
        );
    }
    html + "</tbody></table></div>\n"
}

/// One row of a table of fields or parameters.
pub(super) fn row(
    document: &Value,
    name: &str,
    schema: &Value,
    required: bool,
    about: Option<&str>,
) -> String {
    let about = about
        .or_else(|| resolve(document, schema)["description"].as_str())
        .unwrap_or_default();
    format!(
        "<tr><td><code>{}</code>{}</td><td>{}</td><td>{}</td></tr>",
        Escaped(name),
        if required {
            " <span class=\"required\">required</span>"
        } else {
            ""
        },
        Escaped(&type_of(document, schema)),
        inline(about),
    )
}

fn collect<'a>(
    document: &'a Value,
    schema: &'a Value,
    base: &str,
    depth: usize,
    fields: &mut Vec<Field<'a>>,
) {
    let schema = beneath(document, schema);
    if kind(schema) == "array" {
        return collect(document, &schema["items"], &format!("{base}[]"), depth, fields);
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        collect(document, part, base, depth, fields);
    }
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    let required = |name: &str| {
        schema["required"]
            .as_array()
            .is_some_and(|list| list.iter().any(|item| item == name))
    };
    for (name, property) in properties {
        let path = if base.is_empty() {
            name.clone()
        } else {
            format!("{base}.{name}")
        };
        fields.push(Field {
            path: path.clone(),
            schema: property,
            required: required(name),
        });
        if depth < DEEPEST {
            collect(document, property, &path, depth + 1, fields);
        }
    }
}

/// The schema itself, behind references and behind "or null".
fn beneath<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let schema = resolve(document, schema);
    match schema["oneOf"].as_array().map(Vec::as_slice) {
        Some([one, other]) if other["type"] == "null" => beneath(document, one),
        Some([other, one]) if other["type"] == "null" => beneath(document, one),
        _ => schema,
    }
}

fn type_of(document: &Value, schema: &Value) -> String {
    let schema = beneath(document, schema);
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<_> = values
            .iter()
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .collect();
        return values.join(" | ");
    }
    let bounds = bounds(schema);
    match kind(schema) {
        "array" => format!("list of {}{bounds}", type_of(document, &schema["items"])),
        "" if schema["oneOf"].is_array() => "one of several objects".to_owned(),
        "" => "any JSON".to_owned(),
        kind => match schema["format"]
            .as_str()
            .filter(|format| !format.starts_with("int"))
        {
            Some(format) => format!("{kind}, {format}{bounds}"),
            None => format!("{kind}{}{bounds}", likeness(schema)),
        },
    }
}

/// A pattern is best told by what matches it.
fn likeness(schema: &Value) -> String {
    match (&schema["pattern"], schema["examples"][0].as_str()) {
        (Value::String(_), Some(example)) => format!(" like {example}"),
        _ => String::new(),
    }
}

fn bounds(schema: &Value) -> String {
    let between = |least: &str, most: &str, unit: &str| match (&schema[least], &schema[most]) {
        (Value::Null, Value::Null) => String::new(),
        (least, Value::Null) => format!(", at least {least}{unit}"),
        (Value::Null, most) => format!(", at most {most}{unit}"),
        (least, most) => format!(", {least} to {most}{unit}"),
    };
    between("minimum", "maximum", "")
        + &between("minLength", "maxLength", " characters")
        + &between("minItems", "maxItems", " elements")
}
