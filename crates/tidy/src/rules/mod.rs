//! The rules, one module each.

mod cited_paths;
mod dependencies;
mod edges;
mod forbidden_words;
mod leftovers;
mod pools;
mod sizes_and_names;
mod tenant_tables;

use crate::finding::Finding;
use crate::tree::Tree;

type Rule = fn(&Tree) -> Vec<Finding>;

const RULES: [Rule; 8] = [
    edges::check,
    dependencies::check,
    cited_paths::check,
    sizes_and_names::check,
    pools::check,
    tenant_tables::check,
    forbidden_words::check,
    leftovers::check,
];

/// Every rule's findings, in the order of their places.
pub(crate) fn check_all(tree: &Tree) -> Vec<Finding> {
    let mut findings: Vec<Finding> = RULES.iter().flat_map(|rule| rule(tree)).collect();
    findings.sort();
    findings.dedup();
    findings
}
