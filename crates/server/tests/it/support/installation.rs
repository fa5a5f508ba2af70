//! What outlives a server: its database and its folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use server::dev::Credentials;
use sqlx::PgConnection;
use tempfile::TempDir;

use super::app::{administer, copy, fresh_name, the_template};
use super::process::Process;
use super::{eventually, traces};
use testkit::connect;

/// A database, and a folder with files, mails and credentials, that servers come and go on.
#[derive(Clone)]
pub(crate) struct Installation {
    database: String,
    folder: Arc<TempDir>,
    /// The first admin and the demo tenant, once there is one.
    pub(super) credentials: Option<Credentials>,
}

impl Installation {
    /// One with a demo tenant in it, settled.
    pub(crate) async fn new() -> Self {
        let template = the_template().await;
        let (database, folder) = (fresh_name(), Arc::new(tempfile::tempdir().expect("a folder")));
        administer(&format!(
            "CREATE DATABASE {database} TEMPLATE {}",
            template.database
        ))
        .await;
        copy(template.folder.path(), folder.path());
        let credentials = template.credentials.clone();
        // As `tenantry dev` leaves its folder.
        std::fs::write(folder.path().join(".tenantry-dev"), "").expect("a file");
        let text = serde_json::to_vec(&credentials).expect("JSON");
        std::fs::write(folder.path().join("credentials.json"), text).expect("a file");
        Self {
            database,
            folder,
            credentials: credentials.into(),
        }
    }

    /// One without anything in its database.
    pub(super) async fn empty() -> Self {
        let database = fresh_name();
        administer(&format!("CREATE DATABASE {database}")).await;
        Self {
            database,
            folder: Arc::new(tempfile::tempdir().expect("a folder")),
            credentials: None,
        }
    }

    pub(super) fn into_parts(self) -> (String, Arc<TempDir>) {
        (self.database, self.folder)
    }

    /// The program on it; `settings` are environment variables.
    pub(crate) async fn process(&self, settings: &[(&str, &str)]) -> Process {
        Process::start(&self.database_url().await, self.folder(), settings).await
    }

    /// The administrative URL of its database.
    pub(crate) async fn database_url(&self) -> String {
        testkit::server_url(&self.database).await
    }

    /// The name of its database.
    pub(crate) fn database(&self) -> &str {
        &self.database
    }

    /// A superuser's connection to its database.
    pub(crate) async fn superuser(&self) -> PgConnection {
        connect(&self.database_url().await).await
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder that files are in.
    pub(crate) fn files(&self) -> PathBuf {
        self.folder().join("files")
    }

    /// The mails that left it, oldest first.
    pub(crate) fn mails(&self) -> Vec<String> {
        let folder = std::fs::read_dir(self.folder().join("mail"));
        let mut files: Vec<PathBuf> = folder
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
        files.sort();
        files
            .iter()
            .map(|path| std::fs::read_to_string(path).expect("a mail is text"))
            .collect()
    }

    /// Everything that still names the tenant where nothing should after its removal.
    pub(crate) async fn traces(&self, tenant: &str) -> Vec<String> {
        traces::of(&mut self.superuser().await, &self.files(), tenant).await
    }

    /// Waits until no job and no news is left, and asserts that everything that was to be done was done.
    pub(crate) async fn settle(&self) {
        let mut connection = self.superuser().await;
        eventually("the queue to be empty", async || {
            let left: i64 = sqlx::query_scalar(
                "select (select count(*) from control.jobs where status in ('queued', 'running'))
                      + (select count(*) from tenant.outbox)",
            )
            .fetch_one(&mut connection)
            .await
            .expect("the control plane");
            (left == 0).then_some(())
        })
        .await;
        let dead: Vec<String> = sqlx::query_scalar(
            "select kind || ': ' || coalesce(last_error, '') from control.jobs where status = 'dead'",
        )
        .fetch_all(&mut connection)
        .await
        .expect("the control plane");
        assert_eq!(dead, Vec::<String>::new(), "jobs were given up");
    }
}
