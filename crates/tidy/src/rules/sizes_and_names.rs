//! Files stay short and modules are named for what they hold.
//!
//! The length of functions is clippy's `too_many_lines`, with the threshold in `clippy.toml`.

use crate::finding::Finding;
use crate::rust_code::only_code;
use crate::tree::Tree;

const MOST_LINES: usize = 500;
/// Names that say nothing, so that anything may enter.
const EMPTY_NAMES: [&str; 6] = ["util", "utils", "common", "helper", "helpers", "misc"];

/// Measures every Rust file and reads the names of its path and of its modules.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let lines = file.text.lines().count();
        if lines > MOST_LINES {
            let message = format!("has {lines} lines, at most {MOST_LINES}: split it by what it is about");
            findings.push(Finding::at(&file.path, MOST_LINES + 1, message));
        }
        let in_path = file
            .path
            .trim_end_matches(".rs")
            .split('/')
            .find(|part| EMPTY_NAMES.contains(part));
        let in_path = in_path.map(|name| (1, name.to_owned()));
        let named = in_path.into_iter().chain(modules(&file.text));
        findings.extend(named.map(|(line, name)| {
            Finding::at(
                &file.path,
                line,
                format!("`{name}` says nothing: name the module for what it holds"),
            )
        }));
    }
    findings
}

/// Modules with an empty name that are written inside the file.
fn modules(source: &str) -> Vec<(usize, String)> {
    let code = only_code(source);
    let name_after_mod = |line: &str| {
        let mut words = line
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .skip_while(|w| *w != "mod");
        words
            .nth(1)
            .filter(|name| EMPTY_NAMES.contains(name))
            .map(str::to_owned)
    };
    code.lines()
        .enumerate()
        .filter_map(|(i, line)| Some((i + 1, name_after_mod(line)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<String> {
        check(&Tree::sample(&[(path, text)]))
            .into_iter()
            .map(|finding| finding.to_string())
            .collect()
    }

    #[test]
    fn reports_a_long_file() {
        assert!(findings("crates/a/src/lib.rs", &"\n".repeat(500)).is_empty());
        let found = findings("crates/a/src/lib.rs", &"\n".repeat(501));
        assert!(
            found[0].starts_with("crates/a/src/lib.rs:501: has 501 lines"),
            "{found:?}"
        );
    }

    #[test]
    fn reports_empty_names() {
        assert_eq!(findings("crates/a/src/utils.rs", "").len(), 1);
        assert_eq!(findings("crates/helpers/src/lib.rs", "").len(), 1);
        assert!(findings("crates/a/src/b.rs", "\npub(crate) mod misc {}")[0].contains(":2: `misc`"));
        assert!(findings("crates/a/src/b.rs", "mod utility; // mod utils").is_empty());
    }
}
