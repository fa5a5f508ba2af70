//! Numbers for value added tax in the European Union: their form, as VIES describes it. Whether one was given out only
//! VIES itself knows.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// By prefix: `9` is a digit, `L` a letter, `*` either, `+` either or one of `+` and `*` (Ireland's old form); anything
/// else itself. From VIES's frequently asked questions, number 11.
const FORMS: [(&str, &[&str]); 28] = [
    ("AT", &["U99999999"]),
    ("BE", &["0999999999", "1999999999"]),
    ("BG", &["999999999", "9999999999"]),
    ("CY", &["99999999L"]),
    ("CZ", &["99999999", "999999999", "9999999999"]),
    ("DE", &["999999999"]),
    ("DK", &["99999999"]),
    ("EE", &["999999999"]),
    ("EL", &["999999999"]),
    ("ES", &["L9999999L", "L99999999", "99999999L"]),
    ("FI", &["99999999"]),
    ("FR", &["**999999999"]),
    ("HR", &["99999999999"]),
    ("HU", &["99999999"]),
    ("IE", &["9999999L", "9999999LL", "9+99999L"]),
    ("IT", &["99999999999"]),
    ("LT", &["999999999", "999999999999"]),
    ("LU", &["99999999"]),
    ("LV", &["99999999999"]),
    ("MT", &["99999999"]),
    ("NL", &["999999999B99"]),
    ("PL", &["9999999999"]),
    ("PT", &["999999999"]),
    (
        "RO",
        &[
            "99",
            "999",
            "9999",
            "99999",
            "999999",
            "9999999",
            "99999999",
            "999999999",
            "9999999999",
        ],
    ),
    ("SE", &["999999999999"]),
    ("SI", &["99999999"]),
    ("SK", &["9999999999"]),
    ("XI", &["999999999", "999999999999", "GD999", "HA999"]),
];

/// A number of valid form, without spaces, dots and hyphens, in capitals: `DE123456789`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VatId(String);

/// The text has no form that a member state uses.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("is not a VAT identification number of the European Union")]
pub struct InvalidVatId;

impl VatId {
    /// The number with its prefix.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The country that gave it, in ISO's code: Greece's prefix is EL, its code GR. Northern Ireland's XI is for goods alone
    /// and stays what it is.
    pub fn country(&self) -> &str {
        match &self.0[..2] {
            "EL" => "GR",
            prefix => prefix,
        }
    }
}

/// As people write it: spaces, dots and hyphens are dropped, small letters become capitals.
impl FromStr for VatId {
    type Err = InvalidVatId;
    fn from_str(text: &str) -> Result<Self, InvalidVatId> {
        if text.len() > 40 {
            return Err(InvalidVatId);
        }
        let number: String = text
            .chars()
            .filter(|letter| !matches!(letter, ' ' | '.' | '-'))
            .map(|letter| letter.to_ascii_uppercase())
            .collect();
        let (prefix, rest) = number.split_at_checked(2).ok_or(InvalidVatId)?;
        let forms = FORMS.iter().find(|(known, _)| *known == prefix);
        let (_, forms) = forms.ok_or(InvalidVatId)?;
        if forms.iter().any(|form| fits(rest, form)) {
            Ok(Self(number))
        } else {
            Err(InvalidVatId)
        }
    }
}

fn fits(text: &str, form: &str) -> bool {
    text.len() == form.len()
        && text.bytes().zip(form.bytes()).all(|(byte, wanted)| match wanted {
            b'9' => byte.is_ascii_digit(),
            b'L' => byte.is_ascii_uppercase(),
            b'*' => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            b'+' => byte.is_ascii_uppercase() || byte == b'+' || byte == b'*',
            _ => byte == wanted,
        })
}

impl fmt::Display for VatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl Serialize for VatId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}
impl<'de> Deserialize<'de> for VatId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
impl PartialSchema for VatId {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("VAT identification number of the European Union."))
            .examples(["DE123456789"])
            .into()
    }
}
impl ToSchema for VatId {}
