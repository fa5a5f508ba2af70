//! Every direct third-party dependency is wanted, used and explained.
//!
//! Versions live in the root manifest; `docs/dependencies.md` has one line (a table row or a list item that starts
//! with the crate's name in backticks) that says what it does for us and what else was considered.

use std::collections::{BTreeMap, BTreeSet};

use crate::finding::Finding;
use crate::manifests::{Room, line_of_key, rooms, third_party};
use crate::rust_code::{lines_with_word, only_code};
use crate::tree::{File, Tree};

const ROOT: &str = "Cargo.toml";
const EXPLANATIONS: &str = "docs/dependencies.md";

/// Compares manifests, sources and explanations.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let rooms = rooms(tree);
    let mut findings = explained(tree);
    findings.extend(declared_in_vain(tree, &rooms));
    for room in &rooms {
        findings.extend(inherited(room));
        findings.extend(unused(tree, room));
    }
    findings
}

fn explained(tree: &Tree) -> Vec<Finding> {
    let Some(document) = tree.file(EXPLANATIONS) else {
        return vec![Finding::at(
            EXPLANATIONS,
            1,
            "is missing: it explains every direct dependency",
        )];
    };
    let lines = explanations(document);
    let wanted = third_party(tree);
    let stale = lines
        .iter()
        .filter(|(name, _)| !wanted.contains(*name))
        .map(|(name, line)| {
            Finding::at(
                EXPLANATIONS,
                *line,
                format!("explains `{name}`, which is no dependency of ours"),
            )
        });
    let missing = wanted
        .iter()
        .filter(|name| !lines.contains_key(*name))
        .map(|name| {
            let message = format!(
                "`{name}` has no line in {EXPLANATIONS}: say what it does for us and what else was considered"
            );
            Finding::at(
                ROOT,
                tree.file(ROOT).map_or(1, |root| line_of_key(root, name)),
                message,
            )
        });
    stale.chain(missing).collect()
}

/// Crate and line of every table row and list item that starts with a name in backticks.
fn explanations(document: &File) -> BTreeMap<String, usize> {
    let name = |line: &str| {
        let item = line.trim_start().strip_prefix(['|', '-', '*'])?;
        let (name, _) = item.trim_start().strip_prefix('`')?.split_once('`')?;
        Some(name.to_owned())
    };
    document
        .lines()
        .filter_map(|(number, line)| Some((name(line)?, number)))
        .collect()
}

/// Lines of the root manifest that no crate takes up.
fn declared_in_vain(tree: &Tree, rooms: &[Room<'_>]) -> Vec<Finding> {
    let Some(root) = tree.file(ROOT) else {
        return Vec::new();
    };
    let used: BTreeSet<&String> = rooms
        .iter()
        .flat_map(Room::all_dependencies)
        .map(|(name, _)| name)
        .collect();
    let finding = |name: &String| {
        Finding::at(
            ROOT,
            line_of_key(root, name),
            format!("no crate uses `{name}`: take the line out"),
        )
    };
    third_party(tree)
        .iter()
        .filter(|name| !used.contains(name))
        .map(finding)
        .collect()
}

/// Versions and lints come from the root manifest.
fn inherited(room: &Room<'_>) -> Vec<Finding> {
    let path = &room.manifest.path;
    let own_version = room
        .all_dependencies()
        .filter(|(_, declared)| declared.get("workspace").and_then(toml::Value::as_bool) != Some(true));
    let mut findings: Vec<Finding> = own_version
        .map(|(name, _)| {
            Finding::at(
                path,
                room.line_of(name),
                format!("write `{name}.workspace = true`"),
            )
        })
        .collect();
    if !room.shares_lints {
        findings.push(Finding::at(path, 1, "lacks `[lints] workspace = true`"));
    }
    findings
}

/// Dependencies that the crate's code never names.
fn unused(tree: &Tree, room: &Room<'_>) -> Vec<Finding> {
    let folder = room.manifest.path.trim_end_matches(ROOT);
    let codes: Vec<String> = tree
        .matching(folder, "rs")
        .map(|file| only_code(&file.text))
        .collect();
    let named = |name: &str| {
        let word = name.replace('-', "_");
        codes.iter().any(|code| !lines_with_word(code, &word).is_empty())
    };
    let finding = |(name, _): (&String, _)| {
        Finding::at(
            &room.manifest.path,
            room.line_of(name),
            format!("`{name}` is not used by this crate"),
        )
    };
    room.all_dependencies()
        .filter(|(name, _)| !named(name))
        .map(finding)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: (&str, &str) = ("crates/a/src/lib.rs", "use uuid::Uuid;");
    const MANIFEST: (&str, &str) = (
        "crates/a/Cargo.toml",
        "[package]\nname = \"a\"\n[lints]\nworkspace = true\n[dependencies]\nuuid.workspace = true\n",
    );
    const DECLARED: (&str, &str) = (
        ROOT,
        "[workspace.dependencies]\na = { path = \"crates/a\" }\nuuid = { version = \"1\" }\n",
    );
    const EXPLAINED: (&str, &str) = (
        EXPLANATIONS,
        "| crate | why |\n|---|---|\n| `uuid` | ids |\n\nText with `words`.\n",
    );

    fn findings(files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::sample(files))
            .into_iter()
            .map(|finding| finding.to_string())
            .collect()
    }

    #[test]
    fn accepts_what_is_used_and_explained() {
        assert_eq!(findings(&[CODE, MANIFEST, DECLARED, EXPLAINED]), [""; 0]);
    }

    #[test]
    fn reports_missing_and_stale_explanations() {
        let found = findings(&[CODE, MANIFEST, DECLARED, (EXPLANATIONS, "- `serde`: json\n")]);
        assert_eq!(found.len(), 2);
        assert!(
            found[0].starts_with("docs/dependencies.md:1: explains `serde`"),
            "{found:?}"
        );
        assert!(
            found[1].starts_with("Cargo.toml:3: `uuid` has no line"),
            "{found:?}"
        );
        assert!(findings(&[CODE, MANIFEST, DECLARED])[0].contains("is missing"));
    }

    #[test]
    fn reports_what_nobody_uses() {
        let idle = ("crates/a/src/lib.rs", "// uuid");
        assert_eq!(
            findings(&[idle, MANIFEST, DECLARED, EXPLAINED]),
            ["crates/a/Cargo.toml:6: `uuid` is not used by this crate"]
        );
        let none = (MANIFEST.0, "[package]\nname = \"a\"\n[lints]\nworkspace = true\n");
        assert_eq!(
            findings(&[CODE, none, DECLARED, EXPLAINED]),
            ["Cargo.toml:3: no crate uses `uuid`: take the line out"]
        );
    }

    #[test]
    fn reports_a_version_or_lints_of_its_own() {
        let own = (
            MANIFEST.0,
            "[package]\nname = \"a\"\n[dependencies]\nuuid = \"1\"\n",
        );
        assert_eq!(
            findings(&[CODE, own, DECLARED, EXPLAINED]),
            [
                "crates/a/Cargo.toml:4: write `uuid.workspace = true`",
                "crates/a/Cargo.toml:1: lacks `[lints] workspace = true`"
            ]
        );
    }
}
