//! Every table that holds tenants' rows is walled.
//!
//! In the tenant stores every table has `tenant_id uuid not null`, keys that start with it (so that a row cannot
//! point at another tenant's row, and one tenant's rows lie together), and forced row-level security with a policy.
//! In the control plane this last holds for every table with a `tenant_id`. The early message only: the server
//! asserts the same from the catalogue when it starts, and a test does so for every strategy.

use crate::finding::Finding;
use crate::sql::{Piece, Table, after, inside, tables, words};
use crate::tree::Tree;

const TENANT: &str = "crates/isolation/migrations/tenant/";
const CONTROL: &str = "crates/isolation/migrations/control/";

/// Reads both folders of migrations.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, table) in &tables(tree.matching(TENANT, "sql")) {
        findings.extend(tenant_column(name, table));
        findings.extend(keys(name, table));
        findings.extend(walls(name, table));
    }
    for (name, table) in &tables(tree.matching(CONTROL, "sql")) {
        if table.column("tenant_id").is_some() {
            findings.extend(walls(name, table));
        }
    }
    findings
}

fn tenant_column(name: &str, table: &Table) -> Option<Finding> {
    let at = |line, what: &str| Some(Finding::at(&table.path, line, format!("table `{name}` {what}")));
    let Some((path, column)) = table.column("tenant_id") else {
        return at(table.line, "has no `tenant_id uuid not null`");
    };
    let text = words(&column.text);
    let holds =
        text.starts_with("tenant_id uuid") && (text.contains(" not null") || text.contains(" primary key"));
    let message = format!("table `{name}`: `tenant_id` must be `uuid not null`");
    (!holds).then(|| Finding::at(path, column.line, message))
}

fn keys(name: &str, table: &Table) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut has_primary_key = false;
    for (path, item) in &table.items {
        has_primary_key |= words(&item.text).contains("primary key");
        if let Some(fault) = key_fault(item) {
            findings.push(Finding::at(path, item.line, format!("table `{name}`: {fault}")));
        }
    }
    if !has_primary_key {
        let message = format!("table `{name}` has no primary key that starts with tenant_id");
        findings.push(Finding::at(&table.path, table.line, message));
    }
    findings
}

/// What is wrong with a key, if the item is one.
fn key_fault(item: &Piece) -> Option<String> {
    let text = words(&item.text);
    let constraint = after(&text, &["constraint"])
        .and_then(|named| named.split_once(' '))
        .map_or(text.as_str(), |(_, c)| c);
    for kind in ["primary key", "unique", "foreign key"] {
        if after(constraint, &[kind]).is_some() {
            let target = constraint
                .split_once(" references ")
                .map_or("", |(_, target)| target);
            let faulty =
                !starts_with_tenant(constraint) || (target.contains('(') && !starts_with_tenant(target));
            return faulty
                .then(|| format!("the {kind} must start with tenant_id on both sides: `{constraint}`"));
        }
    }
    let column = text
        .split(' ')
        .next()
        .filter(|name| !["tenant_id", "check", "exclude", "like"].contains(name))?;
    let inline = [" primary key", " unique", " references "]
        .iter()
        .find(|key| constraint == text && text.contains(**key))?;
    Some(format!(
        "`{column}` has an inline key (`{}`): write it as a constraint that starts with tenant_id",
        inline.trim()
    ))
}

fn starts_with_tenant(text: &str) -> bool {
    inside(text)
        .split(',')
        .next()
        .is_some_and(|column| column.trim() == "tenant_id")
}

fn walls(name: &str, table: &Table) -> Vec<Finding> {
    let wanted = [
        (table.enabled, "`ENABLE ROW LEVEL SECURITY`"),
        (table.forced, "`FORCE ROW LEVEL SECURITY`"),
        (table.policy, "a policy"),
    ];
    let missing = wanted.into_iter().filter(|(present, _)| !present);
    missing
        .map(|(_, what)| Finding::at(&table.path, table.line, format!("table `{name}` lacks {what}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALLS: &str = "ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY;\
                         CREATE POLICY p ON t USING (tenant_id = tenant.current());";

    fn findings(folder: &str, body: &str, walls: &str) -> Vec<String> {
        let text = format!("create table t (\n{body}\n);\n{walls}");
        let path = format!("{folder}0001_t.sql");
        check(&Tree::sample(&[(&path, &text)]))
            .into_iter()
            .map(|finding| finding.to_string())
            .collect()
    }

    fn tenant(body: &str) -> Vec<String> {
        findings(TENANT, body, WALLS)
    }

    const GOOD: &str = "tenant_id UUID NOT NULL,\nid uuid not null default gen_random_uuid() check (id is not null),\n\
        parent uuid,\nPRIMARY KEY (tenant_id, id),\nconstraint one_name unique nulls not distinct (tenant_id, parent),\n\
        foreign key (tenant_id, parent) references t (tenant_id, id) on delete cascade,\ncheck (parent <> id)";

    #[test]
    fn accepts_a_walled_table() {
        assert_eq!(tenant(GOOD), [""; 0]);
        assert_eq!(tenant("tenant_id uuid primary key, settings jsonb"), [""; 0]);
    }

    #[test]
    fn reports_a_missing_or_weak_tenant() {
        assert!(
            tenant("id uuid primary key")
                .iter()
                .any(|f| f.contains(":1: table `t` has no `tenant_id uuid not null`"))
        );
        assert!(
            tenant("tenant_id uuid,\nprimary key (tenant_id)")[0]
                .contains(":2: table `t`: `tenant_id` must be")
        );
        assert!(
            tenant("tenant_id text not null, primary key (tenant_id)")[0].contains("must be `uuid not null`")
        );
    }

    #[test]
    fn reports_keys_that_do_not_start_with_the_tenant() {
        let start = "tenant_id uuid not null,\nid uuid";
        let bad = [
            (
                format!("{start},\nprimary key (id, tenant_id)"),
                ":4: table `t`: the primary key",
            ),
            (
                format!("{start} primary key"),
                ":3: table `t`: `id` has an inline key (`primary key`)",
            ),
            (
                format!("{start} unique,\nprimary key (tenant_id)"),
                ":3: table `t`: `id` has an inline key (`unique`)",
            ),
            (
                format!("{start} references u,\nprimary key (tenant_id)"),
                ":3: table `t`: `id` has an inline key (`references`)",
            ),
            (
                format!("{start},\nprimary key (tenant_id, id),\nunique (id)"),
                ":5: table `t`: the unique",
            ),
            (
                format!("{start},\nprimary key (tenant_id, id),\nforeign key (id) references u (id)"),
                ":5: table `t`: the foreign key",
            ),
            (
                format!(
                    "{start},\nprimary key (tenant_id, id),\nforeign key (tenant_id, id) references u (id, x)"
                ),
                ":5: table `t`: the foreign",
            ),
            (start.to_owned(), ":1: table `t` has no primary key"),
        ];
        for (body, expected) in bad {
            let found = tenant(&body);
            assert!(
                found.len() == 1 && found[0].contains(expected),
                "{body}: {found:?}"
            );
        }
        let index = format!("{WALLS}\nCREATE UNIQUE INDEX i ON t (id);");
        assert!(findings(TENANT, GOOD, &index)[0].contains("the unique must start"));
    }

    #[test]
    fn reports_missing_walls_in_both_planes() {
        let lacking = |folder, body: &str| findings(folder, body, "").len();
        assert_eq!(lacking(TENANT, GOOD), 3);
        assert_eq!(
            lacking(CONTROL, "id uuid primary key, tenant_id uuid not null"),
            3
        );
        assert_eq!(lacking(CONTROL, "id uuid primary key, name text unique"), 0);
        let unforced = "ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (true);";
        assert_eq!(
            findings(CONTROL, "tenant_id uuid primary key", unforced),
            ["crates/isolation/migrations/control/0001_t.sql:1: table `t` lacks `FORCE ROW LEVEL SECURITY`"]
        );
    }
}
