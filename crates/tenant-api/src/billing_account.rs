//! `/api/billing/account`: whom the invoices of the caller's tenant are for.

use axum::response::Response;
use billing::accounts::{self, Address, BillingAccount, UpdateAccount};
use edge::json::Patch;
use edge::{IdempotencyKey, IfMatch, ProblemResponse};
use gate::billing::{account_refused as refused, wish};
use gate::{Answer, AppState, Change, OfOrders, TenantCaller, permitted, unexpected};
use kernel::{Permission, Validate};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::versioned::{IfNoneMatch, shown};

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(get), Permission::BillingRead))
        .routes(permitted(routes!(update), Permission::BillingWrite))
}

/// Get the billing account
#[utoipa::path(get, path = "/api/billing/account", operation_id = "getBillingAccount", tag = "billing",
    security(("tenantKey" = [])), params(IfNoneMatch),
    responses((status = 200, description = "The account.", body = BillingAccount, headers(("ETag" = String))),
        (status = 304, description = "The caller has this version.")))]
async fn get(caller: TenantCaller, known: IfNoneMatch) -> Result<Response, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let account = accounts::get(&mut tx, caller.tenant.id).await.map_err(refused)?;
    Ok(shown(&known, account.version, account))
}

/// What is to change; what is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = OwnBillingAccountChange, example = json!({"name": "Acme GmbH", "email": "billing@acme.example",
    "address": {"line1": "Straße 1", "postalCode": "10115", "city": "Berlin", "country": "DE"}, "taxNumber": "DE136695976"}))]
struct OwnAccountChange {
    /// Who owes the invoices.
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// Where invoices are sent to; `null` is nowhere.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    email: Patch<String>,
    /// Where he is, as a whole.
    address: Option<Address>,
    /// His VAT id or other tax number; `null` is none.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    tax_number: Patch<String>,
    /// The language of his invoices (BCP 47).
    #[schema(min_length = 2, max_length = 35)]
    locale: Option<String>,
}
impl Validate for OwnAccountChange {}

impl From<OwnAccountChange> for UpdateAccount {
    fn from(change: OwnAccountChange) -> Self {
        Self {
            email: wish(change.email),
            name: change.name,
            address: change.address,
            tax_number: wish(change.tax_number),
            locale: change.locale,
            ..Self::default()
        }
    }
}

/// Change the billing account
///
/// What was invoiced keeps whom it was invoiced to.
#[utoipa::path(patch, path = "/api/billing/account", operation_id = "updateBillingAccount", tag = "billing",
    security(("tenantKey" = [])), params(IfMatch, IdempotencyKey), request_body = OwnAccountChange,
    responses((status = 200, description = "The account.", body = BillingAccount, headers(("ETag" = String)))))]
async fn update(mut change: Change<OfOrders, OwnAccountChange>) -> Result<Answer, ProblemResponse> {
    let wanted = std::mem::take(&mut change.body).into();
    let (tenant, expected) = (change.request.caller.tenant.id, change.request.expected);
    let account = accounts::update(&mut change.tx, tenant, expected, wanted)
        .await
        .map_err(refused)?;
    let answer = Answer::ok(&account)?.version(account.version);
    change.answer(answer).await
}
