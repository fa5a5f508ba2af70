//! The catalogue of plans: what each one is called, how much it allows and what it opens.
//!
//! The catalogue is data (`plans.toml`, embedded). A tenant's features and limits are its plan's, with the
//! tenant's own overrides on top; only the overrides are stored with the tenant.
//!
//! What may not enter: prices (billing owns money) and counting (metering owns usage).

mod catalogue;
mod features;
mod limits;
mod overrides;

pub use catalogue::{Catalogue, Plan, PlanId, UnknownPlan, catalogue};
pub use features::{Feature, FeatureOverrides, FeaturePatch, Features};
pub use limits::{InvalidLimit, Limit, LimitName, LimitOverrides, LimitPatch, Limits};
pub use overrides::{Name, Overrides, Patch};

#[cfg(test)]
mod tests;
