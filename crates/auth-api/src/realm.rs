//! Which tenant somebody means who has no credential yet: the one of the host or of `X-Tenant-Id`, else the one that
//! the body names.

use std::sync::Arc;

use access::login::Realm;
use edge::ProblemResponse;
use gate::{AppState, Visitor, unexpected};
use kernel::{Code, FieldError, Problem, TenantId};
use tenants::Slug;
use tenants::directory::TenantSnapshot;

/// As much of a name as could be one.
const LONGEST: usize = 100;

/// The tenant that visitor and body name. One that does not exist is a place where nobody comes in, and is not told
/// apart from one where this visitor does not.
pub(crate) async fn named(
    state: &AppState,
    visitor: &Visitor,
    named: Option<&str>,
) -> Result<Realm, ProblemResponse> {
    match (visitor.tenant, named) {
        (None, None) => {
            let missing = "must name the tenant, because the host does not";
            Err(Problem::invalid(vec![FieldError::new("/tenant", missing)]).into())
        }
        (Some(tenant), None) => {
            let known = state.directory.by_id(tenant).await.map_err(unexpected)?;
            Ok(known.map_or_else(|| Realm::Nowhere(tenant.to_string()), Realm::Tenant))
        }
        (selected, Some(name)) => {
            let known = find(state, name).await?;
            let agrees = |tenant: TenantId| known.as_ref().is_some_and(|known| known.id == tenant);
            if selected.is_some_and(|tenant| !agrees(tenant)) {
                return Err(Code::NotFound.into());
            }
            let Some(known) = known else {
                return Ok(Realm::Nowhere(name.chars().take(LONGEST).collect()));
            };
            visitor.let_in_by(state, known.id).await?;
            Ok(Realm::Tenant(known))
        }
    }
}

/// By identifier or by its present slug.
async fn find(state: &AppState, name: &str) -> Result<Option<Arc<TenantSnapshot>>, ProblemResponse> {
    if let Ok(id) = name.parse::<TenantId>() {
        return state.directory.by_id(id).await.map_err(unexpected);
    }
    let Ok(slug) = name.parse::<Slug>() else {
        return Ok(None);
    };
    let found = state.directory.by_slug(&slug).await.map_err(unexpected)?;
    Ok(found.filter(|found| !found.moved).map(|found| found.tenant))
}
