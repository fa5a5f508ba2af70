//! `/admin/signing-keys`: the keys that access tokens are signed with, and replacing them.

use access::access_tokens::{self, Rotation, SigningKey};
use edge::{IdempotencyKey, Json, Page, ProblemResponse};
use gate::{Answer, AppState, Change, OfPlatform, Optional, PlatformCaller, permitted, unexpected};
use kernel::{AdminPermission, Validate};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(list), AdminPermission::SigningKeysRead))
        .routes(permitted(routes!(rotate), AdminPermission::SigningKeysWrite))
}

/// Why the key is replaced.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"compromised": false}))]
struct KeyReplacement {
    /// Whether the present keys got into wrong hands: then the new one signs at once, and every token that another one
    /// signed is refused from now on. Clients renew theirs by their refresh tokens.
    #[serde(default)]
    compromised: bool,
}

impl Validate for KeyReplacement {}

/// List signing keys
#[utoipa::path(get, path = "/admin/signing-keys", operation_id = "listSigningKeys", tag = "auth",
    security(("adminKey" = [])),
    responses((status = 200, description = "The keys of access tokens, newest first.", body = Page<SigningKey>)))]
async fn list(caller: PlatformCaller) -> Result<Json<Page<SigningKey>>, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let items = access_tokens::list(&mut tx).await.map_err(unexpected)?;
    Ok(Json(Page {
        items,
        next_cursor: None,
    }))
}

/// Replace the signing key
///
/// The new key is published at once and signs a quarter of an hour later; tokens of the old one stay good until they end.
/// It happens by itself every 30 days.
#[utoipa::path(post, path = "/admin/signing-keys", operation_id = "rotateSigningKey", tag = "auth",
    security(("adminKey" = [])), params(IdempotencyKey), request_body = Option<KeyReplacement>,
    responses((status = 201, description = "The new key.", body = SigningKey, headers(("Location" = String)))))]
async fn rotate(mut change: Change<OfPlatform, Optional<KeyReplacement>>) -> Result<Answer, ProblemResponse> {
    let how = if change.body.0.compromised {
        Rotation::Compromised
    } else {
        Rotation::Orderly
    };
    let key = access_tokens::rotate(&mut change.tx, how)
        .await
        .map_err(unexpected)?;
    change
        .answer(Answer::created("/admin/signing-keys".to_owned(), &key)?)
        .await
}
