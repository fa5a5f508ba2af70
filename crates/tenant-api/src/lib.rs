//! `/api`: what the people and machines of a tenant do, over HTTP; also `/health` and the page that an invitation
//! leads to. Each handler parses, calls one operation and renders its answer; there is no SQL here and no business
//! rule.

mod api_keys;
mod audit_events;
mod billing_account;
mod billing_pages;
mod entitlements;
mod files;
mod health;
mod invitation_page;
mod invitations;
mod invoices;
mod me;
mod payment_methods;
mod payment_refusals;
mod permissions;
mod plans;
mod projects;
mod refusals;
mod roles;
mod security_policy;
mod settings;
mod stripe_webhooks;
mod subscription;
mod tasks;
mod tenant;
mod usage;
mod usage_alerts;
mod user_sessions;
mod users;
mod versioned;
mod webhook_deliveries;
mod webhooks;

use gate::AppState;
use utoipa_axum::router::OpenApiRouter;

/// Every route below `/api`, `/health` and its kin, and `/invitation`.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(tenant::routes())
        .merge(entitlements::routes())
        .merge(plans::routes())
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
        .merge(usage_alerts::routes())
        .merge(webhooks::routes())
        .merge(webhook_deliveries::routes())
        .merge(invitation_page::routes())
        .merge(usage::routes())
        .merge(payment_methods::routes())
        .merge(billing_pages::routes())
        .merge(billing_account::routes())
        .merge(subscription::routes())
        .merge(invoices::routes())
        .merge(stripe_webhooks::routes())
        .merge(health::routes())
}

#[cfg(test)]
mod tests;
