//! What the database tests of all rooms stand on.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use audit::AuditEvent;
use isolation::{Caller, IsolationStrategy, RequestInfo, TenantCtx};
use kernel::{Actor, ActorKind, Grants, Permission, TenantId};
use serde_json::Value;
use storage::{Storage, StorageConfig};
use tempfile::TempDir;
use testkit::TestDatabase;

pub(crate) const STRATEGIES: [IsolationStrategy; 3] = [
    IsolationStrategy::SharedDatabase,
    IsolationStrategy::SchemaPerTenant,
    IsolationStrategy::DatabasePerTenant,
];

/// The same caller with these grants only.
pub(crate) fn granted(db: &TestDatabase, ctx: &TenantCtx, scopes: &[&str]) -> TenantCtx {
    let caller = Caller {
        actor: Actor::new(ActorKind::ApiKey, "api_key_test"),
        grants: Grants::<Permission>::parse(scopes).expect("known permissions"),
        request: RequestInfo::default(),
        limit: None,
    };
    db.databases().tenant(Arc::new(ctx.store().clone()), caller)
}

/// The tenant's events that arrived after relaying: type and action, the resource's name, the changed fields.
pub(crate) async fn trail(db: &TestDatabase, tenant: TenantId) -> Vec<AuditEvent> {
    db.relay().await;
    db.audit(tenant).await
}

/// `type action` of an event, for comparing.
pub(crate) fn told(event: &AuditEvent) -> (&str, &str, Option<&str>) {
    let name = event
        .resource
        .as_ref()
        .and_then(|resource| resource.name.as_deref());
    (&event.event_type, &event.action, name)
}

/// `(field, old, new)` of an event's changes.
pub(crate) fn changes(event: &AuditEvent) -> Vec<(&str, &Value, &Value)> {
    event
        .changes
        .iter()
        .map(|change| (&*change.field, &change.old_value, &change.new_value))
        .collect()
}

/// A local object store in a folder of its own.
pub(crate) struct Objects {
    root: TempDir,
    pub(crate) storage: Storage,
}

impl Objects {
    pub(crate) fn new(db: &TestDatabase) -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let config = StorageConfig::Local {
            root: root.path().join("objects"),
        };
        let storage = Storage::open(&config, db.databases().seams().clone()).expect("it opens");
        Self { root, storage }
    }

    /// Files of whatever kind that exist, but for the markers of spaces.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        walk(self.root.path(), &mut files);
        files
    }

    /// Waits until so many files are left.
    pub(crate) async fn left(&self, expected: usize) {
        let look = async {
            while self.files().len() != expected {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(20), look).await;
        assert!(
            waited.is_ok(),
            "{:?} are left instead of {expected}",
            self.files()
        );
    }
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.file_name().is_some_and(|name| name != ".space") {
            files.push(path);
        }
    }
}
