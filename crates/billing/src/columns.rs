//! What columns hold that the pure rooms have no column type for: read back as what was written, or the row is broken.

use std::str::FromStr;

use pricing::Currency;

/// Reads a currency's code.
pub(crate) fn currency(code: &str) -> Result<Currency, sqlx::Error> {
    parsed(code)
}

/// Reads what prints as this text.
pub(crate) fn parsed<T: FromStr>(text: &str) -> Result<T, sqlx::Error>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text.parse()
        .map_err(|error: T::Err| sqlx::Error::Decode(Box::new(error)))
}

/// Reads a document.
pub(crate) fn document<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> Result<T, sqlx::Error> {
    serde_json::from_value(value).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// Writes a document.
pub(crate) fn json<T: serde::Serialize>(value: &T) -> Result<serde_json::Value, sqlx::Error> {
    serde_json::to_value(value).map_err(|error| sqlx::Error::Encode(error.into()))
}

/// An instant in a document, to the microsecond: what people are shown ends with milliseconds.
pub(crate) fn instant(at: kernel::Timestamp) -> String {
    at.inner().to_string()
}
