//! A run as callers see it.

use isolation::Store;
use kernel::{TenantId, Timestamp};
use serde::Serialize;

use crate::run::{Run, RunStatus, StepStatus};

/// Where a provisioning stands.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunView {
    /// The tenant that is being made or removed.
    pub tenant_id: TenantId,
    /// Where the run stands.
    pub status: RunStatus,
    /// Every step, in order.
    pub steps: Vec<StepView>,
    /// What the tenant has of its own.
    pub resources: Resources,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it ended.
    #[schema(required = true)]
    pub completed_at: Option<Timestamp>,
}

/// Where one step stands.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepView {
    /// The step.
    #[schema(example = "create_database")]
    pub name: String,
    /// Where it stands.
    pub status: StepStatus,
    /// When it was first tried.
    #[schema(required = true)]
    pub started_at: Option<Timestamp>,
    /// When it was done.
    #[schema(required = true)]
    pub completed_at: Option<Timestamp>,
    /// A word on what was made.
    #[schema(required = true)]
    pub message: Option<String>,
    /// Why the last attempt failed.
    #[schema(required = true)]
    pub error: Option<String>,
    /// How often it was tried.
    pub attempts: i32,
}

/// What a tenant has of its own.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resources {
    /// Its database, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_name: Option<String>,
    /// Its schema, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema_name: Option<String>,
    /// Its place in the object store.
    pub bucket: String,
    /// The origin that its public assets are served from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cdn: Option<String>,
}

impl RunView {
    pub(crate) fn of(run: Run, store: &Store, bucket: &str, cdn: Option<String>) -> Self {
        let resources = Resources {
            database_name: store.own_database(),
            schema_name: store.own_schema(),
            bucket: bucket.to_owned(),
            cdn,
        };
        let steps = run.steps.into_iter().map(|step| StepView {
            name: step.name,
            status: step.status,
            started_at: step.started_at,
            completed_at: step.completed_at,
            message: step.message,
            error: step.error,
            attempts: step.attempts,
        });
        Self {
            tenant_id: run.tenant,
            status: run.status,
            steps: steps.collect(),
            resources,
            error: run.error,
            created_at: run.created_at,
            completed_at: run.completed_at,
        }
    }
}
