//! `application/x-www-form-urlencoded` with brackets, which is what Stripe's API reads: `metadata[invoice]=7`,
//! `items[0][price]=x`. Nothing is sent for a member that is null.

use form_urlencoded::Serializer;
use serde_json::Value;

/// The parameters as a body or a query string.
pub fn encode(parameters: &Value) -> String {
    let mut out = Serializer::new(String::new());
    flatten(&mut out, "", parameters);
    out.finish()
}

fn flatten(out: &mut Serializer<'_, String>, name: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::Object(members) => {
            for (member, value) in members {
                let inner = if name.is_empty() {
                    member.clone()
                } else {
                    format!("{name}[{member}]")
                };
                flatten(out, &inner, value);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                flatten(out, &format!("{name}[{index}]"), value);
            }
        }
        Value::String(text) => {
            out.append_pair(name, text);
        }
        Value::Bool(_) | Value::Number(_) => {
            out.append_pair(name, &value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::encode;
    use serde_json::{Value, json};

    #[test]
    fn nests_with_brackets_and_leaves_nothing_out_but_null() {
        let encoded = encode(&json!({
            "amount": 1099, "confirm": true, "customer": Value::Null, "description": "Ümlaut & co",
            "metadata": {"invoice": "7", "empty": ""}, "items": [{"price": "p1"}, {"price": "p2", "quantity": 2}],
        }));
        let pairs: Vec<(String, String)> = form_urlencoded::parse(encoded.as_bytes()).into_owned().collect();
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(a, b)| (&**a, &**b)).collect();
        let expected = [
            ("amount", "1099"),
            ("confirm", "true"),
            ("description", "Ümlaut & co"),
            ("items[0][price]", "p1"),
            ("items[1][price]", "p2"),
            ("items[1][quantity]", "2"),
            ("metadata[empty]", ""),
            ("metadata[invoice]", "7"),
        ];
        assert_eq!(pairs, expected);
    }

    #[test]
    fn nothing_smuggles_a_parameter() {
        assert_eq!(encode(&json!({"a": "1&b=2"})), "a=1%26b%3D2");
        assert_eq!(encode(&json!({})), "");
    }
}
