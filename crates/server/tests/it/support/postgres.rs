//! A PostgreSQL that a test may stop, kill and hold up.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use local_postgres::{Binaries, Cluster, Durability, Settings};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::PgConnection;
use tempfile::TempDir;
use testkit::connect;

use super::process::Process;

/// A PostgreSQL of one test's own, with the same data at every start in the same folder.
pub(crate) struct Postgres {
    cluster: Cluster,
    folder: PathBuf,
}

impl Postgres {
    /// A folder that PostgreSQL's account can enter.
    pub(crate) fn folder() -> TempDir {
        let open = Permissions::from_mode(0o711);
        tempfile::Builder::new()
            .permissions(open)
            .tempdir()
            .expect("a folder")
    }

    /// Starts it. With a port, its address is another than without.
    pub(crate) async fn start(folder: &Path, port: Option<u16>) -> Self {
        let binaries = Binaries::find(programs().as_deref());
        let settings = Settings {
            data_dir: folder.join("postgres"),
            binaries: binaries.expect("PostgreSQL is installed; bin/test does it"),
            durability: Durability::Fast,
            port,
            extra: vec![],
        };
        let cluster = Cluster::start(settings).await.expect("PostgreSQL starts");
        Self {
            cluster,
            folder: folder.to_owned(),
        }
    }

    /// The program on it, with a folder of this name; `settings` are environment variables.
    pub(crate) async fn node(&self, name: &str, settings: &[(&str, &str)]) -> Process {
        let folder = self.folder.join(name);
        fs::create_dir_all(&folder).expect("a folder");
        Process::start(&self.cluster.url("tenantry"), &folder, settings).await
    }

    /// A superuser's connection to the control plane.
    pub(crate) async fn superuser(&self) -> PgConnection {
        connect(&self.cluster.url("tenantry")).await
    }

    /// Ends it in order.
    pub(crate) async fn stop(self) {
        self.cluster.stop().await.expect("PostgreSQL stops");
    }

    /// As if the machine ran out of memory: recovery follows, and its socket stays behind.
    pub(crate) async fn kill(mut self) {
        let file = fs::read_to_string(self.folder.join("postgres/cluster/data/postmaster.pid"));
        let text = file.expect("it runs");
        let pid = text
            .lines()
            .next()
            .and_then(|line| Pid::from_raw(line.parse().ok()?));
        kill_process(pid.expect("a process"), Signal::KILL).expect("it can be killed");
        self.cluster.exited().await.expect("it ends");
    }
}

#[expect(clippy::disallowed_methods, reason = "a test run has no other configuration")]
fn programs() -> Option<PathBuf> {
    std::env::var_os("TENANTRY_POSTGRES_BIN").map(PathBuf::from)
}
