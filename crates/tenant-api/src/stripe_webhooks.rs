//! `/webhooks/stripe`: what Stripe tells us. Whoever signs with the endpoint's secret is Stripe; nobody else is heard.

use axum::extract::{Request, State};
use billing::payments::inbox::{self, ReceiveError};
use billing::stripe::BadSignature;
use edge::{Json, ProblemBody, ProblemResponse};
use gate::{AppState, public, unexpected};
use kernel::{Code, Problem};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Stripe's events carry a whole object, with a page of what belongs to it.
const BODY_BYTES: usize = 1 << 20;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(public(routes!(receive)))
        .layer(edge::body::body_limit(BODY_BYTES))
}

/// What Stripe is answered.
#[derive(Debug, Serialize, ToSchema)]
struct Taken {
    /// It is stored, and is applied in a moment.
    received: bool,
}

/// Receive an event of Stripe's
///
/// The body is signed in `Stripe-Signature` with one of the secrets of STRIPE_WEBHOOK_SECRET. An event is stored once, and
/// answered before it is applied; in which order and how often events come does not matter.
#[utoipa::path(post, path = "/webhooks/stripe", operation_id = "receiveStripeEvent", tag = "billing",
    request_body(content = serde_json::Value, description = "An event: https://docs.stripe.com/api/events/object.",
        example = json!({"id": "evt_1Q0PsIJvEtkwdCNYMSaVuRz6", "object": "event", "type": "payment_intent.succeeded",
            "data": {"object": {"id": "pi_3Q0PsIJvEtkwdCNY0oQdZx2h", "object": "payment_intent"}}})),
    responses((status = 200, description = "It is stored.", body = Taken),
        (status = 400, description = "The signature does not fit, is missing, or is older than five minutes.",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No secret is configured.",
            body = ProblemBody, content_type = "application/problem+json")))]
async fn receive(State(state): State<AppState>, request: Request) -> Result<Json<Taken>, ProblemResponse> {
    let (parts, body) = edge::body::read(request).await?;
    let signature = parts
        .headers
        .get("stripe-signature")
        .and_then(|value| value.to_str().ok());
    inbox::receive(&state.payments, signature, &body)
        .await
        .map_err(refused)?;
    Ok(Json(Taken { received: true }))
}

fn refused(error: ReceiveError) -> ProblemResponse {
    match error {
        // Stripe tries again for three days, and until then somebody sets the secret.
        ReceiveError::Signature(BadSignature::NoSecret) => Code::NotFound.into(),
        ReceiveError::Signature(reason) => Problem::new(Code::InvalidSignature, reason.to_string()).into(),
        ReceiveError::NoEvent => Problem::new(Code::MalformedRequest, "The body is no event.").into(),
        ReceiveError::Database(error) => unexpected(error),
    }
}
