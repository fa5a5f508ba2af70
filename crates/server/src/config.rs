//! The configuration: one typed [`Config`] from defaults, one file, the environment and the command line.
//!
//! Invariants: an option is declared once (`options.rs`), and everything else follows from that; what is not
//! declared is refused, never ignored; a secret is never shown, not even in an error; only this room reads the
//! environment.
//!
//! What may not enter: what an option does. The rooms below get settings of their own types (`parts.rs`) and do
//! not know where those came from.

mod checks;
mod collecting;
mod declaration;
mod default_file;
mod layers;
mod names;
mod options;
mod parts;
mod rate;
mod reader;
mod setting;
mod usage;

#[cfg(test)]
mod tests;

use std::fmt;

pub use declaration::{OptionInfo, SectionInfo};
pub use default_file::default_file;
pub use layers::{Layers, Source};
pub use options::{
    Config, Database, Development, Limits, Logging, Mail, Outbound, RateLimits, Redis, SECTIONS, Security,
    Server, Storage, Stripe, Tenants, Usage,
};
pub use parts::Inconsistent;
pub use rate::RateLimit;
pub use reader::Effective;
pub use setting::{
    DatabaseUrl, Domain, Environment, ForwardingHeader, HexKey, LogFilter, LogFormat, PasswordAlgorithm,
    PlantedFaults, Setting, SmtpTls,
};

use checks::check;
use reader::Reader;

/// Everything that is wrong with a configuration, at once.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub struct InvalidConfig(pub Vec<String>);

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration is not valid:")?;
        self.0.iter().try_for_each(|error| write!(f, "\n- {error}"))
    }
}

/// What was made of the layers, valid or not.
#[derive(Debug)]
pub struct Loaded {
    /// Every option that could be read, in the order of the file.
    pub values: Vec<Effective>,
    /// What keeps the product from running.
    pub errors: Vec<String>,
    /// What somebody should know.
    pub warnings: Vec<String>,
    /// The values, if each is one of its type; there may be errors all the same.
    pub config: Option<Config>,
}

impl Loaded {
    /// Merges, reads and checks everything.
    pub fn of(layers: &Layers) -> Self {
        let mut reader = Reader::new(layers.merge());
        let config = Config::read(&mut reader);
        let findings = config.as_ref().map(check).unwrap_or_default();
        let mut errors = reader.merged.errors;
        errors.extend(findings.errors);
        Self {
            values: reader.effective,
            errors,
            warnings: findings.warnings,
            config,
        }
    }

    /// The configuration, if nothing is wrong with it.
    pub fn valid(self) -> Result<Config, InvalidConfig> {
        match self.config {
            Some(config) if self.errors.is_empty() => Ok(config),
            _ => Err(InvalidConfig(self.errors)),
        }
    }
}
