//! The tables, on the terminal and in the document. The document's prose is written by people; each table has its
//! place between two comments.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::measure::{Comparison, Samples, Unit};

/// A table's place.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Section {
    Requests,
    Quota,
    Scale,
    Ingest,
    Events,
    Provision,
    Tenants,
    Logins,
    KeyTiming,
    Billing,
    Webhooks,
}

impl Section {
    fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Quota => "quota",
            Self::Scale => "scale",
            Self::Ingest => "ingest",
            Self::Events => "events",
            Self::Provision => "provision",
            Self::Tenants => "tenants",
            Self::Logins => "logins",
            Self::KeyTiming => "key_timing",
            Self::Billing => "billing",
            Self::Webhooks => "webhooks",
        }
    }
}

/// The document that results go to, if any.
pub(crate) struct Report(Option<PathBuf>);

impl Report {
    /// Fails early where the document has no place for a table.
    pub(crate) fn open(document: Option<PathBuf>) -> Result<Self> {
        let report = Self(document);
        for section in [
            Section::Requests,
            Section::Quota,
            Section::Scale,
            Section::Ingest,
            Section::Events,
            Section::Provision,
            Section::Tenants,
            Section::Logins,
            Section::KeyTiming,
            Section::Billing,
            Section::Webhooks,
        ] {
            report.replaced(section, "")?;
        }
        Ok(report)
    }

    /// Prints the table and puts it in its place.
    pub(crate) fn write(&mut self, section: Section, rows: &[Comparison], machine: &str) -> Result<()> {
        self.put(section, &table(rows), machine)
    }

    /// The same with another table below it.
    pub(crate) fn write_with(
        &mut self,
        section: Section,
        rows: &[Comparison],
        below: &str,
        machine: &str,
    ) -> Result<()> {
        self.put(section, &format!("{}\n{below}", table(rows)), machine)
    }

    /// The same for a table of another form.
    pub(crate) fn put(&mut self, section: Section, table: &str, machine: &str) -> Result<()> {
        println!("{table}");
        let text = format!(
            "{table}\nMeasured with `bin/bench {}` on {machine}.\n",
            section.name()
        );
        if let (Some(path), Some(whole)) = (&self.0, self.replaced(section, &text)?) {
            std::fs::write(path, whole)?;
        }
        Ok(())
    }

    fn replaced(&self, section: Section, table: &str) -> Result<Option<String>> {
        let Some(path) = &self.0 else { return Ok(None) };
        let whole = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let place = || {
            format!(
                "{} has no place for the table `{}`",
                path.display(),
                section.name()
            )
        };
        replace(&whole, section.name(), table)
            .with_context(place)
            .map(Some)
    }
}

/// The document with this between the two comments.
fn replace(whole: &str, name: &str, table: &str) -> Option<String> {
    let (begin, end) = (
        format!("<!-- {name}: written by bin/bench -->\n"),
        format!("<!-- /{name} -->"),
    );
    let (before, rest) = whole.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}{table}{end}{after}"))
}

fn table(rows: &[Comparison]) -> String {
    let mut text = String::from(
        "| measured | against | ratio | target | measured: median (min–max) | against: median (min–max) |\n\
         |---|---|---|---|---|---|\n",
    );
    for row in rows {
        let verdict = if row.is_good() { "" } else { " missed" };
        let enough = row
            .enough
            .map(|enough| format!(" or ≥ {enough}{}", row.unit.label()))
            .unwrap_or_default();
        let _ = writeln!(
            text,
            "| {} | {} | **{:.2}**{verdict} | ≤ {}{enough} | {} | {} |",
            row.what,
            row.against,
            row.ratio(),
            row.limit,
            spread(&row.product, row.unit),
            spread(&row.bare, row.unit),
        );
    }
    text
}

fn spread(samples: &Samples, unit: Unit) -> String {
    let show = |number: f64| {
        if number >= 100.0 {
            format!("{number:.0}")
        } else {
            format!("{number:.2}")
        }
    };
    let (median, least, most) = (
        show(samples.median()),
        show(samples.least()),
        show(samples.most()),
    );
    match unit {
        Unit::Milliseconds => format!("{median} ms ({least}–{most})"),
        Unit::PerSecond => format!("{median}/s ({least}–{most})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_takes_the_place_of_the_one_before() {
        let document = "# Speed\n<!-- a: written by bin/bench -->\nold\n<!-- /a -->\nend\n";
        let replaced = replace(document, "a", "new\n").expect("there is a place");
        assert_eq!(
            replaced,
            "# Speed\n<!-- a: written by bin/bench -->\nnew\n<!-- /a -->\nend\n"
        );
        assert_eq!(replace(document, "b", "new\n"), None);
    }
}
