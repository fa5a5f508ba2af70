//! No tracked file names a package registry's host or a path of somebody's machine.
//!
//! Tools find their registry in their own configuration, and a path that exists on one machine only is a promise
//! nobody else can keep.

use crate::finding::Finding;
use crate::tree::Tree;

/// Cargo writes the index's address into the lock file by itself; this file has to spell the words.
const EXEMPT: [&str; 2] = ["Cargo.lock", "crates/tidy/src/rules/forbidden_words.rs"];

const HOSTS: [&str; 9] = [
    "crates.io",
    "pypi.org",
    "pythonhosted.org",
    "npmjs.org",
    "npmjs.com",
    "yarnpkg.com",
    "deb.debian.org",
    "security.debian.org",
    "proxy.golang.org",
];

const FOLDERS: [&str; 4] = ["/work/", "/root/", "/home/", "/Users/"];

/// Reads every line of every file.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree
        .files()
        .iter()
        .filter(|file| !EXEMPT.contains(&file.path.as_str()))
    {
        for (number, line) in file.lines() {
            if let Some(host) = HOSTS.iter().find(|host| line.contains(**host)) {
                let message = format!("names the registry host `{host}`: name the package or its repository");
                findings.push(Finding::at(&file.path, number, message));
            }
            if let Some(folder) = FOLDERS.iter().find(|folder| starts_a_path(line, folder)) {
                let message =
                    format!("`{folder}` is a path of one machine: make it relative or configurable");
                findings.push(Finding::at(&file.path, number, message));
            }
        }
    }
    findings
}

/// Whether the folder stands at the start of a path, not inside one (`/api/work/`).
fn starts_a_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back().unwrap_or(' ');
        !before.is_alphanumeric() && !['_', '-', '.', '}', '*', '~', '>'].contains(&before)
    })
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
    fn reports_hosts_and_machine_paths() {
        let found = findings(
            "README.md",
            "ok\nget it from https://crates.io/crates/x\ncd /work/main\n`/root/x`",
        );
        let places: Vec<_> = found
            .iter()
            .map(|f| f.split(": ").next().unwrap_or_default())
            .collect();
        assert_eq!(places, ["README.md:2", "README.md:3", "README.md:4"]);
    }

    #[test]
    fn accepts_inner_folders_and_the_lock_file() {
        assert!(findings("a.md", "GET /api/work/1, crates/workspace/, https://x.test/home/").is_empty());
        assert!(
            findings(
                "Cargo.lock",
                "registry+https://github.com/rust-lang/crates.io-index"
            )
            .is_empty()
        );
    }
}
