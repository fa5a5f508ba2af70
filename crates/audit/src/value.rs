//! What may stand in an event: plain values in clear, personal and secret ones only as a mark.

use kernel::Secret;
use serde_json::Value as Json;

/// A value that belongs to a person (name, address, telephone number): it is replaced by a mark.
#[derive(Debug, Clone, Copy)]
pub struct Personal<T>(pub T);

/// A value as it stands in the trail. It can only be made from types that say how they are shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Value(Json);

impl Value {
    /// The JSON that is stored.
    pub fn into_json(self) -> Json {
        self.0
    }

    /// A value that serialises, known to hold nothing personal and nothing secret.
    pub fn plain<T: serde::Serialize>(value: T) -> Self {
        Self(serde_json::to_value(value).unwrap_or(Json::Null))
    }
}

impl<T> From<Personal<T>> for Value {
    fn from(_: Personal<T>) -> Self {
        Self(Json::from("[personal]"))
    }
}
impl<T> From<Secret<T>> for Value {
    fn from(_: Secret<T>) -> Self {
        Self(Json::from("[secret]"))
    }
}

macro_rules! shown_in_clear {
    ($($plain:ty),*) => { $(
        impl From<$plain> for Value {
            fn from(value: $plain) -> Self { Self(Json::from(value)) }
        }
    )* };
}
shown_in_clear!(bool, i32, i64, u16, u32, u64, &str, String, Json);

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self(Json::Null), Into::into)
    }
}
impl From<kernel::Timestamp> for Value {
    fn from(value: kernel::Timestamp) -> Self {
        Self(Json::from(value.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personal_and_secret_values_do_not_show() {
        assert_eq!(Value::from(Personal("ada@example.com")).into_json(), "[personal]");
        assert_eq!(Value::from(Secret::new("hunter2")).into_json(), "[secret]");
        assert_eq!(Value::from("active").into_json(), "active");
        assert_eq!(Value::from(None::<Personal<String>>).into_json(), Json::Null);
    }
}
