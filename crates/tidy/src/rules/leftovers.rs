//! Nothing half-done stays: no ignored test, no `todo!`, no `dbg!`, no lint silenced without a reason.

use crate::finding::Finding;
use crate::rust_code::only_code;
use crate::tree::{File, Tree};

/// What must not stand in code (spaces taken out), and what to do instead.
const FORBIDDEN: [(&str, &str); 6] = [
    (
        "#[ignore",
        "an ignored test proves nothing: run it, or move the long run to bin/soak",
    ),
    ("todo!(", "finish it or leave it out"),
    ("unimplemented!(", "finish it or leave it out"),
    ("dbg!(", "was for debugging"),
    (
        "#[allow(",
        "use #[expect(…, reason = \"…\")], which says why and reports itself when it is stale",
    ),
    (
        "#![allow(",
        "use #![expect(…, reason = \"…\")], which says why and reports itself when it is stale",
    ),
];

/// Searches all Rust code.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust()
        .flat_map(|file| in_code(file).into_iter().chain(ignored_examples(file)))
        .collect()
}

fn in_code(file: &File) -> Vec<Finding> {
    let code = only_code(&file.text);
    let mut findings = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let dense: String = line.chars().filter(|c| !c.is_whitespace()).collect();
        let found = FORBIDDEN.iter().filter(|(pattern, _)| dense.contains(pattern));
        findings.extend(
            found.map(|(pattern, advice)| {
                Finding::at(&file.path, number + 1, format!("`{pattern}`: {advice}"))
            }),
        );
    }
    findings
}

/// Examples in the documentation that the compiler never sees.
fn ignored_examples(file: &File) -> impl Iterator<Item = Finding> {
    let is_ignored = |line: &str| {
        let comment = line.trim_start();
        (comment.starts_with("///") || comment.starts_with("//!"))
            && comment
                .split_once("```")
                .is_some_and(|(_, label)| label.split(',').any(|l| l.trim() == "ignore"))
    };
    let lines = file.lines().filter(move |(_, line)| is_ignored(line));
    lines.map(|(number, _)| {
        Finding::at(
            &file.path,
            number,
            "an ignored example rots: make it compile, or label it `text`",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<String> {
        let tree = Tree::sample(&[("crates/a/src/lib.rs", text)]);
        check(&tree)
            .into_iter()
            .map(|finding| finding.to_string())
            .collect()
    }

    #[test]
    fn reports_each_leftover() {
        let bad = [
            "#[ignore = \"slow\"]",
            "todo!()",
            "unimplemented!(\"x\")",
            "dbg!(x);",
            "#[allow(dead_code)]",
            "#![allow(unused)]",
            "/// ```rust,ignore",
        ];
        for line in bad {
            let found = findings(&format!("fn f() {{}}\n{line}\n"));
            assert!(
                found.len() == 1 && found[0].starts_with("crates/a/src/lib.rs:2: "),
                "{line}: {found:?}"
            );
        }
    }

    #[test]
    fn accepts_words_and_expectations() {
        assert!(
            findings("// todo!()\n#[expect(dead_code, reason = \"x\")]\nlet s = \"dbg!(\"; /// ```text")
                .is_empty()
        );
    }
}
