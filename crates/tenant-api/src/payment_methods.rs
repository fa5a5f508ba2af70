//! `/api/payment-methods`: what the caller's tenant pays with. Numbers of cards and accounts never come here: the payer's
//! browser gives them to the payment provider, and what comes here is the provider's name for them.

use axum::extract::State;
use billing::payments::customers;
use billing::payments::methods::{self, MethodId, NewMethod, PaymentMethod};
use billing::providers::ProviderKind;
use edge::{IdempotencyKey, Json, Path, ProblemBody, ProblemResponse};
use gate::{
    Answer, AppState, Asked, Door, Keyed, NoBody, OfTenantControl, TenantCaller, permitted, unexpected,
};
use kernel::Permission;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::payment_refusals::{method_refused, refused};

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(list), Permission::BillingRead))
        .routes(permitted(routes!(add), Permission::BillingWrite))
        .routes(permitted(routes!(remove), Permission::BillingWrite))
        .routes(permitted(routes!(make_default), Permission::BillingWrite))
        .routes(permitted(routes!(set_up), Permission::BillingWrite))
}

/// What a tenant pays with.
#[derive(Debug, Serialize, ToSchema)]
struct PaymentMethods {
    /// Oldest first; there are few.
    items: Vec<PaymentMethod>,
    /// Who charges them. Under `ledger` nobody is charged, and a method is a note of how invoices are paid.
    provider: ProviderKind,
}

/// What a browser needs to add a method.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SetupSecret {
    /// What the provider calls it.
    #[schema(example = "seti_1Q0PsIJvEtkwdCNYMSaVuRz6")]
    reference: String,
    /// What the provider's own script in the browser goes on with.
    #[schema(example = "seti_1Q0PsIJvEtkwdCNYMSaVuRz6_secret_x")]
    client_secret: String,
}

/// List payment methods
#[utoipa::path(get, path = "/api/payment-methods", operation_id = "listPaymentMethods", tag = "billing",
    security(("tenantKey" = [])),
    responses((status = 200, description = "What the tenant pays with.", body = PaymentMethods)))]
async fn list(
    State(state): State<AppState>,
    caller: TenantCaller,
) -> Result<Json<PaymentMethods>, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let items = methods::list(&mut tx, caller.tenant.id)
        .await
        .map_err(method_refused)?;
    let provider = state.payments.provider().kind();
    Ok(Json(PaymentMethods { items, provider }))
}

/// Add a payment method
///
/// With `reference`, what the provider's script has made in the browser; without a provider, `kind` and `label` note how
/// invoices are paid. The first one becomes the default.
#[utoipa::path(post, path = "/api/payment-methods", operation_id = "addPaymentMethod", tag = "billing",
    security(("tenantKey" = [])), params(IdempotencyKey), request_body = NewMethod,
    responses(
        (status = 201, description = "The method.", body = PaymentMethod, headers(("Location" = String))),
        (status = 402, description = "The provider refuses the method.",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The provider takes no such methods.",
            body = ProblemBody, content_type = "application/problem+json")))]
async fn add(
    State(state): State<AppState>,
    keyed: Keyed<OfTenantControl, NewMethod>,
) -> Result<Answer, ProblemResponse> {
    let (new, request) = (keyed.body, keyed.request);
    let tenant = request.caller.tenant.id;
    let attached = match &new.reference {
        None => None,
        Some(_) if kept(&request).await?.is_some() => None,
        Some(reference) => {
            let subject = subject(&state, &request)?;
            let customer = customers::ensure(&state.payments, tenant).await;
            let customer = customer.map_err(|error| refused(error, "/reference"))?;
            let attached = methods::attach(&state.payments, tenant, &customer, reference, &subject).await;
            Some(attached.map_err(|error| refused(error, "/reference"))?)
        }
    };
    let (mut tx, kept) = request.open().await?;
    if let Some(kept) = kept {
        return Ok(kept.into());
    }
    let provider = state.payments.provider().kind();
    let added = match attached {
        Some(attached) => methods::keep(&mut tx, tenant, attached, new.default).await,
        None => methods::add_by_hand(&mut tx, provider, tenant, new).await,
    };
    let added = added.map_err(method_refused)?;
    let location = format!("/api/payment-methods/{}", added.id);
    request.finish(tx, Answer::created(location, &added)?).await
}

/// The answer that was given already under the caller's key.
pub(crate) async fn kept(request: &Asked<OfTenantControl>) -> Result<Option<Answer>, ProblemResponse> {
    Ok(request.open().await?.1.map(Answer::from))
}

/// Keeps the answer under the caller's key, where nothing but the provider was asked.
pub(crate) async fn keep<D: Door>(request: &Asked<D>, answer: Answer) -> Result<Answer, ProblemResponse> {
    match request.open().await? {
        (_, Some(kept)) => Ok(kept.into()),
        (tx, None) => request.finish(tx, answer).await,
    }
}

/// What makes two requests to the provider the same: the caller's own key for his request, else nothing does.
pub(crate) fn subject(state: &AppState, request: &Asked<OfTenantControl>) -> Result<String, ProblemResponse> {
    let caller = &request.caller.ctx.caller().actor.id;
    let key = IdempotencyKey::from_headers(&request.headers)?;
    let fresh = || hex(&state.databases.seams().random::<16>());
    Ok(key.map_or_else(fresh, |key| format!("{caller} {key}")))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Remove a payment method
///
/// Of those that are left the oldest becomes the default, if this was.
#[utoipa::path(delete, path = "/api/payment-methods/{id}", operation_id = "removePaymentMethod", tag = "billing",
    security(("tenantKey" = [])), params(("id" = MethodId, Path), IdempotencyKey),
    responses((status = 204, description = "Nobody is charged by it any more.")))]
async fn remove(
    State(state): State<AppState>,
    Path(id): Path<MethodId>,
    keyed: Keyed<OfTenantControl, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let request = keyed.request;
    let tenant = request.caller.tenant.id;
    let (mut tx, kept) = request.open().await?;
    if let Some(kept) = kept {
        return Ok(kept.into());
    }
    let method = methods::get(&mut tx, tenant, id).await.map_err(method_refused)?;
    drop(tx);
    methods::detach(&state.payments, tenant, &method)
        .await
        .map_err(|error| refused(error, ""))?;
    let (mut tx, kept) = request.open().await?;
    if let Some(kept) = kept {
        return Ok(kept.into());
    }
    methods::remove(&mut tx, tenant, id)
        .await
        .map_err(method_refused)?;
    request.finish(tx, Answer::no_content()).await
}

/// Pay by this method
///
/// Invoices are paid by it from now on.
#[utoipa::path(post, path = "/api/payment-methods/{id}/default", operation_id = "setDefaultPaymentMethod", tag = "billing",
    security(("tenantKey" = [])), params(("id" = MethodId, Path), IdempotencyKey),
    responses((status = 200, description = "The method.", body = PaymentMethod)))]
async fn make_default(
    State(state): State<AppState>,
    Path(id): Path<MethodId>,
    keyed: Keyed<OfTenantControl, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let request = keyed.request;
    let tenant = request.caller.tenant.id;
    let (mut tx, kept) = request.open().await?;
    if let Some(kept) = kept {
        return Ok(kept.into());
    }
    let method = methods::get(&mut tx, tenant, id).await.map_err(method_refused)?;
    drop(tx);
    let subject = subject(&state, &request)?;
    methods::tell_default(&state.payments, tenant, &method, &subject)
        .await
        .map_err(|error| refused(error, ""))?;
    let (mut tx, kept) = request.open().await?;
    if let Some(kept) = kept {
        return Ok(kept.into());
    }
    let chosen = methods::make_default(&mut tx, tenant, id)
        .await
        .map_err(method_refused)?;
    request.finish(tx, Answer::ok(&chosen)?).await
}

/// Begin to add a payment method
///
/// The secret is for the payment provider's script in the payer's browser, which takes the card without our seeing it.
/// What it makes is added by itself, or at once through `POST /api/payment-methods`.
#[utoipa::path(post, path = "/api/payment-methods/setup", operation_id = "setUpPaymentMethod", tag = "billing",
    security(("tenantKey" = [])), params(IdempotencyKey),
    responses((status = 200, description = "What the browser needs.", body = SetupSecret),
        (status = 409, description = "The provider takes no such methods.",
            body = ProblemBody, content_type = "application/problem+json")))]
async fn set_up(
    State(state): State<AppState>,
    keyed: Keyed<OfTenantControl, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let request = keyed.request;
    let tenant = request.caller.tenant.id;
    if let Some(kept) = kept(&request).await? {
        return Ok(kept);
    }
    let subject = subject(&state, &request)?;
    let customer = customers::ensure(&state.payments, tenant).await;
    let customer = customer.map_err(|error| refused(error, ""))?;
    let setup = methods::set_up(&state.payments, tenant, &customer, &subject).await;
    let setup = setup.map_err(|error| refused(error, ""))?;
    let secret = SetupSecret {
        reference: setup.reference,
        client_secret: setup.client_secret.expose().clone(),
    };
    keep(&request, Answer::ok(&secret)?).await
}
