//! Where values come from. A later layer wins: defaults, what `tenantry dev` presets, the file, the environment, the
//! command line. What no option is called is refused with the nearest name.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::Value;

use super::names;

/// The file that is read when none is named and it exists.
const CUSTOMARY_FILE: &str = "tenantry.toml";

/// Where one value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nobody said anything.
    Default,
    /// `tenantry dev` has a default of its own.
    Preset,
    /// The file.
    File(PathBuf),
    /// This environment variable.
    Variable(String),
    /// The command line.
    CommandLine,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Preset => f.write_str("tenantry dev"),
            Self::File(path) => path.display().fmt(f),
            Self::Variable(name) => f.write_str(name),
            Self::CommandLine => f.write_str("command line"),
        }
    }
}

/// A value before its type is known.
#[derive(Debug, Clone)]
pub(super) enum Given {
    Text(String),
    Toml(Value),
}

/// Everything a configuration is made of.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    /// What `tenantry dev` sets where nobody else does.
    pub presets: Vec<(&'static str, String)>,
    /// The file, if there is one.
    pub file: Option<PathBuf>,
    /// The environment.
    pub environment: Vec<(OsString, OsString)>,
    /// The command line: keys and values.
    pub command_line: Vec<(String, String)>,
}

impl Layers {
    /// The layers of this process: the file named or the customary one, the environment, and these settings.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment"
    )]
    pub fn of_process(file: Option<PathBuf>, command_line: Vec<(String, String)>) -> Self {
        let customary = || Some(PathBuf::from(CUSTOMARY_FILE)).filter(|path| path.exists());
        Self {
            presets: Vec::new(),
            file: file.or_else(customary),
            environment: std::env::vars_os().collect(),
            command_line,
        }
    }

    pub(super) fn merge(&self) -> Merged {
        let mut merged = Merged::default();
        for (key, value) in &self.presets {
            merged.give(key, Given::Text(value.clone()), Source::Preset);
        }
        if let Some(path) = &self.file {
            merged.read_file(path);
        }
        merged.read_environment(&self.environment);
        for (key, value) in &self.command_line {
            merged.read_setting(key, value);
        }
        merged
    }
}

/// The layers in one, and what was wrong with them.
#[derive(Debug, Default)]
pub(super) struct Merged {
    pub(super) given: BTreeMap<&'static str, (Given, Source)>,
    pub(super) errors: Vec<String>,
}

impl Merged {
    fn give(&mut self, key: &'static str, value: Given, source: Source) {
        self.given.insert(key, (value, source));
    }

    fn read_file(&mut self, path: &Path) {
        let shown = path.display();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => return self.errors.push(format!("{shown}: {error}")),
        };
        let sections = match text.parse::<toml::Table>() {
            Ok(sections) => sections,
            Err(error) => return self.errors.push(syntax(path, &text, &error)),
        };
        for (section, value) in sections {
            let Value::Table(options) = value else {
                self.errors.push(format!(
                    "{shown}: `{section}` is outside any section{}",
                    names::hint(&section)
                ));
                continue;
            };
            if let Some(hint) = names::hint_for_section(&section) {
                self.errors
                    .push(format!("{shown}: there is no section [{section}]{hint}"));
                continue;
            }
            for (name, value) in options {
                let key = format!("{section}.{name}");
                match names::option(&key) {
                    Some(option) => {
                        self.give(option.key, Given::Toml(value), Source::File(path.to_owned()));
                    }
                    None => self.errors.push(format!(
                        "{shown}: there is no option `{key}`{}",
                        names::hint(&key)
                    )),
                }
            }
        }
    }

    /// The customary names first, so that the regular ones win. An empty variable counts as none.
    fn read_environment(&mut self, environment: &[(OsString, OsString)]) {
        let mut regular = Vec::new();
        for (name, value) in environment.iter().filter(|(_, value)| !value.is_empty()) {
            let Some(name) = name.to_str() else { continue };
            match names::of_variable(name, &value.to_string_lossy()) {
                names::Variable::Customary(key) => self.read_variable(key, name, value),
                names::Variable::Regular(key) => regular.push((key, name, value)),
                names::Variable::Unknown(hint) => self
                    .errors
                    .push(format!("there is no option for the variable {name}{hint}")),
                names::Variable::Foreign => {}
            }
        }
        for (key, name, value) in regular {
            self.read_variable(key, name, value);
        }
    }

    fn read_variable(&mut self, key: &'static str, name: &str, value: &OsString) {
        match value.to_str() {
            Some(text) => self.give(
                key,
                Given::Text(text.to_owned()),
                Source::Variable(name.to_owned()),
            ),
            None => self.errors.push(format!("the variable {name} is not UTF-8")),
        }
    }

    fn read_setting(&mut self, key: &str, value: &str) {
        match names::option(key) {
            // Every user of the machine can read the command line of a process.
            Some(option) if option.secret => self.errors.push(format!(
                "`{key}` is a secret and may not be on the command line: use {} or the file",
                option.variable()
            )),
            Some(option) => self.give(option.key, Given::Text(value.to_owned()), Source::CommandLine),
            None => self
                .errors
                .push(format!("there is no option `{key}`{}", names::hint(key))),
        }
    }
}

/// The library's own message shows the line, which may hold a secret.
fn syntax(path: &Path, text: &str, error: &toml::de::Error) -> String {
    let at = error.span().map_or(0, |span| span.start);
    let line = text.get(..at).unwrap_or_default().matches('\n').count() + 1;
    format!("{}, line {line}: {}", path.display(), error.message())
}
