//! The product as a process of its own, to be killed.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use server::dev::Credentials;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::app::{FAST, master_key_text};
use super::client::Client;
use super::leash::Leash;

/// `tenantry dev` on a database and a folder that outlive it.
pub(crate) struct Process {
    /// Where it listens.
    pub(crate) url: String,
    /// The first admin and the demo tenant.
    pub(crate) credentials: Credentials,
    child: Child,
    _leash: Leash,
}

impl Process {
    /// Starts it and waits until it is ready; `settings` are environment variables.
    pub(crate) async fn start(database_url: &str, folder: &Path, settings: &[(&str, &str)]) -> Self {
        let Some(process) = Self::try_start(database_url, folder, settings).await else {
            let said = std::fs::read_to_string(folder.join("server.log")).unwrap_or_default();
            panic!("the process did not get ready:\n{said}");
        };
        process
    }

    /// Starts it; `None` when it ends before it is ready.
    pub(crate) async fn try_start(
        database_url: &str,
        folder: &Path,
        settings: &[(&str, &str)],
    ) -> Option<Self> {
        let log = folder.join("server.log");
        let log = File::options()
            .create(true)
            .append(true)
            .open(log)
            .expect("a log");
        let mut child = Command::new(env!("CARGO_BIN_EXE_tenantry"))
            .args(["dev", "--port", "0", "--data"])
            .arg(folder)
            .env("DATABASE_URL", database_url)
            .env("TENANTRY_SECURITY_MASTER_KEY", master_key_text())
            .env("TENANTRY_LOGGING_FILTER", "warn")
            .env("TENANTRY_RATE_LIMITS_ENTERPRISE", FAST)
            .env("TENANTRY_RATE_LIMITS_API_KEY", FAST)
            .env("TENANTRY_RATE_LIMITS_ADDRESS", FAST)
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("the program can be started");
        let leash = Leash::on(child.id().expect("it was not waited for"));
        let output = child.stdout.take().expect("piped");
        let mut lines = BufReader::new(output).lines();
        let url = loop {
            let line = lines.next_line().await.expect("text")?;
            if let Some(url) = line.strip_prefix("ready ") {
                break url.to_owned();
            }
        };
        let text = std::fs::read(folder.join("credentials.json")).expect("credentials are written");
        let credentials = serde_json::from_slice(&text).expect("credentials are JSON");
        Some(Self {
            url,
            credentials,
            child,
            _leash: leash,
        })
    }

    /// An operator who may do everything.
    pub(crate) fn admin(&self) -> Client {
        Client::new(&self.url).with_key(&self.credentials.admin_api_key)
    }

    /// `kill -9`.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.expect("it can be killed");
    }

    /// Waits for it to end by itself, as it does at a planted fault.
    pub(crate) async fn ended(mut self) {
        let ended = timeout(Duration::from_secs(30), self.child.wait()).await;
        ended.expect("it ends in time").expect("it ends");
    }
}
