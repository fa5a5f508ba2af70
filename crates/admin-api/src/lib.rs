//! `/admin`: what operators of the platform do, over HTTP. Each handler parses, calls one operation and renders its
//! answer; there is no SQL here and no business rule.

mod admin_api_keys;
mod admins;
mod api_keys;
mod audit_events;
mod billing_accounts;
mod billing_clock;
mod custom_domains;
mod deletion_records;
mod invoice_documents;
mod invoice_outcomes;
mod invoices;
mod lifecycle;
mod provisioning_runs;
mod quotas;
mod reconciliation;
mod revenue;
mod security_policies;
mod subscription_life;
mod subscriptions;
mod tenant_failures;
mod tenant_user_sessions;
mod tenant_users;
mod tenants_list;
mod tenants_record;
mod usage;
mod usage_alerts;
mod usage_calendar;
mod usage_events;
mod webhook_deliveries;
mod webhooks;

use gate::AppState;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

/// What only parameters refer to, which utoipa does not collect.
#[derive(OpenApi)]
#[openapi(components(schemas(
    audit::Severity,
    billing::invoices::InvoiceStatus,
    identity::admins::AdminStatus,
    identity::RoleName,
    identity::users::UserStatus,
    isolation::IsolationStrategy,
    metering::periods::Period,
    metering::rollups::Granularity,
    tenants::Sort,
    tenants::Status,
    tenants::plans::PlanId
)))]
struct Parameters;

/// Every route below `/admin`.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Parameters::openapi())
        .merge(tenants_list::routes())
        .merge(tenants_record::routes())
        .merge(lifecycle::routes())
        .merge(deletion_records::routes())
        .merge(provisioning_runs::routes())
        .merge(api_keys::routes())
        .merge(admin_api_keys::routes())
        .merge(admins::routes())
        .merge(custom_domains::routes())
        .merge(tenant_users::routes())
        .merge(tenant_user_sessions::routes())
        .merge(audit_events::routes())
        .merge(security_policies::routes())
        .merge(reconciliation::routes())
        .merge(billing_clock::routes())
        .merge(billing_accounts::routes())
        .merge(invoices::routes())
        .merge(invoice_outcomes::routes())
        .merge(invoice_documents::routes())
        .merge(revenue::routes())
        .merge(subscriptions::routes())
        .merge(subscription_life::routes())
        .merge(usage::routes())
        .merge(usage_events::routes())
        .merge(usage_calendar::routes())
        .merge(quotas::routes())
        .merge(usage_alerts::routes())
        .merge(webhooks::routes())
        .merge(webhook_deliveries::routes())
}
