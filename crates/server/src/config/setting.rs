//! The types of values: how each is written in the file and in a variable, and how it is shown.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use jiff::SignedDuration;
use kernel::{Faults, MasterKey, Secret};
use mail::Mailbox;
use sqlx::postgres::PgConnectOptions;
use toml::Value;
use tracing_subscriber::EnvFilter;
use url::{Host, Url};

const MASK: &str = "********";

/// A type that an option can have.
pub trait Setting: Sized {
    /// Whether a value must not be shown, not even a wrong one.
    const SECRET: bool = false;
    /// What a value is, for "is not …".
    const WANTED: &'static str;

    /// From a variable or the command line.
    fn from_text(text: &str) -> Option<Self>;

    /// From the file; most values are text there too.
    fn from_toml(value: &Value) -> Option<Self> {
        Self::from_text(value.as_str()?)
    }

    /// What it is when nobody says anything and there is no default.
    fn unset() -> Option<Self> {
        None
    }

    /// As TOML, masked where it is secret; nothing when it is not set.
    fn shown(&self) -> Option<Value>;
}

/// Types whose text is what the library makes of it.
macro_rules! texts {
    ($( $type:ty: $wanted:literal, $show:expr; )+) => {$(
        impl Setting for $type {
            const WANTED: &'static str = $wanted;
            fn from_text(text: &str) -> Option<Self> {
                text.parse().ok()
            }
            fn shown(&self) -> Option<Value> {
                let show: fn(&Self) -> String = $show;
                Some(show(self).into())
            }
        }
    )+};
}

texts! {
    SocketAddr: "an address and port, such as \"127.0.0.1:3000\"", ToString::to_string;
    Url: "a URL, such as \"https://app.example.com\"", ToString::to_string;
    IpNet: "a network, such as \"10.0.0.0/8\"", ToString::to_string;
    String: "a text in quotes", Clone::clone;
    PathBuf: "a path in quotes", |path| path.display().to_string();
    Mailbox: "a mailbox, such as \"Tenantry <no-reply@example.com>\"", ToString::to_string;
    Domain: "a domain name, such as \"app.example.com\"", |domain| domain.0.clone();
    LogFilter: "a filter, such as \"info\" or \"info,sqlx=debug\"", |filter| filter.0.clone();
    PlantedFaults: "faults, written point=error or point=abort, by commas", |planted| planted.0.clone();
}

/// Types that TOML writes as integers.
macro_rules! integers {
    ($($type:ty),+) => {$(
        impl Setting for $type {
            const WANTED: &'static str = "a whole number that is not negative";
            fn from_text(text: &str) -> Option<Self> {
                text.replace('_', "").parse().ok()
            }
            fn from_toml(value: &Value) -> Option<Self> {
                value.as_integer()?.try_into().ok()
            }
            fn shown(&self) -> Option<Value> {
                Some(Value::Integer((*self).try_into().unwrap_or(i64::MAX)))
            }
        }
    )+};
}

integers!(u16, u32, u64, usize);

/// Types with a few values, each with a name.
macro_rules! choices {
    ($( $(#[$about:meta])* $Type:ident: $wanted:literal { $( $(#[$choice_about:meta])* $Choice:ident = $name:literal ),+ $(,)? } )+) => {$(
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $Type {
            $( $(#[$choice_about])* $Choice, )+
        }

        impl Setting for $Type {
            const WANTED: &'static str = $wanted;
            fn from_text(text: &str) -> Option<Self> {
                match text {
                    $( $name => Some(Self::$Choice), )+
                    _ => None,
                }
            }
            fn shown(&self) -> Option<Value> {
                Some(match self {
                    $( Self::$Choice => $name.into(), )+
                })
            }
        }
    )+};
}

choices! {
    /// What the installation is for.
    Environment: "\"production\" or \"development\"" {
        /// People depend on it: what only a developer's machine may have is refused.
        Production = "production",
        /// A developer's machine, or a test.
        Development = "development",
    }
    /// Where proxies name the caller's address.
    ForwardingHeader: "\"x-forwarded-for\" or \"forwarded\"" {
        /// The older, common one.
        XForwardedFor = "x-forwarded-for",
        /// RFC 7239.
        Forwarded = "forwarded",
    }
    /// How new passwords are hashed.
    PasswordAlgorithm: "\"bcrypt\" or \"argon2id\"" {
        /// bcrypt.
        Bcrypt = "bcrypt",
        /// Argon2id.
        Argon2id = "argon2id",
    }
    /// How log lines look.
    LogFormat: "\"json\", \"pretty\" or \"auto\"" {
        /// JSON in production, else for people.
        Auto = "auto",
        /// An object a line.
        Json = "json",
        /// For people.
        Pretty = "pretty",
    }
    /// How the connection to the SMTP server is encrypted.
    SmtpTls: "\"auto\", \"implicit\", \"starttls\" or \"none\"" {
        /// By host and port.
        Auto = "auto",
        /// From the first byte.
        Implicit = "implicit",
        /// After a greeting in the clear; required.
        StartTls = "starttls",
        /// Never.
        None = "none",
    }
}

impl Setting for bool {
    const WANTED: &'static str = "true or false";
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn from_toml(value: &Value) -> Option<Self> {
        value.as_bool()
    }
    fn shown(&self) -> Option<Value> {
        Some((*self).into())
    }
}

impl Setting for Duration {
    const WANTED: &'static str = "a time, such as \"30s\" or \"5m\"";
    fn from_text(text: &str) -> Option<Self> {
        text.parse::<SignedDuration>()
            .ok()
            .and_then(|span| span.try_into().ok())
    }
    fn shown(&self) -> Option<Value> {
        let span = SignedDuration::try_from(*self).unwrap_or(SignedDuration::MAX);
        Some(format!("{span:#}").into())
    }
}

impl<T: Setting> Setting for Option<T> {
    const SECRET: bool = T::SECRET;
    const WANTED: &'static str = T::WANTED;
    fn from_text(text: &str) -> Option<Self> {
        T::from_text(text).map(Some)
    }
    fn from_toml(value: &Value) -> Option<Self> {
        T::from_toml(value).map(Some)
    }
    fn unset() -> Option<Self> {
        Some(None)
    }
    fn shown(&self) -> Option<Value> {
        self.as_ref().and_then(T::shown)
    }
}

/// In a variable the entries are separated by commas.
impl<T: Setting> Setting for Vec<T> {
    const SECRET: bool = T::SECRET;
    const WANTED: &'static str = T::WANTED;
    fn from_text(text: &str) -> Option<Self> {
        text.split(',').map(|entry| T::from_text(entry.trim())).collect()
    }
    fn from_toml(value: &Value) -> Option<Self> {
        value.as_array()?.iter().map(T::from_toml).collect()
    }
    fn shown(&self) -> Option<Value> {
        Some(Value::Array(self.iter().filter_map(T::shown).collect()))
    }
}

impl Setting for Secret<String> {
    const SECRET: bool = true;
    const WANTED: &'static str = "a text in quotes";
    fn from_text(text: &str) -> Option<Self> {
        Some(Self::new(text.to_owned()))
    }
    fn shown(&self) -> Option<Value> {
        Some(MASK.into())
    }
}

/// Where a PostgreSQL is and who we are to it, in the form that libpq reads.
#[derive(Clone)]
pub struct DatabaseUrl(Secret<String>);

impl DatabaseUrl {
    /// The URL with its password.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// How to connect.
    pub fn options(&self) -> PgConnectOptions {
        self.expose()
            .parse()
            .expect("it was parsed when it was configured")
    }

    fn masked(&self) -> String {
        let Ok(mut url) = self.expose().parse::<Url>() else {
            return MASK.to_owned();
        };
        // libpq takes a password among the parameters too.
        if url.query_pairs().any(|(name, _)| name.contains("password")) {
            url.set_query(None);
        }
        if url.password().is_some() && url.set_password(Some(MASK)).is_err() {
            return MASK.to_owned();
        }
        url.to_string()
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl Setting for DatabaseUrl {
    const SECRET: bool = true;
    const WANTED: &'static str = "a PostgreSQL URL, such as \"postgres://user:password@host/database\"";
    fn from_text(text: &str) -> Option<Self> {
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return None;
        }
        text.parse::<PgConnectOptions>().ok()?;
        Some(Self(Secret::new(text.to_owned())))
    }
    fn shown(&self) -> Option<Value> {
        Some(self.masked().into())
    }
}

/// A key of 32 bytes as 64 hexadecimal digits.
#[derive(Clone)]
pub struct HexKey(MasterKey, Secret<String>);

impl HexKey {
    /// The key itself.
    pub fn key(&self) -> MasterKey {
        self.0.clone()
    }

    /// Whether somebody made it up: 32 random bytes with fewer than sixteen different ones, or that count up, do not
    /// occur.
    pub(super) fn is_made_up(&self) -> bool {
        let pairs: Vec<_> = self.1.expose().as_bytes().chunks(2).collect();
        let mut different = pairs.clone();
        different.sort_unstable();
        different.dedup();
        different.len() < 16 || different == pairs
    }
}

impl fmt::Debug for HexKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Setting for HexKey {
    const SECRET: bool = true;
    const WANTED: &'static str = "64 hexadecimal digits";
    fn from_text(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        MasterKey::from_hex(&text).map(|key| Self(key, Secret::new(text)))
    }
    fn shown(&self) -> Option<Value> {
        Some(MASK.into())
    }
}

/// A domain name in its ASCII form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain(String);

impl Domain {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Domain {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        match Host::parse(text) {
            Ok(Host::Domain(name)) if !name.starts_with('.') => {
                Ok(Self(name.trim_end_matches('.').to_owned()))
            }
            _ => Err(()),
        }
    }
}

/// What is logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFilter(String);

impl LogFilter {
    /// As the logging library wants it.
    pub fn directives(&self) -> EnvFilter {
        self.0.parse().expect("it was parsed when it was configured")
    }
}

impl FromStr for LogFilter {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        text.parse::<EnvFilter>().map_err(drop)?;
        Ok(Self(text.to_owned()))
    }
}

/// Faults that a test planted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlantedFaults(String);

impl PlantedFaults {
    /// As the product's points look at them.
    pub fn faults(&self) -> Faults {
        self.0.parse().expect("it was parsed when it was configured")
    }
}

impl FromStr for PlantedFaults {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        text.parse::<Faults>().map_err(drop)?;
        Ok(Self(text.to_owned()))
    }
}
