//! Members of a PATCH body (RFC 7396): an absent one leaves the field as it is. Both are to be used with
//! `#[serde(default, deserialize_with = "…")]`.

use serde::{Deserialize, Deserializer};

/// A field that has to have a value: `null` is refused.
pub(crate) fn value<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// A field that can be empty: `null` is `Some(None)`.
#[expect(
    clippy::option_option,
    reason = "absent, null and a value are the three things a member can be"
)]
pub(crate) fn nullable<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}
