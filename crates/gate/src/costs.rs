//! What the present month costs a tenant so far, as both planes answer it.

use billing::usage::{Estimate, EstimateError, estimate_month};
use edge::ProblemResponse;
use isolation::ControlTx;
use kernel::TenantId;
use tenants::plans::PlanId;

use crate::failure::unexpected;
use crate::state::AppState;

/// The estimate; none where the plan is not for sale.
pub async fn of_month(
    state: &AppState,
    tx: &mut ControlTx,
    tenant: TenantId,
    plan: PlanId,
) -> Result<Option<Estimate>, ProblemResponse> {
    estimate_month(tx, state.payments.terms(), tenant, plan)
        .await
        .map_err(|error| match error {
            EstimateError::Database(error) => unexpected(error),
            error => ProblemResponse::internal(error),
        })
}
