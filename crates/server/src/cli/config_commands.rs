//! `tenantry config …`.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;

use super::print;
use crate::config::{Effective, Loaded};

/// Prints every effective value with its source on standard output, and what is wrong on standard error.
pub(super) fn check(loaded: &Loaded, json: bool) -> Result<ExitCode> {
    if json {
        print(&format!("{}\n", serde_json::to_string_pretty(&as_json(loaded))?))?;
    } else {
        let width = loaded
            .values
            .iter()
            .map(|value| line(value).chars().count())
            .max()
            .unwrap_or(0);
        let width = width.min(60);
        let lines: String = loaded
            .values
            .iter()
            .map(|value| format!("{:<width$}  # {}\n", line(value), value.source))
            .collect();
        print(&lines)?;
        for warning in &loaded.warnings {
            eprintln!("warning: {warning}");
        }
        for error in &loaded.errors {
            eprintln!("error: {error}");
        }
    }
    Ok(if loaded.errors.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn line(value: &Effective) -> String {
    match &value.value {
        Some(shown) => format!("{} = {shown}", value.key),
        None => format!("# {} is not set", value.key),
    }
}

fn as_json(loaded: &Loaded) -> serde_json::Value {
    let value = |value: &Effective| json!({ "key": value.key, "value": value.value, "source": value.source.to_string() });
    json!({
        "values": loaded.values.iter().map(value).collect::<Vec<_>>(),
        "warnings": loaded.warnings,
        "errors": loaded.errors,
    })
}
