//! Typed identifiers: a UUIDv7 (RFC 9562) in memory and in the database, a TypeID
//! (`prefix_` + 26 characters of Crockford base 32, as in the TypeID specification 0.3) everywhere else.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueRef};
use sqlx::{Decode, Encode, Postgres, Type};
use uuid::Uuid;

use crate::time::Timestamp;

/// A kind of thing that has identifiers of its own.
pub trait Entity: 'static {
    /// The part before the underscore, e.g. `tenant` in `tenant_01h455vb4pex5vsknk084sn02q`.
    const PREFIX: &'static str;
}

/// The identifier of a `T`. Two entities' identifiers do not mix: the compiler refuses it.
pub struct Id<T: Entity>(Uuid, PhantomData<fn() -> T>);

/// The text was not a TypeID of the expected entity.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a {expected} identifier")]
pub struct InvalidId {
    /// The prefix that was expected.
    pub expected: &'static str,
}

impl<T: Entity> Id<T> {
    /// A fresh identifier: the time in milliseconds, its fraction in `rand_a` (RFC 9562 §6.2 method 3, so that
    /// identifiers made in one process sort by creation), then 62 random bits.
    pub fn from_parts(now: Timestamp, random: [u8; 8]) -> Self {
        let nanos = now.as_nanosecond();
        let millis = u64::try_from(nanos / 1_000_000).unwrap_or(0);
        let fraction = u16::try_from((nanos.rem_euclid(1_000_000)) * 4096 / 1_000_000).unwrap_or(0);
        let mut bytes = [0_u8; 16];
        bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
        bytes[6..8].copy_from_slice(&(0x7000 | fraction).to_be_bytes());
        bytes[8..].copy_from_slice(&random);
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self::from_uuid(Uuid::from_bytes(bytes))
    }

    /// The identifier that the database stores as `uuid`.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }

    /// The native form, for SQL parameters and for names derived from it.
    pub const fn uuid(self) -> Uuid {
        self.0
    }

    /// 32 lower-case hexadecimal digits: what schema, database and role names are made of.
    pub fn hex(self) -> String {
        self.0.simple().to_string()
    }
}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

fn encode(value: u128) -> [u8; 26] {
    let mut text = [0_u8; 26];
    for (place, slot) in text.iter_mut().rev().enumerate() {
        let digit = usize::try_from((value >> (5 * place)) & 31).unwrap_or(0);
        *slot = ALPHABET[digit];
    }
    text
}

fn decode(text: &str) -> Option<u128> {
    let bytes = text.as_bytes();
    // 26 digits hold 130 bits; a first digit above 7 would overflow the 128 there are.
    if bytes.len() != 26 || bytes[0] > b'7' {
        return None;
    }
    bytes.iter().try_fold(0_u128, |value, byte| {
        let digit = ALPHABET.iter().position(|symbol| symbol == byte)?;
        Some((value << 5) | digit as u128)
    })
}

impl<T: Entity> FromStr for Id<T> {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        text.strip_prefix(T::PREFIX)
            .and_then(|rest| rest.strip_prefix('_'))
            .and_then(decode)
            .map(|value| Self::from_uuid(Uuid::from_u128(value)))
            .ok_or(InvalidId { expected: T::PREFIX })
    }
}

impl<T: Entity> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = encode(self.0.as_u128());
        f.write_str(T::PREFIX)?;
        f.write_str("_")?;
        f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
    }
}

impl<T: Entity> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<T: Entity> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: Entity> Copy for Id<T> {}
impl<T: Entity> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<T: Entity> Eq for Id<T> {}
impl<T: Entity> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<T: Entity> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}
impl<T: Entity> Hash for Id<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<T: Entity> Serialize for Id<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de, T: Entity> Deserialize<'de> for Id<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl<T: Entity> Type<Postgres> for Id<T> {
    fn type_info() -> PgTypeInfo {
        <Uuid as Type<Postgres>>::type_info()
    }
}
impl<T: Entity> PgHasArrayType for Id<T> {
    fn array_type_info() -> PgTypeInfo {
        <Uuid as PgHasArrayType>::array_type_info()
    }
}
impl<T: Entity> Encode<'_, Postgres> for Id<T> {
    fn encode_by_ref(&self, buf: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        <Uuid as Encode<Postgres>>::encode_by_ref(&self.0, buf)
    }
}
impl<'r, T: Entity> Decode<'r, Postgres> for Id<T> {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        <Uuid as Decode<Postgres>>::decode(value).map(Self::from_uuid)
    }
}

impl<T: Entity> utoipa::PartialSchema for Id<T> {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some(format!("^{}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$", T::PREFIX)))
            .examples([format!("{}_01h455vb4pex5vsknk084sn02q", T::PREFIX)])
            .into()
    }
}
impl<T: Entity> utoipa::ToSchema for Id<T> {
    /// `TenantId`, `ApiKeyId`: without a name of its own each entity's schema would overwrite the others'.
    fn name() -> std::borrow::Cow<'static, str> {
        let words = T::PREFIX.split('_').map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            first.to_ascii_uppercase() + rest
        });
        std::borrow::Cow::Owned(words.collect::<String>() + "Id")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug)]
    enum Prefix {}
    impl Entity for Prefix {
        const PREFIX: &'static str = "prefix";
    }

    /// `valid.yml` of the TypeID specification.
    #[test]
    fn encodes_the_vectors_of_the_specification() {
        for (uuid, text) in [
            (
                "00000000-0000-0000-0000-000000000000",
                "prefix_00000000000000000000000000",
            ),
            (
                "0110c853-1d09-52d8-d73e-1194e95b5f19",
                "prefix_0123456789abcdefghjkmnpqrs",
            ),
            (
                "01890a5d-ac96-774b-bcce-b302099a8057",
                "prefix_01h455vb4pex5vsknk084sn02q",
            ),
            (
                "ffffffff-ffff-ffff-ffff-ffffffffffff",
                "prefix_7zzzzzzzzzzzzzzzzzzzzzzzzz",
            ),
        ] {
            let id = Id::<Prefix>::from_uuid(uuid.parse().expect("a vector"));
            assert_eq!(id.to_string(), text);
            assert_eq!(text.parse::<Id<Prefix>>(), Ok(id));
        }
    }

    /// `invalid.yml` of the TypeID specification, for a known prefix.
    #[test]
    fn refuses_what_is_not_a_type_id() {
        for text in [
            "PREFIX_00000000000000000000000000",
            "prefix_0000000000000000000000000",
            "prefix_000000000000000000000000000",
            "prefix_8zzzzzzzzzzzzzzzzzzzzzzzzz",
            "prefix_0123456789ABCDEFGHJKMNPQRS",
            "prefix_0123456789abcdefghjkmnpqiu",
            "prefix_ooooooiiiiiiuuuuuuulllllll",
            "prefix-00000000000000000000000000",
            "other_00000000000000000000000000",
            "prefix_",
            "",
        ] {
            assert_eq!(
                text.parse::<Id<Prefix>>(),
                Err(InvalidId { expected: "prefix" }),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn round_trips_and_sorts_by_time(first in 0_i64..4_000_000_000_000_000, gap in 1_i64..1_000_000, random: [u8; 8]) {
            let earlier = Id::<Prefix>::from_parts(Timestamp::from_micros(first), random);
            let later = Id::<Prefix>::from_parts(Timestamp::from_micros(first + gap), random);
            prop_assert!(earlier < later);
            prop_assert_eq!(earlier.uuid().get_version_num(), 7);
            prop_assert_eq!(earlier.to_string().parse::<Id<Prefix>>(), Ok(earlier));
        }
    }
}
