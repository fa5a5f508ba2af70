//! Changing a tenant's record, apart from its status.

use serde_json::{Map, Value};

use super::model::{BillingCycle, Tenant};
use super::settings::InvalidSettings;
use super::slug::Slug;
use super::text::{Region, TenantName};
use crate::plans::{FeaturePatch, LimitPatch, PlanId};

/// What is to change; what is left out stays.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PatchTenant {
    /// What people call it.
    pub name: Option<TenantName>,
    /// What it is called in addresses; the old one leads there for 30 days.
    pub slug: Option<Slug>,
    /// What it is on.
    pub plan: Option<PlanId>,
    /// How often it pays.
    pub billing_cycle: Option<BillingCycle>,
    /// Where it wants its data to be; `Some(None)` is anywhere.
    pub region: Option<Option<Region>>,
    /// What it has differently from its plan.
    pub features: FeaturePatch,
    /// How much it may differently from its plan.
    pub limits: LimitPatch,
    /// A JSON Merge Patch of its settings.
    pub settings: Map<String, Value>,
}

impl Tenant {
    /// The same with a change applied. The version is the caller's affair.
    pub fn patched(self, patch: PatchTenant) -> Result<Self, InvalidSettings> {
        let on_plan = match patch.plan {
            Some(plan) => self.on_plan(plan),
            None => self,
        };
        Ok(Self {
            name: patch.name.unwrap_or(on_plan.name),
            slug: patch.slug.unwrap_or(on_plan.slug),
            billing_cycle: patch.billing_cycle.unwrap_or(on_plan.billing_cycle),
            region: patch.region.unwrap_or(on_plan.region),
            feature_overrides: on_plan.feature_overrides.patched(&patch.features),
            limit_overrides: on_plan.limit_overrides.patched(&patch.limits),
            settings: on_plan.settings.merged(patch.settings)?,
            ..on_plan
        })
    }
}
