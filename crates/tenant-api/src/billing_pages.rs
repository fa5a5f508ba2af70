//! `/api/billing/checkout` and `/portal`: the payment provider's own pages for the caller's tenant.

use axum::extract::State;
use billing::payments::{customers, links};
use edge::{IdempotencyKey, ProblemBody, ProblemResponse};
use gate::{Answer, AppState, Keyed, OfTenantControl, permitted};
use kernel::{FieldError, Permission, Validate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::payment_methods::{keep, kept, subject};
use crate::payment_refusals::refused;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(checkout), Permission::BillingWrite))
        .routes(permitted(routes!(portal), Permission::BillingWrite))
}

/// A page to add a method of payment at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"successUrl": "https://app.example.com/billing?done", "cancelUrl": "https://app.example.com/billing"}))]
struct CheckoutOrder {
    /// Where the browser goes afterwards.
    #[schema(
        format = "uri",
        max_length = 2000,
        example = "https://app.example.com/billing?added"
    )]
    success_url: String,
    /// Where it goes when nothing came of it.
    #[schema(
        format = "uri",
        max_length = 2000,
        example = "https://app.example.com/billing"
    )]
    cancel_url: String,
}

/// A page for what the tenant may do at the provider itself.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"returnUrl": "https://app.example.com/billing"}))]
struct PortalOrder {
    /// Where the browser goes afterwards.
    #[schema(
        format = "uri",
        max_length = 2000,
        example = "https://app.example.com/billing"
    )]
    return_url: String,
}

/// A page of the payment provider's.
#[derive(Debug, Serialize, ToSchema)]
struct PageLink {
    /// Where it is, for a short while.
    #[schema(format = "uri", example = "https://checkout.stripe.com/c/pay/cs_test_a1")]
    url: String,
}

fn check_address(errors: &mut Vec<FieldError>, pointer: &str, text: &str) {
    let is_address = text.len() <= 2000
        && (text.starts_with("https://") || text.starts_with("http://"))
        && text
            .parse::<axum::http::Uri>()
            .is_ok_and(|uri| uri.host().is_some());
    if !is_address {
        errors.push(FieldError::new(
            pointer,
            "must be an address, https://…, of at most 2000 characters",
        ));
    }
}

impl Validate for CheckoutOrder {
    fn check(&self, errors: &mut Vec<FieldError>) {
        check_address(errors, "/successUrl", &self.success_url);
        check_address(errors, "/cancelUrl", &self.cancel_url);
    }
}

impl Validate for PortalOrder {
    fn check(&self, errors: &mut Vec<FieldError>) {
        check_address(errors, "/returnUrl", &self.return_url);
    }
}

/// Open a page to add a payment method at
#[utoipa::path(post, path = "/api/billing/checkout", operation_id = "openCheckout", tag = "billing",
    security(("tenantKey" = [])), params(IdempotencyKey), request_body = CheckoutOrder,
    responses((status = 200, description = "The page.", body = PageLink),
        (status = 409, description = "The provider has no such pages.",
            body = ProblemBody, content_type = "application/problem+json")))]
async fn checkout(
    State(state): State<AppState>,
    keyed: Keyed<OfTenantControl, CheckoutOrder>,
) -> Result<Answer, ProblemResponse> {
    let (order, request) = (keyed.body, keyed.request);
    if let Some(kept) = kept(&request).await? {
        return Ok(kept);
    }
    let (tenant, subject) = (request.caller.tenant.id, subject(&state, &request)?);
    let customer = customers::ensure(&state.payments, tenant).await;
    let customer = customer.map_err(|error| refused(error, ""))?;
    let urls = (&*order.success_url, &*order.cancel_url);
    let page = links::checkout(&state.payments, tenant, &customer, urls, &subject).await;
    let page = page.map_err(|error| refused(error, "/successUrl"))?;
    keep(&request, Answer::ok(&PageLink { url: page.url })?).await
}

/// Open the payment provider's page for customers
#[utoipa::path(post, path = "/api/billing/portal", operation_id = "openBillingPortal", tag = "billing",
    security(("tenantKey" = [])), params(IdempotencyKey), request_body = PortalOrder,
    responses((status = 200, description = "The page.", body = PageLink),
        (status = 409, description = "The provider has no such pages.",
            body = ProblemBody, content_type = "application/problem+json")))]
async fn portal(
    State(state): State<AppState>,
    keyed: Keyed<OfTenantControl, PortalOrder>,
) -> Result<Answer, ProblemResponse> {
    let (order, request) = (keyed.body, keyed.request);
    if let Some(kept) = kept(&request).await? {
        return Ok(kept);
    }
    let (tenant, subject) = (request.caller.tenant.id, subject(&state, &request)?);
    let customer = customers::ensure(&state.payments, tenant).await;
    let customer = customer.map_err(|error| refused(error, ""))?;
    let page = links::portal(&state.payments, tenant, &customer, &order.return_url, &subject).await;
    let page = page.map_err(|error| refused(error, "/returnUrl"))?;
    keep(&request, Answer::ok(&PageLink { url: page.url })?).await
}
