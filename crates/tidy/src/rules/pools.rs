//! Connections are opened in `isolation` only, so that no other room can reach a table without its tenant set.

use crate::finding::Finding;
use crate::rust_code::{lines_with_word, only_code};
use crate::tree::{File, Tree};

/// Names that stand for a connection of one's own.
const DOORS: [&str; 3] = ["PgPool", "PgPoolOptions", "PgConnection::connect"];

/// Looks for the doors outside the rooms that may have them.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust().filter(|file| !may_connect(file)) {
        let code = only_code(&file.text);
        for door in DOORS {
            findings.extend(lines_with_word(&code, door).into_iter().map(|line| {
                let message =
                    format!("`{door}` belongs to crates/isolation: take a TenantTx or ControlTx instead");
                Finding::at(&file.path, line, message)
            }));
        }
    }
    findings
}

/// `isolation` owns the pools, `testkit` builds and drops databases, `bench` measures what the database can do without
/// the product, `local-postgres` proves that its server answers.
fn may_connect(file: &File) -> bool {
    match file.room() {
        Some("isolation" | "testkit" | "bench") => true,
        Some("local-postgres") => file.path.contains("/tests/") || file.path.ends_with("/tests.rs"),
        _ => false,
    }
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
    fn reports_a_pool_outside_isolation() {
        let code = "// PgPool\nuse sqlx::PgPool;\nlet c = PgConnection::connect(url);";
        let found = findings("crates/tenants/src/sql.rs", code);
        assert_eq!(found.len(), 2);
        assert!(
            found[0].starts_with("crates/tenants/src/sql.rs:2: `PgPool` belongs"),
            "{found:?}"
        );
        assert_eq!(findings("crates/local-postgres/src/lib.rs", code).len(), 2);
    }

    #[test]
    fn accepts_it_where_it_belongs() {
        for path in [
            "crates/isolation/src/pools.rs",
            "crates/testkit/src/lib.rs",
            "crates/local-postgres/tests/it.rs",
        ] {
            assert!(findings(path, "use sqlx::PgPool;").is_empty());
        }
        assert!(findings("crates/tenants/src/sql.rs", "fn f(c: &mut PgConnection) {}").is_empty());
    }
}
