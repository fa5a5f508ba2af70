//! The dependencies between our own crates are exactly those of the diagram in `docs/architecture.md`.
//!
//! The diagram is a fenced block labelled `edges` with one line per crate: `jobs -> isolation, kernel`, or just
//! `kernel ->` for one that needs no other. Tests may use `testkit` freely; another crate that only tests use is
//! not drawn, but must not point upward.

use std::collections::{BTreeMap, BTreeSet};

use crate::finding::Finding;
use crate::manifests::{Room, rooms};
use crate::tree::{File, Tree};

const DIAGRAM: &str = "docs/architecture.md";

type Edges = BTreeMap<String, BTreeSet<String>>;

/// Compares the manifests with the diagram.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(document) = tree.file(DIAGRAM) else {
        return vec![Finding::at(
            DIAGRAM,
            1,
            "is missing: it holds the diagram of the crates",
        )];
    };
    let rooms = rooms(tree);
    let ours: BTreeSet<String> = rooms.iter().map(|room| room.name.clone()).collect();
    let real: Edges = rooms
        .iter()
        .map(|room| (room.name.clone(), own(room, &ours)))
        .collect();
    let drawn = drawn(document);
    if drawn.is_empty() {
        return vec![Finding::at(DIAGRAM, 1, "has no fenced block labelled `edges`")];
    }
    let mut findings = stale(&drawn, &real);
    for room in &rooms {
        findings.extend(missing(room, &real[&room.name], &drawn));
        findings.extend(upward_in_tests(room, &ours, &real));
    }
    findings
}

fn own(room: &Room<'_>, ours: &BTreeSet<String>) -> BTreeSet<String> {
    room.dependencies
        .keys()
        .filter(|name| ours.contains(*name))
        .cloned()
        .collect()
}

/// Crate, its line and what the diagram lets it use.
fn drawn(document: &File) -> BTreeMap<String, (usize, BTreeSet<String>)> {
    let inside = document
        .lines()
        .skip_while(|(_, line)| line.trim() != "```edges")
        .skip(1)
        .take_while(|(_, line)| !line.trim_start().starts_with("```"));
    let edge = |(number, line): (usize, &str)| {
        let line = line.split('#').next().unwrap_or_default();
        let (from, to) = line.split_once("->")?;
        let to = to
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        Some((from.trim().to_owned(), (number, to)))
    };
    inside.filter_map(edge).collect()
}

/// What is drawn and does not exist.
fn stale(drawn: &BTreeMap<String, (usize, BTreeSet<String>)>, real: &Edges) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (from, (line, targets)) in drawn {
        let Some(uses) = real.get(from) else {
            findings.push(Finding::at(
                DIAGRAM,
                *line,
                format!("draws `{from}`, which is no crate here"),
            ));
            continue;
        };
        for to in targets.difference(uses) {
            let message =
                format!("draws `{from} -> {to}`, but {from} does not depend on {to}: erase the edge");
            findings.push(Finding::at(DIAGRAM, *line, message));
        }
    }
    findings
}

/// What exists and is not drawn.
fn missing(
    room: &Room<'_>,
    uses: &BTreeSet<String>,
    drawn: &BTreeMap<String, (usize, BTreeSet<String>)>,
) -> Vec<Finding> {
    let Some((_, allowed)) = drawn.get(&room.name) else {
        let message = format!("`{}` has no line in the diagram of {DIAGRAM}", room.name);
        return vec![Finding::at(&room.manifest.path, 1, message)];
    };
    let finding = |to: &String| {
        let message = format!(
            "`{} -> {to}` is not in the diagram of {DIAGRAM}: is this an edge the design wants?",
            room.name
        );
        Finding::at(&room.manifest.path, room.line_of(to), message)
    };
    uses.difference(allowed).map(finding).collect()
}

fn upward_in_tests(room: &Room<'_>, ours: &BTreeSet<String>, real: &Edges) -> Vec<Finding> {
    let upward = |to: &&String| {
        to.as_str() != "testkit" && ours.contains(*to) && reaches(real, to, &room.name, &mut BTreeSet::new())
    };
    let finding = |to: &String| {
        let message = format!(
            "the tests of `{}` use `{to}`, which is above it: move the test up",
            room.name
        );
        Finding::at(&room.manifest.path, room.line_of(to), message)
    };
    room.dev_dependencies.keys().filter(upward).map(finding).collect()
}

fn reaches(edges: &Edges, from: &str, to: &str, seen: &mut BTreeSet<String>) -> bool {
    from == to
        || (seen.insert(from.to_owned())
            && edges
                .get(from)
                .into_iter()
                .flatten()
                .any(|next| reaches(edges, next, to, seen)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KERNEL: (&str, &str) = (
        "crates/kernel/Cargo.toml",
        "[package]\nname = \"kernel\"\n[dependencies]\nserde.workspace = true\n",
    );
    const JOBS: (&str, &str) = (
        "crates/jobs/Cargo.toml",
        "[package]\nname = \"jobs\"\n[dependencies]\nkernel.workspace = true\n",
    );

    fn findings(diagram: &str, kernel: (&str, &str)) -> Vec<String> {
        let tree = Tree::sample(&[(DIAGRAM, diagram), kernel, JOBS]);
        check(&tree)
            .into_iter()
            .map(|finding| finding.to_string())
            .collect()
    }

    #[test]
    fn accepts_the_true_diagram() {
        assert!(findings("x\n```edges\njobs -> kernel # why\nkernel ->\n```\n", KERNEL).is_empty());
    }

    #[test]
    fn reports_an_edge_that_is_not_drawn() {
        let found = findings("```edges\njobs ->\nkernel ->\n```", KERNEL);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("crates/jobs/Cargo.toml:4: `jobs -> kernel` is not in the diagram"));
    }

    #[test]
    fn reports_an_edge_that_is_only_drawn_and_a_crate_that_is_gone() {
        let found = findings(
            "```edges\njobs -> kernel, mail\nkernel ->\ngone -> kernel\n```",
            KERNEL,
        );
        assert_eq!(found.len(), 2);
        assert!(
            found[0].contains(":4: draws `gone`") && found[1].contains(":2: draws `jobs -> mail`"),
            "{found:?}"
        );
    }

    #[test]
    fn reports_a_crate_without_a_line_and_a_missing_diagram() {
        assert!(findings("```edges\njobs -> kernel\n```", KERNEL)[0].contains("`kernel` has no line"));
        assert!(findings("no block", KERNEL)[0].contains("no fenced block"));
        assert!(check(&Tree::sample(&[JOBS]))[0].message.contains("missing"));
    }

    #[test]
    fn tests_may_use_testkit_but_nothing_above() {
        let diagram = "```edges\njobs -> kernel\nkernel ->\n```";
        let with = |name: &str| {
            format!("[package]\nname = \"kernel\"\n[dev-dependencies]\n{name}.workspace = true\n")
        };
        assert!(findings(diagram, (KERNEL.0, &with("testkit"))).is_empty());
        let found = findings(diagram, (KERNEL.0, &with("jobs")));
        assert!(
            found[0].contains(":4: the tests of `kernel` use `jobs`"),
            "{found:?}"
        );
    }
}
