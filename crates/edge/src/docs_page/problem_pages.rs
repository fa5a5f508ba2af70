//! A short page for each problem code: where a problem's `type` leads.

use std::fmt::Write as _;

use kernel::{Code, Problem};

use super::html::{Escaped, document};
use crate::problem::ProblemBody;

pub(super) fn index() -> String {
    let mut body = String::from(
        "<main class=\"narrow\">\n<p><a href=\"/docs\">API</a></p>\n<h1>Problem codes</h1>\n\
         <p>Every refusal carries one of these as its <code>code</code>. A code never changes its meaning.</p>\n\
         <div class=\"wide\"><table><thead><tr><th>Code</th><th>Status</th><th>Meaning</th></tr></thead><tbody>\n",
    );
    for code in Code::ALL {
        let (name, status, title) = (code.name(), code.status(), Escaped(code.title()));
        let _ = writeln!(
            body,
            "<tr><td><a href=\"/problems/{name}\"><code>{name}</code></a></td><td>{status}</td><td>{title}</td></tr>"
        );
    }
    body += "</tbody></table></div>\n</main>\n";
    document("Problem codes", &body)
}

pub(super) fn of(name: &str) -> Option<String> {
    let code = Code::ALL.iter().copied().find(|code| code.name() == name)?;
    let example = ProblemBody::new(&Problem::from(code), "/api/…", "req_01h455vb4pex5vsknk084sn02q");
    let example = serde_json::to_string_pretty(&example).unwrap_or_default();
    let body = format!(
        "<main class=\"narrow\">\n<p><a href=\"/problems\">Problem codes</a></p>\n<h1><code>{name}</code></h1>\n\
         <p class=\"summary\">{}</p>\n<p>Answered with status <b>{}</b>. {}</p>\n\
         <pre tabindex=\"0\"><code>{}</code></pre>\n</main>\n",
        Escaped(code.title()),
        code.status(),
        advice(code.status()),
        Escaped(&example),
    );
    Some(document(name, &body))
}

fn advice(status: u16) -> &'static str {
    match status {
        401 => "Send a valid key as <code>Authorization: Bearer …</code>.",
        403 => "Another key, a further permission or a change of the tenant’s status is needed.",
        404 => "It does not exist, or it is not this caller’s; the answer is the same.",
        409 => "Read the resource again, then decide.",
        412 => "Read the resource again and repeat the change with its new <code>ETag</code>.",
        408 | 429 | 503 | 504 => "Try again later, not before <code>Retry-After</code> where it is given.",
        500 => "This is a defect; tell whoever runs the service the <code>requestId</code>.",
        _ => {
            "<code>detail</code> and <code>errors</code> say what to correct; repeating it as it is will not help."
        }
    }
}
