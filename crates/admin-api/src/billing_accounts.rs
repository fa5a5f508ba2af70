//! `/admin/tenants/{id}/billing-account`: whom a tenant's invoices are for, and how it is taxed.

use billing::accounts::{self, Address, BillingAccount, UpdateAccount};
use billing::providers::ProviderKind;
use edge::json::Patch;
use edge::{ETag, IdempotencyKey, IfMatch, Json, Path, ProblemResponse};
use gate::billing::{account_refused as refused, wish};
use gate::{Answer, AppState, Change, OfPlatform, PlatformCaller, permitted, unexpected};
use kernel::{AdminPermission, TenantId, Validate};
use pricing::{Currency, Zone};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(get), AdminPermission::BillingRead))
        .routes(permitted(routes!(update), AdminPermission::BillingWrite))
}

/// Get a tenant's billing account
#[utoipa::path(get, path = "/admin/tenants/{id}/billing-account", operation_id = "getTenantBillingAccount", tag = "billing",
    security(("adminKey" = [])), params(("id" = TenantId, Path)),
    responses((status = 200, description = "The account.", body = BillingAccount, headers(("ETag" = String)))))]
async fn get(
    caller: PlatformCaller,
    Path(tenant): Path<TenantId>,
) -> Result<(ETag, Json<BillingAccount>), ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let account = accounts::get(&mut tx, tenant).await.map_err(refused)?;
    Ok((ETag::version(account.version), Json(account)))
}

/// What is to change; what is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = BillingAccountChange, example = json!({"name": "Acme GmbH", "email": "billing@acme.example",
    "address": {"line1": "Straße 1", "postalCode": "10115", "city": "Berlin", "country": "DE"}, "taxNumber": "DE136695976"}))]
struct AccountChange {
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
    /// Whether he pays no tax at all.
    tax_exempt: Option<bool>,
    /// What he pays in; not while a subscription is paid in another one.
    currency: Option<Currency>,
    /// Whose days his periods are made of, from the next subscription or cycle on.
    time_zone: Option<Zone>,
    /// The language of his invoices (BCP 47).
    #[schema(min_length = 2, max_length = 35)]
    locale: Option<String>,
    /// Who collects from him.
    provider: Option<ProviderKind>,
}
impl Validate for AccountChange {}

impl From<AccountChange> for UpdateAccount {
    fn from(change: AccountChange) -> Self {
        Self {
            provider: change.provider,
            email: wish(change.email),
            name: change.name,
            address: change.address,
            tax_number: wish(change.tax_number),
            tax_exempt: change.tax_exempt,
            currency: change.currency,
            time_zone: change.time_zone,
            locale: change.locale,
        }
    }
}

/// Change a tenant's billing account
///
/// What was invoiced keeps whom it was invoiced to.
#[utoipa::path(patch, path = "/admin/tenants/{id}/billing-account", operation_id = "updateTenantBillingAccount",
    tag = "billing", security(("adminKey" = [])), params(("id" = TenantId, Path), IfMatch, IdempotencyKey),
    request_body = AccountChange,
    responses((status = 200, description = "The account.", body = BillingAccount, headers(("ETag" = String)))))]
async fn update(
    Path(tenant): Path<TenantId>,
    mut change: Change<OfPlatform, AccountChange>,
) -> Result<Answer, ProblemResponse> {
    let wanted = std::mem::take(&mut change.body).into();
    let expected = change.request.expected;
    let account = accounts::update(&mut change.tx, tenant, expected, wanted)
        .await
        .map_err(refused)?;
    let answer = Answer::ok(&account)?.version(account.version);
    change.answer(answer).await
}
