//! Currencies (ISO 4217): the code and how many decimals its minor unit has.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// ISO 4217, list one, by the decimals of the minor unit: the currencies in circulation, and the units of account that
/// contracts are made in (CLF, UYW). Metals and test codes are not in it: nobody pays with them.
const BY_EXPONENT: [(u8, &str); 4] = [
    (
        0,
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    ),
    (
        2,
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC \
         CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR \
         JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD \
         NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN \
         SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG",
    ),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
    (4, "CLF UYW"),
];

/// A currency that there is. In JSON its code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency {
    code: &'static str,
    exponent: u8,
}

/// No currency has this code.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("is not the ISO 4217 code of a currency")]
pub struct UnknownCurrency;

impl Currency {
    /// The US dollar, in which the seed's prices are.
    pub const USD: Self = Self {
        code: "USD",
        exponent: 2,
    };
    /// The euro.
    pub const EUR: Self = Self {
        code: "EUR",
        exponent: 2,
    };
    /// The yen, which has no minor unit.
    pub const JPY: Self = Self {
        code: "JPY",
        exponent: 0,
    };
    /// The Kuwaiti dinar, which has a thousand fils.
    pub const KWD: Self = Self {
        code: "KWD",
        exponent: 3,
    };

    /// Three capital letters.
    pub const fn code(self) -> &'static str {
        self.code
    }

    /// How many decimals the minor unit has: 2 for the dollar, 0 for the yen, 3 for the Kuwaiti dinar.
    pub const fn exponent(self) -> u8 {
        self.exponent
    }

    /// How many minor units make one major unit.
    pub fn minor_per_major(self) -> i64 {
        10_i64.pow(u32::from(self.exponent))
    }

    /// Every currency, by its number of decimals.
    pub fn all() -> impl Iterator<Item = Self> {
        BY_EXPONENT.iter().flat_map(|&(exponent, codes)| {
            codes
                .split_ascii_whitespace()
                .map(move |code| Self { code, exponent })
        })
    }
}

/// In capitals or not: providers write them small.
impl FromStr for Currency {
    type Err = UnknownCurrency;
    fn from_str(code: &str) -> Result<Self, UnknownCurrency> {
        Self::all()
            .find(|currency| currency.code.eq_ignore_ascii_case(code))
            .ok_or(UnknownCurrency)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code)
    }
}
impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code)
    }
}
impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        code.parse().map_err(serde::de::Error::custom)
    }
}

impl PartialSchema for Currency {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("ISO 4217 code."))
            .pattern(Some("^[A-Z]{3}$"))
            .examples(["USD"])
            .into()
    }
}
impl ToSchema for Currency {}
