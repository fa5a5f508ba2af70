//! `/api`: what the people and machines of a tenant do, over HTTP; also `/health` and the page that an invitation
//! leads to. Each handler parses, calls one operation and renders its answer; there is no SQL here and no business
//! rule.

mod api_keys;
mod audit_events;
mod files;
mod health;
mod invitation_page;
mod invitations;
mod me;
mod permissions;
mod projects;
mod refusals;
mod roles;
mod security_policy;
mod settings;
mod tasks;
mod tenant;
mod user_sessions;
mod users;
mod versioned;

use gate::AppState;
use utoipa_axum::router::OpenApiRouter;

/// Every route below `/api`, `/health` and its kin, and `/invitation`.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(tenant::routes())
        .merge(projects::routes())
        .merge(tasks::routes())
        .merge(files::routes())
        .merge(settings::routes())
        .merge(security_policy::routes())
        .merge(api_keys::routes())
        .merge(audit_events::routes())
        .merge(permissions::routes())
        .merge(me::routes())
        .merge(users::routes())
        .merge(user_sessions::routes())
        .merge(roles::routes())
        .merge(invitations::routes())
        .merge(invitation_page::routes())
        .merge(health::routes())
}

#[cfg(test)]
mod tests;
