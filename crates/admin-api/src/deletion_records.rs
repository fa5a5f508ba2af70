//! `GET /admin/tenants/{id}/deletion-record`.

use edge::{Json, Path, ProblemResponse};
use gate::{AppState, PlatformCaller, permitted, unexpected};
use kernel::{AdminPermission, Code, TenantId};
use serde::Serialize;
use tenants::deletion_records;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(permitted(routes!(get), AdminPermission::TenantsRead))
}

/// Proof that a tenant was removed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeletionRecordView {
    /// What was signed, byte for byte: JSON with sorted names.
    record: String,
    /// Ed25519 over `record` (RFC 8032), in hexadecimal digits.
    signature: String,
    /// The key that verifies it, in hexadecimal digits.
    public_key: String,
}

/// Get the signed record of a tenant's removal
#[utoipa::path(get, path = "/admin/tenants/{id}/deletion-record", operation_id = "getDeletionRecord", tag = "tenants",
    security(("adminKey" = [])), params(("id" = TenantId, Path)),
    responses((status = 200, description = "The record.", body = DeletionRecordView)))]
async fn get(
    caller: PlatformCaller,
    Path(id): Path<TenantId>,
) -> Result<Json<DeletionRecordView>, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let signed = deletion_records::get(&mut tx, id)
        .await
        .map_err(unexpected)?
        .ok_or(Code::NotFound)?;
    let key = deletion_records::signing_key(caller.ctx.databases().master()).verifying_key();
    Ok(Json(DeletionRecordView {
        record: signed.text,
        signature: hex(&signed.signature),
        public_key: hex(key.as_bytes()),
    }))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
