//! Members that are objects. serde would take a list of a struct's values in order for the struct, there as at the
//! root of a body.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// For `#[serde(deserialize_with)]` of a member whose type is a struct.
pub fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    from.deserialize_map(Object(PhantomData))
}

/// The same for a member that may be null or, with `#[serde(default)]`, absent.
pub fn object_or_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    Ok(Option::<Member<T>>::deserialize(from)?.map(|member| member.0))
}

struct Member<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Member<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        object(from).map(Self)
    }
}

struct Object<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    struct Point {
        x: u8,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Line {
        #[serde(default, deserialize_with = "object")]
        from: Point,
        #[serde(default, deserialize_with = "object_or_null")]
        to: Option<Point>,
    }

    #[test]
    fn only_objects_are_taken_for_structs() {
        let line = |value| from_value::<Line>(value).map_err(|error| error.to_string());
        let expected = Line {
            from: Point { x: 1 },
            to: Some(Point { x: 2 }),
        };
        assert_eq!(line(json!({"from": {"x": 1}, "to": {"x": 2}})), Ok(expected));
        assert_eq!(
            line(json!({})),
            Ok(Line {
                from: Point::default(),
                to: None
            })
        );
        assert_eq!(
            line(json!({"to": null})),
            Ok(Line {
                from: Point::default(),
                to: None
            })
        );
        for wrong in [
            json!({"from": [1]}),
            json!({"to": [2]}),
            json!({"from": []}),
            json!({"from": null}),
        ] {
            let error = line(wrong.clone()).expect_err(&wrong.to_string());
            assert!(error.contains("expected an object"), "{error}");
        }
    }
}
