//! Lists that page by cursor: `limit` and `cursor` in, `items` and `nextCursor` out.
//!
//! A cursor names the last row of the page before it by the key of the list's order, so the cost of a page does
//! not grow with its position. It is opaque to callers but not secret: whoever forges one chooses where to
//! start among rows that he may read anyway, and a shape that is not this list's is refused.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::json::has_nul_escape;

/// How many items a page has at most: 1 to 200, 50 unless asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(u16);

impl Limit {
    /// The most that can be asked for.
    pub const MAX: u16 = 200;

    /// The most items on the page.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// How many rows to read: one more than the page has tells whether there is a next one.
    pub const fn rows(self) -> i64 {
        self.0 as i64 + 1
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let number = text
            .parse()
            .ok()
            .filter(|number| (1..=Self::MAX).contains(number));
        number
            .map(Self)
            .ok_or_else(|| D::Error::custom("must be a whole number from 1 to 200"))
    }
}

impl PartialSchema for Limit {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(Self::MAX))
            .default(Some(Self::default().0.into()))
            .description(Some("How many items the page may have."))
            .into()
    }
}
impl ToSchema for Limit {
    /// A plan has limits too.
    fn name() -> std::borrow::Cow<'static, str> {
        "PageLimit".into()
    }
}

/// The place in a list after the row with this key; `K` is what the list is ordered by, usually a tuple.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor<K>(pub K);

/// Longer than any key that we make.
const LONGEST_CURSOR: usize = 2048;

impl<K: Serialize> fmt::Display for Cursor<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_vec(&self.0).map_err(|_| fmt::Error)?;
        f.write_str(&URL_SAFE_NO_PAD.encode(json))
    }
}

impl<K: Serialize> Serialize for Cursor<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K: DeserializeOwned> Deserialize<'de> for Cursor<K> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        decode(&text)
            .map(Self)
            .ok_or_else(|| D::Error::custom("is not a cursor that this list gave out"))
    }
}

fn decode<K: DeserializeOwned>(text: &str) -> Option<K> {
    let json = URL_SAFE_NO_PAD
        .decode(Some(text).filter(|text| text.len() <= LONGEST_CURSOR)?)
        .ok()?;
    if has_nul_escape(&json) {
        None
    } else {
        serde_json::from_slice(&json).ok()
    }
}

impl<K> PartialSchema for Cursor<K> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(LONGEST_CURSOR))
            .pattern(Some("^[A-Za-z0-9_-]+$"))
            .description(Some("`nextCursor` of the page before; opaque."))
            .into()
    }
}
impl<K> ToSchema for Cursor<K> {}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Give it as `cursor` to get the next page; null on the last one.
    #[schema(required = true, examples("WyIyMDI2LTAzLTA1VDEwOjQyOjAwWiJd"))]
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// From [`Limit::rows`] rows in the list's order and the key of a row.
    pub fn new<K: Serialize>(mut rows: Vec<T>, limit: Limit, key: impl FnOnce(&T) -> K) -> Self {
        let more = rows.len() > usize::from(limit.0);
        rows.truncate(usize::from(limit.0));
        let last = if more { rows.last() } else { None };
        let next_cursor = last.map(|row| Cursor(key(row)).to_string());
        Self {
            items: rows,
            next_cursor,
        }
    }

    /// The same page of what each item is shown as.
    pub fn map<U>(self, show: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(show).collect(),
            next_cursor: self.next_cursor,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::parse_query;
    use kernel::{Code, Timestamp};

    #[derive(Debug, Deserialize)]
    struct Params {
        #[serde(default)]
        limit: Limit,
        cursor: Option<Cursor<(Timestamp, String)>>,
    }

    #[test]
    fn the_last_row_of_a_page_is_where_the_next_begins() {
        let Params { limit, cursor } = parse_query("limit=2").expect("valid");
        assert!(cursor.is_none() && limit.rows() == 3 && limit.get() == 2);
        let at = |millis: i64| Timestamp::from_micros(millis * 1000);
        let page = Page::new(vec![at(1), at(2), at(3)], limit, |time| (*time, "x"));
        assert_eq!(page.items, [at(1), at(2)]);
        let query = format!("cursor={}", page.next_cursor.expect("there is a third"));
        let next: Params = parse_query(&query).expect("ours");
        assert_eq!(next.cursor, Some(Cursor((at(2), "x".to_owned()))));
        assert_eq!(
            Page::new(vec![at(1), at(2)], limit, |time| *time).next_cursor,
            None
        );
    }

    #[test]
    fn shows_a_last_page_with_null() {
        let page = Page {
            items: vec![1],
            next_cursor: None,
        }
        .map(|number| number + 1);
        assert_eq!(
            serde_json::to_string(&page).expect("plain"),
            r#"{"items":[2],"nextCursor":null}"#
        );
    }

    #[test]
    fn refuses_limits_outside_the_bounds() {
        for text in ["0", "201", "-1", "", "1.5", "ten", "99999999999"] {
            let problem = parse_query::<Params>(&format!("limit={text}")).expect_err(text);
            assert_eq!(problem.code, Code::InvalidParameter);
            assert_eq!(problem.errors[0].pointer, "?limit");
            assert_eq!(
                problem.errors[0].detail, "must be a whole number from 1 to 200",
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_forged_cursors() {
        let encoded = |json: &str| URL_SAFE_NO_PAD.encode(json);
        for text in [
            String::new(),
            "!!!".to_owned(),
            "bm90anNvbg==".to_owned(),
            encoded("not json"),
            encoded(r#"["2026-03-05T10:42:00Z"]"#),
            encoded(r#"["yesterday","x"]"#),
            encoded(r#"["2026-03-05T10:42:00Z","a\u0000"]"#),
            encoded(&format!(
                r#"["2026-03-05T10:42:00Z","{}"]"#,
                "x".repeat(LONGEST_CURSOR)
            )),
        ] {
            let problem = parse_query::<Params>(&format!("cursor={text}")).expect_err(&text);
            assert_eq!(problem.errors[0].pointer, "?cursor");
            assert_eq!(
                problem.errors[0].detail,
                "is not a cursor that this list gave out"
            );
        }
    }
}
