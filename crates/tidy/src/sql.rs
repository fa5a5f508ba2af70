//! What the migrations say about tables: enough of PostgreSQL's DDL to give an early message.
//!
//! The proof is a test that asks the catalogue of a migrated database; DDL inside `DO` blocks and functions is not
//! seen here.

use std::collections::BTreeMap;

use crate::tree::File;

/// A piece of SQL in lower case, without comments and literals, and the line that it starts on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Where it stands.
    pub(crate) line: usize,
    /// What it says.
    pub(crate) text: String,
}

/// A table after all migrations of its folder.
#[derive(Debug)]
pub(crate) struct Table {
    /// The migration that creates it.
    pub(crate) path: String,
    /// The line of its `CREATE TABLE`.
    pub(crate) line: usize,
    /// Columns and constraints with the migration that adds them, unique indexes as `unique (…)`.
    pub(crate) items: Vec<(String, Piece)>,
    /// `ENABLE ROW LEVEL SECURITY` was said.
    pub(crate) enabled: bool,
    /// `FORCE ROW LEVEL SECURITY` was said.
    pub(crate) forced: bool,
    /// A policy exists.
    pub(crate) policy: bool,
}

impl Table {
    /// The definition of the column, with the migration that adds it.
    pub(crate) fn column(&self, name: &str) -> Option<&(String, Piece)> {
        self.items
            .iter()
            .find(|(_, item)| item.text.split_whitespace().next() == Some(name))
    }
}

/// Reads migrations, given in their order.
pub(crate) fn tables<'a>(migrations: impl Iterator<Item = &'a File>) -> BTreeMap<String, Table> {
    let mut tables = BTreeMap::new();
    for file in migrations {
        for statement in split(&code(&file.text), ';', 1) {
            apply(&mut tables, &file.path, &statement);
        }
    }
    tables
}

fn apply(tables: &mut BTreeMap<String, Table>, path: &str, statement: &Piece) {
    let text = statement.text.as_str();
    let table_of = |rest: &str| name(skip_words(rest, &["if", "not", "exists", "only"]));
    if let Some(rest) = after(text, &["create table", "create unlogged table"]) {
        create(tables, path, statement, rest);
    } else if let Some(rest) = after(text, &["alter table"]) {
        if let Some(table) = tables.get_mut(&table_of(rest)) {
            alter(table, path, statement, rest);
        }
    } else if let Some(rest) = after(text, &["create policy"]) {
        if let Some(table) = rest
            .split_once(" on ")
            .and_then(|(_, on)| tables.get_mut(&table_of(on)))
        {
            table.policy = true;
        }
    } else if let Some(rest) = after(text, &["create unique index"]) {
        let Some((_, on)) = rest.split_once(" on ") else {
            return;
        };
        let (Some(table), Some(columns)) = (tables.get_mut(&table_of(on)), on.find('(')) else {
            return;
        };
        let text = format!("unique {}", &on[columns..]);
        table.items.push((
            path.to_owned(),
            Piece {
                line: statement.line,
                text,
            },
        ));
    } else if let Some(rest) = after(text, &["drop table"]) {
        rest.split(',')
            .for_each(|dropped| drop(tables.remove(&table_of(dropped))));
    }
}

fn create(tables: &mut BTreeMap<String, Table>, path: &str, statement: &Piece, rest: &str) {
    let rest = skip_words(rest, &["if", "not", "exists"]);
    let name = name(rest);
    let after_name = rest[name.len()..].trim_start();
    if !after_name.starts_with('(') {
        return; // a partition inherits its parent's keys
    }
    let body = inside(after_name);
    let line = statement.line + newlines(&statement.text[..statement.text.len() - after_name.len()]);
    let items = split(body, ',', line)
        .into_iter()
        .map(|item| (path.to_owned(), item))
        .collect();
    let path = path.to_owned();
    let line = statement.line;
    tables.insert(
        name,
        Table {
            path,
            line,
            items,
            enabled: false,
            forced: false,
            policy: false,
        },
    );
}

fn alter(table: &mut Table, path: &str, statement: &Piece, rest: &str) {
    let rest = skip_words(rest, &["if", "exists", "only"]);
    let actions = &rest[name(rest).len()..];
    let line = statement.line + newlines(&statement.text[..statement.text.len() - actions.len()]);
    for action in split(actions, ',', line) {
        match words(&action.text).as_str() {
            "enable row level security" => table.enabled = true,
            "disable row level security" => table.enabled = false,
            "force row level security" => table.forced = true,
            "no force row level security" => table.forced = false,
            _ => {
                if let Some(added) = after(&action.text, &["add column", "add"]) {
                    let text = skip_words(added, &["if", "not", "exists"]).to_owned();
                    table.items.push((
                        path.to_owned(),
                        Piece {
                            line: action.line,
                            text,
                        },
                    ));
                }
            }
        }
    }
}

/// The text after the first of the phrases that it starts with.
pub(crate) fn after<'a>(text: &'a str, phrases: &[&str]) -> Option<&'a str> {
    phrases.iter().find_map(|phrase| {
        phrase.split(' ').try_fold(text.trim_start(), |rest, word| {
            let rest = rest.strip_prefix(word)?;
            let ends = rest.is_empty() || rest.starts_with(|c: char| c.is_whitespace() || c == '(');
            ends.then(|| rest.trim_start())
        })
    })
}

fn skip_words<'a>(text: &'a str, skipped: &[&str]) -> &'a str {
    let mut rest = text.trim_start();
    while let Some(shorter) = skipped.iter().find_map(|word| after(rest, &[word])) {
        rest = shorter;
    }
    rest
}

fn name(text: &str) -> String {
    text.trim_start()
        .split(|c: char| c.is_whitespace() || c == '(')
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// The text with single spaces.
pub(crate) fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What stands between the first parenthesis and its partner.
pub(crate) fn inside(text: &str) -> &str {
    let Some(open) = text.find('(') else { return "" };
    let mut depth = 0_usize;
    for (at, c) in text.char_indices().skip_while(|(at, _)| *at < open) {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[open + 1..at];
        }
    }
    &text[open + 1..]
}

fn newlines(text: &str) -> usize {
    text.matches('\n').count()
}

/// Splits at the separator outside parentheses; leading space is cut, empty pieces are left out.
pub(crate) fn split(text: &str, separator: char, first_line: usize) -> Vec<Piece> {
    let mut depth = 0_usize;
    let mut pieces = Vec::new();
    let mut start = 0;
    for (at, c) in text.char_indices().chain([(text.len(), separator)]) {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if (c == separator && depth == 0) || at == text.len() {
            let piece = text[start..at].trim();
            let before = at - text[start..at].trim_start().len();
            if !piece.is_empty() {
                pieces.push(Piece {
                    line: first_line + newlines(&text[..before]),
                    text: piece.to_owned(),
                });
            }
            start = (at + separator.len_utf8()).min(text.len());
        }
    }
    pieces
}

/// Lower case; comments, string literals, function bodies and the quotes of identifiers become spaces.
fn code(source: &str) -> String {
    let mut rest = source;
    let mut code = String::with_capacity(source.len());
    while let Some(first) = rest.chars().next() {
        let length = literal(rest);
        let (head, tail) = rest.split_at(length.max(first.len_utf8()));
        if length == 0 && first != '"' {
            code.push(first.to_ascii_lowercase());
        } else {
            code.extend(head.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        }
        rest = tail;
    }
    code
}

/// The length of the comment, string or dollar-quoted body that the text starts with.
fn literal(text: &str) -> usize {
    let until = |opening: usize, close: &str| {
        text[opening..]
            .find(close)
            .map_or(text.len(), |at| opening + at + close.len())
    };
    if text.starts_with("--") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return until(2, "*/");
    }
    if text.starts_with('\'') {
        return until(1, "'");
    }
    let Some(tag) = text
        .strip_prefix('$')
        .and_then(|body| body.split_once('$'))
        .map(|(tag, _)| tag)
    else {
        return 0;
    };
    let is_tag = tag.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_tag {
        until(tag.len() + 2, &format!("${tag}$"))
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> BTreeMap<String, Table> {
        let file = File {
            path: "m/1.sql".to_owned(),
            text: text.to_owned(),
        };
        tables([&file].into_iter())
    }

    #[test]
    fn reads_columns_keys_and_walls_in_any_case() {
        let tables = of(
            "-- CREATE TABLE no (id int);\nCREATE TABLE IF NOT EXISTS \"Files\" (\n  tenant_id uuid NOT NULL, -- a, b\n\
             size numeric(10, 2) DEFAULT 'a;b',\n  primary key (tenant_id, id)\n);\n\
             ALTER TABLE files ENABLE ROW LEVEL SECURITY,\n  FORCE ROW LEVEL SECURITY;\nCREATE POLICY wall ON files USING (true);",
        );
        let files = &tables["files"];
        assert_eq!(
            (files.line, files.enabled, files.forced, files.policy),
            (2, true, true, true)
        );
        let items: Vec<_> = files
            .items
            .iter()
            .map(|(_, i)| (i.line, words(&i.text)))
            .collect();
        assert_eq!(items[0], (3, "tenant_id uuid not null".to_owned()));
        assert_eq!(items[1].0, 4);
        assert_eq!(items[2], (5, "primary key (tenant_id, id)".to_owned()));
        assert_eq!(tables.len(), 1);
    }

    #[test]
    fn follows_alterations_indexes_and_drops() {
        let tables = of(
            "create table a (id int); create table gone (id int); drop table if exists gone;\n\
             create function f() returns void language sql as $x$ create table inner_one (id int); $x$;\n\
             alter table only a add column tenant_id uuid not null, add constraint k unique (id);\n\
             create unique index i on a using btree (lower(id)) where id > 0;\n\
             create table p partition of a for values in (1);",
        );
        assert_eq!(tables.keys().collect::<Vec<_>>(), ["a"]);
        let items: Vec<_> = tables["a"]
            .items
            .iter()
            .map(|(_, i)| (i.line, i.text.as_str()))
            .collect();
        assert_eq!(
            items[1..3],
            [(3, "tenant_id uuid not null"), (3, "constraint k unique (id)")]
        );
        assert_eq!(inside(items[3].1), "lower(id)");
        assert!(tables["a"].column("tenant_id").is_some() && !tables["a"].policy);
    }
}
