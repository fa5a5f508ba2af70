//! Turns merged layers into typed values, remembering every error and every effective value.

use super::declaration::OptionInfo;
use super::layers::{Given, Merged, Source};
use super::names;
use super::setting::Setting;

/// One option's effective value, fit to be shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Effective {
    /// The option.
    pub key: &'static str,
    /// Its value as TOML, masked where it is secret; nothing when it is not set.
    pub value: Option<toml::Value>,
    /// Where it came from.
    pub source: Source,
}

#[derive(Debug)]
pub(super) struct Reader {
    pub(super) merged: Merged,
    pub(super) effective: Vec<Effective>,
}

impl Reader {
    pub(super) const fn new(merged: Merged) -> Self {
        Self {
            merged,
            effective: Vec::new(),
        }
    }

    /// The value of this option; nothing after an error, which is remembered.
    pub(super) fn read<T: Setting>(&mut self, key: &'static str) -> Option<T> {
        let option = names::option(key).expect("the declaration asks for what it declares");
        let (value, source) = match self.merged.given.remove(key) {
            Some((given, source)) => (self.convert::<T>(option, &given, &source)?, source),
            None => (default(option), Source::Default),
        };
        self.effective.push(Effective {
            key,
            value: value.shown(),
            source,
        });
        Some(value)
    }

    fn convert<T: Setting>(&mut self, option: &OptionInfo, given: &Given, source: &Source) -> Option<T> {
        let (converted, shown) = match given {
            Given::Text(text) => (T::from_text(text), format!("\"{text}\"")),
            Given::Toml(value) => (T::from_toml(value), value.to_string()),
        };
        if converted.is_none() {
            let shown = if T::SECRET { "the value".to_owned() } else { shown };
            self.merged
                .errors
                .push(format!("{} ({source}): {shown} is not {}", option.key, T::WANTED));
        }
        converted
    }
}

fn default<T: Setting>(option: &OptionInfo) -> T {
    let value = match option.default {
        Some(text) => toml_value(text).and_then(|value| T::from_toml(&value)),
        None => T::unset(),
    };
    value.expect("every declared default is a value of its type, which a test asserts")
}

fn toml_value(text: &str) -> Option<toml::Value> {
    let mut table: toml::Table = format!("value = {text}").parse().ok()?;
    table.remove("value")
}
