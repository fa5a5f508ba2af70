//! What one tenant has differently from its plan, by name: features and limits share this shape.

use std::collections::BTreeMap;
use std::fmt;

use kernel::FieldError;
use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};
use utoipa::PartialSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};

/// A name out of a fixed set, written in camelCase; snake_case is understood too.
pub trait Name: Copy + Ord + fmt::Debug + 'static {
    /// Every name there is.
    const ALL: &'static [Self];
    /// What the names name, for messages: `feature`, `limit`.
    const KIND: &'static str;
    /// The canonical form.
    fn name(self) -> &'static str;

    /// The name written so.
    fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| same(known.name(), text))
    }
}

/// Whether `text` is `canonical` itself or its snake_case form.
fn same(canonical: &str, text: &str) -> bool {
    text == canonical || (!text.contains(char::is_uppercase) && text == snake_case(canonical))
}

fn snake_case(camel: &str) -> String {
    camel.chars().fold(String::new(), |mut snake, letter| {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
        snake
    })
}

/// Values that replace the plan's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overrides<N: Name, V>(BTreeMap<N, V>);

impl<N: Name, V: Copy + PartialEq> Overrides<N, V> {
    /// The value that replaces the plan's, if one does.
    pub fn get(&self, name: N) -> Option<V> {
        self.0.get(&name).copied()
    }

    /// Whether everything is as the plan says.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The replaced values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (N, V)> {
        self.0.iter().map(|(name, value)| (*name, *value))
    }

    /// The same with a change applied.
    #[must_use]
    pub fn patched(mut self, patch: &Patch<N, V>) -> Self {
        for (name, value) in &patch.0 {
            match value {
                Some(value) => self.0.insert(*name, *value),
                None => self.0.remove(name),
            };
        }
        self
    }
}

impl<N: Name, V> Default for Overrides<N, V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<N: Name, V: Serialize> Serialize for Overrides<N, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name.name(), value)))
    }
}

/// As the database holds them: names that a newer release wrote are passed over, not an error.
impl<'de, N: Name, V: Deserialize<'de>> Deserialize<'de> for Overrides<N, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = BTreeMap::<String, V>::deserialize(deserializer)?;
        let known = |(name, value): (String, V)| N::parse(&name).map(|name| (name, value));
        Ok(Self(stored.into_iter().filter_map(known).collect()))
    }
}

/// A change of overrides: a value replaces the plan's, `None` returns to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch<N: Name, V>(BTreeMap<N, Option<V>>);

/// As requests hold it.
impl<N: Name, V: PartialSchema> PartialSchema for Patch<N, V> {
    fn schema() -> RefOr<Schema> {
        let names = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(N::ALL.iter().map(|name| name.name())));
        let value = OneOfBuilder::new()
            .item(V::schema())
            .item(ObjectBuilder::new().schema_type(Type::Null));
        ObjectBuilder::new()
            .property_names(Some(names))
            .additional_properties(Some(Schema::OneOf(value.build())))
            .into()
    }
}

impl<N: Name, V> Default for Patch<N, V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<N: Name, V> Patch<N, V> {
    /// Reads a JSON object's members, each at `base` plus its name in the body. Every wrong member is reported.
    pub fn read<W, E: fmt::Display>(
        base: &str,
        members: impl IntoIterator<Item = (String, Option<W>)>,
        value: impl Fn(W) -> Result<V, E>,
    ) -> Result<Self, Vec<FieldError>> {
        let (mut patch, mut errors) = (BTreeMap::new(), Vec::new());
        for (text, member) in members {
            let pointer = || format!("{base}/{}", text.replace('~', "~0").replace('/', "~1"));
            match (N::parse(&text), member.map(&value).transpose()) {
                (None, _) => errors.push(FieldError::new(pointer(), format!("is not a known {}", N::KIND))),
                (_, Err(error)) => errors.push(FieldError::new(pointer(), error.to_string())),
                (Some(name), Ok(value)) => {
                    if patch.insert(name, value).is_some() {
                        errors.push(FieldError::new(pointer(), "is given twice"));
                    }
                }
            }
        }
        if errors.is_empty() {
            Ok(Self(patch))
        } else {
            Err(errors)
        }
    }

    /// Sets one value.
    #[must_use]
    pub fn set(mut self, name: N, value: V) -> Self {
        self.0.insert(name, Some(value));
        self
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
