//! The project's own checks: what a reader would otherwise have to remember, checked by a machine.
//!
//! One module per rule under [`rules`]; every rule is a pure function from the [`tree::Tree`] of tracked files to
//! findings, and every rule has a test that shows it failing on a bad sample. Nothing here compiles, connects or
//! writes. What the compiler, clippy or a test against a real database can prove belongs there; a rule here only
//! gives the early message, or guards what no other tool sees.
//!
//! `cargo run -q -p tidy` prints one `path:line: message` per finding and fails if there is any.

mod finding;
mod manifests;
mod rules;
mod rust_code;
mod sql;
mod tree;

use std::path::PathBuf;
use std::process::ExitCode;

use tree::Tree;

fn main() -> ExitCode {
    let root = std::env::args_os().nth(1).map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")),
        PathBuf::from,
    );
    let tree = match Tree::read(&root) {
        Ok(tree) => tree,
        Err(error) => {
            eprintln!("tidy: cannot read {}: {error}", root.display());
            return ExitCode::FAILURE;
        }
    };
    let findings = rules::check_all(&tree);
    for finding in &findings {
        println!("{finding}");
    }
    if findings.is_empty() {
        println!("tidy: {} files, nothing to report", tree.files().len());
        ExitCode::SUCCESS
    } else {
        println!("tidy: {} to mend", findings.len());
        ExitCode::FAILURE
    }
}
