//! The document as a test reads it.

use reqwest::Method;
use serde_json::{Map, Value};

use super::schema;
use crate::support::{App, Reply};

pub(super) struct Document(Value);

pub(super) struct Operation {
    pub(super) method: Method,
    pub(super) path: String,
    /// What the document says about it.
    pub(super) said: Value,
}

impl Operation {
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The types of body that it takes, and what is said of each.
    pub(super) fn bodies(&self) -> impl Iterator<Item = (&str, &Value)> {
        let contents = self.said["requestBody"]["content"].as_object();
        contents
            .into_iter()
            .flatten()
            .map(|(media, body)| (media.as_str(), body))
    }

    /// What it answers, by status.
    pub(super) fn responses(&self) -> impl Iterator<Item = (&str, &Value)> {
        let responses = self.said["responses"].as_object().expect("responses");
        responses
            .iter()
            .map(|(status, response)| (status.as_str(), response))
    }
}

impl Document {
    pub(super) async fn of(app: &App) -> Self {
        Self(app.nobody().get("/openapi.json").await.expect(200).json())
    }

    /// All of them, by path.
    pub(super) fn operations(&self) -> Vec<Operation> {
        let of_path = |(path, item): (&String, &Value)| {
            let methods: Map<String, Value> = item.as_object().expect("an item").clone();
            let path = path.clone();
            let operation = move |(method, said): (String, Value)| Operation {
                method: method.to_uppercase().parse().expect("a method"),
                path: path.clone(),
                said,
            };
            methods.into_iter().map(operation).collect::<Vec<_>>()
        };
        self.0["paths"]
            .as_object()
            .expect("paths")
            .iter()
            .flat_map(of_path)
            .collect()
    }

    pub(super) fn has_tag(&self, name: &Value) -> bool {
        let tags = self.0["tags"].as_array().expect("tags");
        tags.iter()
            .any(|tag| tag["name"] == *name && tag["description"].is_string())
    }

    pub(super) fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        schema::resolve(&self.0, value)
    }

    /// The example of a whole body: its own, or its schema's.
    pub(super) fn example(&self, body: &Value) -> Option<Value> {
        let schema = self.resolve(&body["schema"]);
        let choices = schema["oneOf"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|choice| self.resolve(choice));
        let given = |said: &Value| said.get("example").or_else(|| said["examples"].get(0)).cloned();
        [body, schema].into_iter().chain(choices).find_map(given)
    }

    /// What is wrong with a value of this schema.
    pub(super) fn refuses(&self, schema: &Value, value: &Value) -> Option<String> {
        schema::check(&self.0, schema, value).err()
    }

    /// How an answer differs from what the operation says that it answers.
    pub(super) fn contradiction(&self, operation: &Operation, reply: &Reply) -> Option<String> {
        let status = reply.status.as_str();
        let Some((_, response)) = operation.responses().find(|(declared, _)| *declared == status) else {
            return Some(format!("{}: {status} is not declared", operation.name()));
        };
        let response = self.resolve(response);
        let headers = response["headers"].as_object().into_iter().flatten();
        if let Some((name, _)) = headers
            .into_iter()
            .find(|(name, _)| !reply.headers.contains_key(name.as_str()))
        {
            return Some(format!("{}: {status} without {name}", operation.name()));
        }
        let wrong = self.wrong_content(response, reply)?;
        Some(format!("{}: {status} {wrong}", operation.name()))
    }

    fn wrong_content(&self, response: &Value, reply: &Reply) -> Option<String> {
        let Some(contents) = response["content"].as_object() else {
            return (!reply.bytes.is_empty()).then(|| "has a body".to_owned());
        };
        let given = reply.header("content-type").split(';').next().unwrap_or_default();
        let Some(content) = contents.get(given).or_else(|| contents.get("*/*")) else {
            return Some(format!("is {given}, not {:?}", contents.keys()));
        };
        if !given.ends_with("json") {
            return None;
        }
        self.refuses(&content["schema"], &reply.json())
    }
}

/// A body of this type with this content, and the type as it is declared with it.
pub(super) fn written(media: &str, example: &Value) -> (String, Vec<u8>) {
    match (media, example) {
        ("multipart/form-data", Value::Object(fields)) => {
            let part = |(name, text): (&String, &Value)| {
                let file = if name == "file" {
                    "; filename=\"example.txt\""
                } else {
                    ""
                };
                let text = text.as_str().expect("text");
                format!(
                    "--example\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{text}\r\n"
                )
            };
            let parts: String = fields.iter().map(part).collect();
            (
                format!("{media}; boundary=example"),
                format!("{parts}--example--\r\n").into_bytes(),
            )
        }
        ("application/octet-stream" | "application/x-ndjson", Value::String(text)) => {
            (media.to_owned(), text.clone().into_bytes())
        }
        _ => (media.to_owned(), example.to_string().into_bytes()),
    }
}
