//! Members of a PATCH body (JSON merge patch, RFC 7396): absent, null and a value are three different wishes.

use serde::{Deserialize, Deserializer};

/// What a PATCH wants of one nullable field. Fields of this type are `#[serde(default)]` and, for the document,
/// `#[schema(value_type = Option<…>)]`. A field that cannot be null is a plain `Option`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Patch<T> {
    /// Absent: it stays as it is.
    #[default]
    Keep,
    /// Null: it is removed.
    Clear,
    /// A value: it becomes this.
    Set(T),
}

impl<T> Patch<T> {
    /// The same wish with the value turned into something else.
    pub fn map<U>(self, turn: impl FnOnce(T) -> U) -> Patch<U> {
        match self {
            Self::Keep => Patch::Keep,
            Self::Clear => Patch::Clear,
            Self::Set(value) => Patch::Set(turn(value)),
        }
    }

    /// The value that is set, if one is.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }

    /// Does what is wished.
    pub fn apply(self, field: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Clear => *field = None,
            Self::Set(value) => *field = Some(value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(from)?.map_or(Self::Clear, Self::Set))
    }
}
