//! Every path of this repository that the documentation cites exists.
//!
//! A path is a word in backticks, outside fenced blocks, that starts like one of our folders, and the target of a
//! relative Markdown link. A pattern (`crates/*/src`) counts up to its first wildcard.

use crate::finding::Finding;
use crate::tree::{File, Tree};

const FOLDERS: [&str; 5] = ["crates/", "docs/", "bin/", ".ci/", "config/"];

/// Looks up every citation.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let top = ["README.md", "CONTRIBUTING.md"]
        .into_iter()
        .filter_map(|path| tree.file(path));
    let mut findings = Vec::new();
    for document in top.chain(tree.matching("docs/", "md")) {
        for (line, text) in prose(document) {
            let missing = words(text)
                .chain(links(document, text))
                .filter_map(|word| cited(&word))
                .filter(|path| !tree.exists(path));
            findings.extend(missing.map(|path| {
                Finding::at(
                    &document.path,
                    line,
                    format!("cites `{path}`, which does not exist"),
                )
            }));
        }
    }
    findings
}

/// The lines outside fenced blocks.
fn prose(document: &File) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    document.lines().filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// The words inside backticks that start like one of our paths.
fn words(text: &str) -> impl Iterator<Item = String> {
    let spans = text.split('`').skip(1).step_by(2);
    let words = spans.flat_map(str::split_whitespace);
    words
        .filter(|word| FOLDERS.iter().any(|folder| word.starts_with(folder)))
        .map(str::to_owned)
}

/// The targets of relative links, from the root's point of view.
fn links(document: &File, text: &str) -> impl Iterator<Item = String> {
    let folder = document
        .path
        .rsplit_once('/')
        .map_or("", |(folder, _)| folder)
        .to_owned();
    let targets = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', ' ']).next());
    let relative = targets.filter(|target| !target.contains(':') && !target.starts_with(['#', '/']));
    relative.map(move |target| {
        let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
        for part in target.split('/') {
            match part {
                ".." => drop(parts.pop()),
                "." => {}
                _ => parts.push(part),
            }
        }
        parts.join("/")
    })
}

/// The part of the word that must exist: no line number, anchor or punctuation, nothing from a wildcard on.
fn cited(word: &str) -> Option<String> {
    let path = word
        .split(['#', ':', ',', ';', '\'', '"', ')'])
        .next()?
        .trim_end_matches(['.', '/']);
    match path.find(['*', '<', '{', '$', '…']) {
        Some(wildcard) => path[..wildcard]
            .rsplit_once('/')
            .map(|(folder, _)| folder.to_owned()),
        None => Some(path.to_owned()).filter(|path| !path.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<String> {
        let files = [
            (path, text),
            ("crates/kernel/src/lib.rs", ""),
            ("bin/test", ""),
            ("docs/a.md", ""),
        ];
        check(&Tree::sample(&files))
            .into_iter()
            .map(|finding| finding.to_string())
            .collect()
    }

    #[test]
    fn reports_what_does_not_exist() {
        assert_eq!(
            findings(
                "README.md",
                "one\nsee `crates/kernel/src/gone.rs` and [b](docs/b.md)"
            ),
            [
                "README.md:2: cites `crates/kernel/src/gone.rs`, which does not exist",
                "README.md:2: cites `docs/b.md`, which does not exist"
            ]
        );
        assert_eq!(findings("docs/decisions/1.md", "[x](../gone.md)").len(), 1);
        assert_eq!(findings("docs/x.md", "run `bin/tset -p kernel`").len(), 1);
    }

    #[test]
    fn accepts_commands_lines_patterns_anchors_and_blocks() {
        let text = "`bin/test -p kernel`, `crates/kernel/src/lib.rs:12`, `crates/*/src`, `crates/kernel/`\n\
                    [a](docs/a.md#part) [web](https://example.com/docs/no.md) `GET /docs/none` `application/json`\n\
                    ```sh\n`bin/none`\n```\n`docs/<name>.md`";
        assert!(
            findings("README.md", text).is_empty(),
            "{:?}",
            findings("README.md", text)
        );
    }
}
