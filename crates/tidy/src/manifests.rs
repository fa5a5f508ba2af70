//! The workspace's Cargo manifests, as far as the rules ask about them.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use crate::tree::{File, Tree};

/// One of our own crates.
#[derive(Debug)]
pub(crate) struct Room<'a> {
    /// The package's name.
    pub(crate) name: String,
    /// Its manifest.
    pub(crate) manifest: &'a File,
    /// Whether it takes over the workspace's lints.
    pub(crate) shares_lints: bool,
    /// What it needs to run and to build.
    pub(crate) dependencies: BTreeMap<String, Value>,
    /// What only its tests need.
    pub(crate) dev_dependencies: BTreeMap<String, Value>,
}

impl Room<'_> {
    /// Every dependency with how it is declared, those of the tests too.
    pub(crate) fn all_dependencies(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.dependencies.iter().chain(&self.dev_dependencies)
    }

    /// The line of the manifest that names the dependency.
    pub(crate) fn line_of(&self, dependency: &str) -> usize {
        line_of_key(self.manifest, dependency)
    }
}

/// The line of a manifest whose key is that word; 1 if there is none.
pub(crate) fn line_of_key(manifest: &File, key: &str) -> usize {
    let is_key = |line: &str| {
        line.trim_start()
            .strip_prefix(key)
            .is_some_and(|rest| rest.trim_start().starts_with(['.', '=']))
    };
    manifest
        .lines()
        .find(|(_, line)| is_key(line))
        .map_or(1, |(number, _)| number)
}

/// All crates below `crates/` whose manifest can be read (Cargo itself reports the others).
pub(crate) fn rooms(tree: &Tree) -> Vec<Room<'_>> {
    let is_manifest = |file: &&File| {
        file.room()
            .is_some_and(|room| file.path.len() == "crates//Cargo.toml".len() + room.len())
    };
    tree.matching("crates/", "toml")
        .filter(is_manifest)
        .filter_map(room)
        .collect()
}

fn room(manifest: &File) -> Option<Room<'_>> {
    let table: Table = manifest.text.parse().ok()?;
    let name = table.get("package")?.get("name")?.as_str()?.to_owned();
    let mut dependencies = named(&table, "dependencies");
    dependencies.extend(named(&table, "build-dependencies"));
    let mut dev_dependencies = named(&table, "dev-dependencies");
    for (_, target) in table
        .get("target")
        .and_then(Value::as_table)
        .into_iter()
        .flatten()
    {
        let Some(target) = target.as_table() else { continue };
        dependencies.extend(named(target, "dependencies"));
        dependencies.extend(named(target, "build-dependencies"));
        dev_dependencies.extend(named(target, "dev-dependencies"));
    }
    let lints = table.get("lints").and_then(|lints| lints.get("workspace"));
    let shares_lints = lints.and_then(Value::as_bool) == Some(true);
    Some(Room {
        name,
        manifest,
        shares_lints,
        dependencies,
        dev_dependencies,
    })
}

fn named(table: &Table, section: &str) -> BTreeMap<String, Value> {
    let entries = table.get(section).and_then(Value::as_table).into_iter().flatten();
    entries
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// The names of the third-party crates in the root manifest's `[workspace.dependencies]`.
pub(crate) fn third_party(tree: &Tree) -> BTreeSet<String> {
    let root = tree
        .file("Cargo.toml")
        .and_then(|file| file.text.parse::<Table>().ok());
    let declared = root
        .and_then(|root| root.get("workspace")?.get("dependencies")?.as_table().cloned())
        .unwrap_or_default();
    declared
        .into_iter()
        .filter(|(_, value)| value.get("path").is_none())
        .map(|(name, _)| name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_all_kinds_of_dependencies() {
        let manifest = "[package]\nname = \"jobs\"\n[lints]\nworkspace = true\n[dependencies]\nkernel.workspace = true\n\
                        [target.'cfg(unix)'.dependencies]\nrustix = \"1\"\n[dev-dependencies]\ntestkit.workspace = true\n";
        let tree = Tree::sample(&[
            (
                "Cargo.toml",
                "[workspace.dependencies]\nkernel = { path = \"crates/kernel\" }\nrustix = \"1\"\n",
            ),
            ("crates/jobs/Cargo.toml", manifest),
            (
                "crates/jobs/tests/sample/Cargo.toml",
                "[package]\nname = \"nested\"\n",
            ),
        ]);
        let rooms = rooms(&tree);
        assert_eq!(rooms.len(), 1);
        assert_eq!(
            rooms[0].dependencies.keys().collect::<Vec<_>>(),
            ["kernel", "rustix"]
        );
        assert_eq!(rooms[0].dev_dependencies.keys().collect::<Vec<_>>(), ["testkit"]);
        assert!(rooms[0].shares_lints);
        assert_eq!(rooms[0].line_of("kernel"), 6);
        assert_eq!(third_party(&tree).into_iter().collect::<Vec<_>>(), ["rustix"]);
    }
}
