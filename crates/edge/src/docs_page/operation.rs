//! One operation of the document: what it needs, takes and answers, and a line to try it.

use std::fmt::Write as _;

use serde_json::Value;

use super::example::{example, resolve};
use super::html::{Escaped, inline, prose};
use super::schema;

/// One operation where it stands in the document.
pub(super) struct Operation<'a> {
    pub(super) document: &'a Value,
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) about: &'a Value,
}

impl Operation<'_> {
    /// The name its section is linked by.
    pub(super) fn anchor(&self) -> String {
        self.about["operationId"]
            .as_str()
            .map_or_else(|| format!("{} {}", self.method, self.path), str::to_owned)
    }

    pub(super) fn tag(&self) -> &str {
        self.about["tags"][0].as_str().unwrap_or("other")
    }

    pub(super) fn link(&self) -> String {
        format!(
            "<li><a href=\"#{}\"><span class=\"method {}\">{}</span> <span>{}</span></a></li>\n",
            Escaped(&self.anchor()),
            self.method,
            self.method.to_uppercase(),
            Escaped(self.path)
        )
    }

    pub(super) fn section(&self) -> String {
        let mut html = format!(
            "<section class=\"operation\" id=\"{}\">\n",
            Escaped(&self.anchor())
        );
        let method = self.method;
        let _ = writeln!(
            html,
            "<h3><span class=\"method {method}\">{}</span> <code>{}</code></h3>",
            method.to_uppercase(),
            Escaped(self.path)
        );
        if let Some(summary) = self.about["summary"].as_str() {
            let _ = writeln!(html, "<p class=\"summary\">{}</p>", inline(summary));
        }
        html += &prose(self.about["description"].as_str().unwrap_or_default());
        html += &self.needs();
        html += &self.parameters();
        html += &self.body();
        let _ = writeln!(
            html,
            "<h4>Try it</h4>\n<pre tabindex=\"0\"><code>{}</code></pre>",
            Escaped(&self.curl())
        );
        html += &self.responses();
        html + "</section>\n"
    }

    fn needs(&self) -> String {
        let schemes = self.schemes();
        let mut html = String::from("<p class=\"needs\">");
        match schemes.as_slice() {
            [] => html += "Open to everybody.",
            names => {
                let _ = write!(
                    html,
                    "Credential: <code>{}</code>",
                    names.join("</code> or <code>")
                );
            }
        }
        if let Some(permission) = self.about["x-permission"].as_str() {
            let _ = write!(html, " · Permission: <code>{}</code>", Escaped(permission));
        }
        html + "</p>\n"
    }

    fn schemes(&self) -> Vec<String> {
        let requirements = self.about["security"].as_array().into_iter().flatten();
        requirements
            .filter_map(Value::as_object)
            .flat_map(|one| one.keys().map(|name| Escaped(name).to_string()))
            .collect()
    }

    fn parameters(&self) -> String {
        let Some(parameters) = self.about["parameters"]
            .as_array()
            .filter(|list| !list.is_empty())
        else {
            return String::new();
        };
        let mut html = String::from(
            "<h4>Parameters</h4>\n<div class=\"wide\"><table><thead><tr><th>Name</th><th>Type</th><th>Meaning</th></tr></thead><tbody>\n",
        );
        for parameter in parameters {
            let place = parameter["in"].as_str().unwrap_or_default();
            let about = parameter["description"].as_str();
            let about =
                about.or_else(|| resolve(self.document, &parameter["schema"])["description"].as_str());
            let about = format!("In the {place}. {}", about.unwrap_or_default());
            let required = parameter["required"] == true;
            let name = parameter["name"].as_str().unwrap_or_default();
            html += &schema::row(self.document, name, &parameter["schema"], required, Some(&about));
        }
        html + "</tbody></table></div>\n"
    }

    fn body(&self) -> String {
        let contents = resolve(self.document, &self.about["requestBody"])["content"].as_object();
        let mut html = String::new();
        for (media_type, content) in contents.into_iter().flatten() {
            let _ = writeln!(html, "<h4>Body <small>{}</small></h4>", Escaped(media_type));
            html += &schema::table(self.document, &content["schema"]);
        }
        html
    }

    /// A line for a shell; keys come from variables, so that none ends in a history.
    fn curl(&self) -> String {
        let base = self.document["servers"][0]["url"]
            .as_str()
            // A server that is named by a path is the one that the page comes from.
            .filter(|url| !url.starts_with('/'))
            .unwrap_or("http://localhost:3000");
        let method = if self.method == "get" {
            String::new()
        } else {
            format!(" -X {}", self.method.to_uppercase())
        };
        let mut line = format!("curl{method} '{base}{}'", self.path_with_examples());
        if let Some(scheme) = self.schemes().first() {
            let variable = if scheme == crate::openapi::ADMIN_KEY {
                "ADMIN_KEY"
            } else {
                "TENANT_KEY"
            };
            let _ = write!(line, " \\\n  -H \"Authorization: Bearer ${variable}\"");
        }
        let contents = resolve(self.document, &self.about["requestBody"])["content"].as_object();
        if let Some((media_type, content)) = contents.and_then(|contents| contents.iter().next()) {
            line += &self.data(media_type, content);
        }
        line
    }

    fn data(&self, media_type: &str, content: &Value) -> String {
        if media_type == "multipart/form-data" {
            return " \\\n  -F file=@report.pdf".to_owned();
        }
        if !media_type.ends_with("json") {
            return format!(" \\\n  -H 'Content-Type: {media_type}' \\\n  --data-binary @report.pdf");
        }
        let text = pretty(&self.example_of(content)).replace('\'', "'\\''");
        format!(" \\\n  -H 'Content-Type: {media_type}' \\\n  -d '{text}'")
    }

    fn example_of(&self, content: &Value) -> Value {
        let given = content
            .get("example")
            .or_else(|| content["examples"].as_object()?.values().next()?.get("value"));
        given
            .cloned()
            .unwrap_or_else(|| example(self.document, &content["schema"]))
    }

    fn path_with_examples(&self) -> String {
        let parameters = self.about["parameters"].as_array().into_iter().flatten();
        parameters.filter(|parameter| parameter["in"] == "path").fold(
            self.path.to_owned(),
            |path, parameter| {
                let given = parameter.get("example").cloned();
                let value = given.unwrap_or_else(|| example(self.document, &parameter["schema"]));
                let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                path.replace(
                    &format!("{{{}}}", parameter["name"].as_str().unwrap_or_default()),
                    &shown,
                )
            },
        )
    }

    fn responses(&self) -> String {
        let mut html = String::from("<h4>Answers</h4>\n");
        let mut refusals = String::new();
        for (status, response) in self.about["responses"].as_object().into_iter().flatten() {
            let response = resolve(self.document, response);
            let about = inline(response["description"].as_str().unwrap_or_default());
            if status.starts_with(['4', '5']) {
                let _ = writeln!(refusals, "<li><b>{status}</b> {about}</li>");
            } else {
                html += &self.success(status, &about, response);
            }
        }
        if !refusals.is_empty() {
            let _ = writeln!(
                html,
                "<details><summary>Refusals</summary><ul>\n{refusals}</ul></details>"
            );
        }
        html
    }

    fn success(&self, status: &str, about: &str, response: &Value) -> String {
        let mut html = format!("<p><b class=\"good\">{status}</b> {about}</p>\n");
        for (media_type, content) in response["content"].as_object().into_iter().flatten() {
            if media_type.ends_with("json") {
                let shown = pretty(&self.example_of(content));
                let _ = writeln!(html, "<pre tabindex=\"0\"><code>{}</code></pre>", Escaped(&shown));
                let table = schema::table(self.document, &content["schema"]);
                if !table.is_empty() {
                    let _ = writeln!(html, "<details><summary>Fields</summary>\n{table}</details>");
                }
            } else {
                let _ = writeln!(html, "<p><small>{}</small></p>", Escaped(media_type));
            }
        }
        html
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
