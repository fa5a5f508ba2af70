//! Features of plans: what a tenant has not is refused, and the refusal says where it can be had.

use axum::http::request::Parts;
use edge::ProblemResponse;
use kernel::{Code, Problem};
use tenants::directory::TenantSnapshot;
use tenants::plans::{Feature, Name, catalogue};

use crate::permission::feature;

/// Passes when the request's route is of no feature, or of one that the tenant has. Decided from memory.
pub(crate) fn require(parts: &Parts, tenant: &TenantSnapshot) -> Result<(), ProblemResponse> {
    match feature(parts) {
        Some(feature) if !tenant.features.contains(feature) => Err(refused(feature, tenant)),
        _ => Ok(()),
    }
}

/// Names the feature, and the cheapest plan that has it. Where the tenant's plan has it and an operator withholds it,
/// no other plan would help.
fn refused(feature: Feature, tenant: &TenantSnapshot) -> ProblemResponse {
    let name = feature.name();
    let plan = catalogue()
        .cheapest_with(feature)
        .filter(|_| !tenant.plan.plan().features.contains(feature));
    let detail = match plan {
        Some(plan) => format!("The feature `{name}` comes with the plan {}.", plan.name),
        None => format!("The feature `{name}` is withheld from this tenant."),
    };
    let problem = ProblemResponse::from(Problem::new(Code::FeatureNotInPlan, detail));
    let problem = problem.with_member("feature", name);
    match plan {
        Some(plan) => problem.with_member("plan", plan.id.name()),
        None => problem,
    }
}
