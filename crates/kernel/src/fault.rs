//! Planted faults: named points in the code where a test can ask for an error or for the death of the process.
//!
//! A production server refuses to start with any planted; without any, a point costs one pointer comparison.

use std::str::FromStr;
use std::sync::Arc;

/// What happens at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// The point answers an error.
    Error,
    /// The process dies as by `kill -9`: nothing is flushed, nothing is unwound.
    Abort,
}

/// The faults planted in this process, parsed from `point=error,point=abort`.
#[derive(Debug, Clone, Default)]
pub struct Faults(Option<Arc<[(String, Effect)]>>);

/// A planted fault was reached.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("planted fault at {0}")]
pub struct PlantedFault(pub String);

/// The text does not describe faults.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("faults are written point=error or point=abort, separated by commas")]
pub struct InvalidFaults;

impl Faults {
    /// No faults.
    pub const fn none() -> Self {
        Self(None)
    }

    /// Whether none is planted.
    pub const fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// Passes unless a fault is planted at this point.
    pub fn reach(&self, point: &str) -> Result<(), PlantedFault> {
        let Some(planted) = &self.0 else { return Ok(()) };
        match planted.iter().find(|(name, _)| name == point) {
            Some((_, Effect::Abort)) => std::process::abort(),
            Some((_, Effect::Error)) => Err(PlantedFault(point.to_owned())),
            None => Ok(()),
        }
    }
}

impl FromStr for Faults {
    type Err = InvalidFaults;
    fn from_str(text: &str) -> Result<Self, InvalidFaults> {
        if text.is_empty() {
            return Ok(Self::none());
        }
        let planted = text.split(',').map(|entry| match entry.split_once('=') {
            Some((point, "error")) if !point.is_empty() => Ok((point.to_owned(), Effect::Error)),
            Some((point, "abort")) if !point.is_empty() => Ok((point.to_owned(), Effect::Abort)),
            _ => Err(InvalidFaults),
        });
        Ok(Self(Some(planted.collect::<Result<Arc<[_]>, _>>()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_point_fails() {
        let faults: Faults = "storage.before=error,mail=abort".parse().expect("well formed");
        assert_eq!(
            faults.reach("storage.before"),
            Err(PlantedFault("storage.before".into()))
        );
        assert_eq!(faults.reach("storage"), Ok(()));
        assert_eq!(Faults::none().reach("storage.before"), Ok(()));
    }

    #[test]
    fn refuses_unknown_effects() {
        for text in ["storage", "storage=hang", "=error", "a=error,"] {
            assert_eq!(text.parse::<Faults>().err(), Some(InvalidFaults), "{text}");
        }
    }
}
