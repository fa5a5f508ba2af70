//! The whole page: what holds for every operation, then each operation under its tag.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::OWN_TAG;
use super::html::{Escaped, document as html_document, prose};
use super::operation::Operation;

const CONVENTIONS: &str = "\
<section id=\"conventions\">
<h2>What holds everywhere</h2>
<dl class=\"conventions\">
<dt>Credentials</dt><dd>Send a key as <code>Authorization: Bearer …</code>. The tenant is derived from the key.</dd>
<dt>Refusals</dt><dd>Every refusal is <code>application/problem+json</code> (RFC 9457) with a stable <code>code</code>, \
the bad fields in <code>errors</code>, and a <code>requestId</code> to tell us. <a href=\"/problems\">All codes</a></dd>
<dt>Repeating</dt><dd>A POST takes <code>Idempotency-Key</code>: the same key and body get the same answer, and nothing \
happens twice.</dd>
<dt>Concurrent changes</dt><dd>A resource’s <code>ETag</code> sent back as <code>If-Match</code> makes a change fail \
with 412 if somebody else was faster.</dd>
<dt>Lists</dt><dd>Ask with <code>limit</code>; the answer’s <code>nextCursor</code> given as <code>cursor</code> gets the next \
page, and is null on the last.</dd>
<dt>Strictness</dt><dd>Unknown fields and query parameters are refused, so a typing error never passes unnoticed.</dd>
<dt>Values</dt><dd>Times are RFC 3339 in UTC; in queries also milliseconds since 1970. Sizes are bytes. Money is an \
integer in minor units with its ISO 4217 code.</dd>
</dl>
</section>
";

pub(super) fn render(document: &Value) -> String {
    let groups = groups(document);
    let title = document["info"]["title"].as_str().unwrap_or("API");
    let mut body = header(document, title);
    body += "<div class=\"layout\">\n<nav aria-label=\"Operations\">\n<p><a href=\"#conventions\">What holds everywhere</a></p>\n";
    for ((_, tag), operations) in &groups {
        let links: String = operations.iter().map(Operation::link).collect();
        let _ = writeln!(
            body,
            "<details open><summary>{}</summary><ul>\n{links}</ul></details>",
            Escaped(tag)
        );
    }
    body += "</nav>\n<main id=\"main\">\n";
    body += CONVENTIONS;
    for ((_, tag), operations) in &groups {
        let _ = writeln!(body, "<h2 id=\"tag-{0}\">{0}</h2>", Escaped(tag));
        body += &prose(tag_description(document, tag));
        body.extend(operations.iter().map(Operation::section));
    }
    body += "</main>\n</div>\n";
    html_document(title, &body)
}

fn header(document: &Value, title: &str) -> String {
    format!(
        "<a class=\"skip\" href=\"#main\">Skip to the content</a>\n<header>\n<h1>{} <small>{}</small></h1>\n{}\
         <p><a href=\"/openapi.json\">openapi.json</a></p>\n</header>\n",
        Escaped(title),
        Escaped(document["info"]["version"].as_str().unwrap_or_default()),
        prose(document["info"]["description"].as_str().unwrap_or_default()),
    )
}

type Groups<'a> = BTreeMap<(usize, String), Vec<Operation<'a>>>;

/// The operations by tag: in the order in which the document describes its tags, then the others, these pages
/// themselves last.
fn groups(document: &Value) -> Groups<'_> {
    let mut groups = Groups::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for method in ["get", "post", "put", "patch", "delete"] {
            if let Some(about) = item.get(method) {
                let operation = Operation {
                    document,
                    method,
                    path,
                    about,
                };
                let tag = operation.tag().to_owned();
                groups
                    .entry((place(document, &tag), tag))
                    .or_default()
                    .push(operation);
            }
        }
    }
    groups
}

fn tags(document: &Value) -> impl Iterator<Item = &Value> {
    document["tags"].as_array().into_iter().flatten()
}

fn place(document: &Value, tag: &str) -> usize {
    let last = if tag == OWN_TAG {
        usize::MAX
    } else {
        usize::MAX - 1
    };
    tags(document)
        .position(|about| about["name"] == tag)
        .unwrap_or(last)
}

fn tag_description<'a>(document: &'a Value, tag: &str) -> &'a str {
    let about = tags(document).find(|about| about["name"] == tag);
    about
        .and_then(|about| about["description"].as_str())
        .unwrap_or_default()
}
