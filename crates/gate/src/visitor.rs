//! A caller without a credential. What he may do follows from what he brings, an invitation's token, say.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use edge::ProblemResponse;
use isolation::{Caller, PlatformCtx};
use kernel::{Actor, ActorKind, Grants, TenantId, UserId};

use crate::allow_list;
use crate::origin::request_info;
use crate::selection::{Selected, selected};
use crate::state::AppState;

/// A caller without a credential. His context carries no permission: only operations that need none, because they
/// check what he brings, may be given it.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// What a transaction opens from.
    pub ctx: PlatformCtx,
    /// The tenant that header or host name, if any; what he brings must be of this tenant.
    pub tenant: Option<TenantId>,
}

impl Visitor {
    /// The same, known by what he brought: the trail names this person.
    #[must_use]
    pub fn recognised(self, user: UserId) -> Self {
        let actor = Actor::new(ActorKind::User, user.to_string());
        let caller = Caller {
            actor,
            ..self.ctx.caller().clone()
        };
        Self {
            ctx: self.ctx.databases().platform(caller),
            ..self
        }
    }
}

impl Visitor {
    /// Passes where the tenant lets its callers come from the visitor's address. To be asked as soon as it is known
    /// whose door he is at; where header or host say so, it was asked already.
    pub async fn let_in_by(&self, state: &AppState, tenant: TenantId) -> Result<(), ProblemResponse> {
        let caller = self.ctx.caller();
        allow_list::require(state, tenant, &caller.actor, &caller.request).await
    }
}

impl FromRequestParts<AppState> for Visitor {
    type Rejection = ProblemResponse;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ProblemResponse> {
        let tenant = match selected(parts, state).await? {
            Selected::Nobody => None,
            Selected::Tenant(tenant) => Some(tenant),
        };
        let request = request_info(parts, &state.settings);
        let caller = Caller {
            actor: Actor::system("visitor"),
            grants: Grants::none(),
            request,
            limit: None,
        };
        let visitor = Self {
            ctx: state.databases.platform(caller),
            tenant,
        };
        if let Some(tenant) = tenant {
            visitor.let_in_by(state, tenant).await?;
        }
        Ok(visitor)
    }
}
