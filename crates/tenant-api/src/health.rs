//! `/health`: whether the process lives, whether it can do its work, and for a tenant's caller where his tenant
//! stands.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use edge::{Json, ProblemResponse};
use gate::{AppState, TenantCaller, any_caller, public};
use kernel::{Code, Problem};
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::tenant::TenantSummary;

/// Probes are answered from memory for so long, so that asking often costs nothing.
const FRESH: Duration = Duration::from_secs(1);
/// What takes longer counts as away.
const PATIENCE: Duration = Duration::from_secs(3);

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(any_caller(routes!(health)))
        .routes(public(routes!(live)))
        .routes(public(routes!(ready)))
        .layer(Extension(Started(Instant::now())))
        .layer(Extension(Readiness::default()))
}

/// When the process began to serve.
#[derive(Debug, Clone, Copy)]
struct Started(Instant);

/// How the service is, and for a tenant's caller where his tenant stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct HealthView {
    /// Always `ok`: otherwise there is no such answer.
    #[schema(example = "ok")]
    status: &'static str,
    /// The program's version, where no tenant is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "0.1.0")]
    version: Option<&'static str>,
    /// Since when the process serves, where no tenant is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 86_400)]
    uptime_seconds: Option<u64>,
    /// The caller's tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<TenantSummary>,
}

/// Ask how the service is
///
/// Without a credential: the process. With one: the caller's tenant.
#[utoipa::path(get, path = "/health", operation_id = "getHealth", tag = "health",
    security((), ("tenantKey" = [])),
    params(("X-Tenant-Id" = Option<String>, Header, description = "Names the tenant.",
        example = "tenant_01h455vb4pex5vsknk084sn02q")),
    responses((status = 200, description = "It works.", body = HealthView)))]
async fn health(caller: Option<TenantCaller>, Extension(started): Extension<Started>) -> Json<HealthView> {
    let (version, uptime) = (env!("CARGO_PKG_VERSION"), started.0.elapsed().as_secs());
    Json(match caller {
        Some(caller) => {
            let tenant = Some(TenantSummary::from(&*caller.tenant));
            HealthView {
                status: "ok",
                version: None,
                uptime_seconds: None,
                tenant,
            }
        }
        None => HealthView {
            status: "ok",
            version: Some(version),
            uptime_seconds: Some(uptime),
            tenant: None,
        },
    })
}

/// That the process lives.
#[derive(Debug, Serialize, ToSchema)]
struct LivenessView {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Ask whether the process lives
#[utoipa::path(get, path = "/health/live", operation_id = "getLiveness", tag = "health",
    responses((status = 200, description = "It lives.", body = LivenessView)))]
async fn live() -> Json<LivenessView> {
    Json(LivenessView { status: "ok" })
}

/// That everything is there that requests need.
#[derive(Debug, Serialize, ToSchema)]
struct ReadinessView {
    /// Always `ok`: otherwise the answer is 503.
    #[schema(example = "ok")]
    status: &'static str,
    /// The database answers.
    #[schema(example = "ok")]
    database: &'static str,
    /// The object store takes and gives.
    #[schema(example = "ok")]
    storage: &'static str,
    /// Redis answers, or is `away`, so that each node holds callers to the rate limits alone; absent where none is
    /// configured. Requests are served either way.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ok")]
    redis: Option<&'static str>,
}

/// Ask whether requests can be served
///
/// The database answers and the object store takes and gives. What was found is repeated for a second.
#[utoipa::path(get, path = "/health/ready", operation_id = "getReadiness", tag = "health",
    responses((status = 200, description = "They can.", body = ReadinessView)))]
async fn ready(
    State(state): State<AppState>,
    Extension(readiness): Extension<Readiness>,
) -> Result<Json<ReadinessView>, ProblemResponse> {
    let away = match readiness.find(&state).await {
        Found { database: false, .. } => "The database does not answer.",
        Found { storage: false, .. } => "The object store does not answer.",
        Found { .. } => {
            return Ok(Json(ReadinessView {
                status: "ok",
                database: "ok",
                storage: "ok",
                redis: state
                    .metering
                    .redis()
                    .map(|redis| if redis.is_connected() { "ok" } else { "away" }),
            }));
        }
    };
    Err(Problem::new(Code::Unavailable, away).into())
}

/// What was found last, and when. Whoever asks meanwhile waits for the one who looks.
#[derive(Debug, Clone, Default)]
struct Readiness(Arc<Mutex<Option<(Instant, Found)>>>);

#[derive(Debug, Clone, Copy)]
struct Found {
    database: bool,
    storage: bool,
}

impl Readiness {
    async fn find(&self, state: &AppState) -> Found {
        let mut last = self.0.lock().await;
        if let Some((at, found)) = *last
            && at.elapsed() < FRESH
        {
            return found;
        }
        let system = state.databases.system("health");
        let (database, storage) = tokio::join!(
            answers("the database", system.control()),
            answers("the object store", state.storage.probe())
        );
        let found = Found { database, storage };
        *last = Some((Instant::now(), found));
        found
    }
}

async fn answers<T, E: std::error::Error>(what: &str, probe: impl Future<Output = Result<T, E>>) -> bool {
    match timeout(PATIENCE, probe).await {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => {
            tracing::warn!(%error, "{what} does not work");
            false
        }
        Err(_) => {
            tracing::warn!("{what} does not answer within {PATIENCE:?}");
            false
        }
    }
}
