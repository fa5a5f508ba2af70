//! The private PostgreSQL with real servers: what a developer and a crash do to it. Every test has its own data
//! folder and passes as root and as a normal user; the ones that need root's powers say so and return early.

mod accounts;
mod crash;
mod lifecycle;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Weak};
use std::time::Duration;

use local_postgres::{Binaries, Cluster, Durability, Settings};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

/// A folder that PostgreSQL's account can enter.
struct Scratch {
    folder: TempDir,
    _template: Option<Arc<TempDir>>,
}

/// An initialised cluster that tests copy, for as long as one of them uses it.
static TEMPLATE: Mutex<Weak<TempDir>> = Mutex::const_new(Weak::new());

impl Scratch {
    /// An empty one.
    fn new() -> Self {
        Self {
            folder: reachable_folder(),
            _template: None,
        }
    }

    /// One with an initialised and stopped cluster in `pg`, for tests of something else than the first start.
    async fn with_cluster() -> Self {
        let mut template = TEMPLATE.lock().await;
        let made = match template.upgrade() {
            Some(made) => made,
            None => Arc::new(make_template().await),
        };
        *template = Arc::downgrade(&made);
        let scratch = Self {
            folder: reachable_folder(),
            _template: Some(made.clone()),
        };
        let copied = Command::new("cp")
            .arg("-a")
            .arg(made.path())
            .arg(scratch.join("pg"))
            .status()
            .await
            .unwrap();
        assert!(copied.success());
        scratch
    }

    fn join(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn reachable_folder() -> TempDir {
    tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(0o711))
        .tempdir_in("/tmp")
        .unwrap()
}

async fn make_template() -> TempDir {
    let folder = reachable_folder();
    start(folder.path()).await.stop().await.unwrap();
    folder
}

fn settings(data_dir: &Path) -> Settings {
    Settings {
        data_dir: data_dir.to_owned(),
        binaries: Binaries::find(None).unwrap(),
        durability: Durability::Fast,
        port: None,
        extra: vec![],
    }
}

async fn start(data_dir: &Path) -> Cluster {
    Cluster::start(settings(data_dir)).await.unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the connection is what these tests are about"
)]
async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

/// The one value that a query gives, as text.
async fn value(url: &str, query: &'static str) -> String {
    sqlx::query_scalar(query)
        .fetch_one(&mut connect(url).await)
        .await
        .unwrap()
}

/// Leaves a mark that [`has_mark`] finds.
async fn mark(url: &str) {
    sqlx::raw_sql("create table mark (kept text); insert into mark values ('kept')")
        .execute(&mut connect(url).await)
        .await
        .unwrap();
}

async fn has_mark(cluster: &Cluster) -> bool {
    value(
        &cluster.url("postgres"),
        "select (to_regclass('mark') is not null)::text",
    )
    .await
        == "true"
}

/// The program of this crate as an owner of its own, which a test can kill.
struct Owner {
    child: Child,
    url: String,
}

impl Owner {
    async fn start(program: &Path, data_dir: &Path, account: Option<(u32, u32)>) -> Result<Self, String> {
        let mut child = spawn(program, data_dir, account);
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut url)
            .await
            .unwrap();
        if url.is_empty() {
            let output = child.wait_with_output().await.unwrap();
            return Err(String::from_utf8(output.stderr).unwrap());
        }
        Ok(Self {
            child,
            url: url.trim().to_owned(),
        })
    }

    fn pid(&self) -> Pid {
        pid_of(&self.child)
    }

    async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

fn spawn(program: &Path, data_dir: &Path, account: Option<(u32, u32)>) -> Child {
    let mut command = std::process::Command::new(program);
    command
        .arg("--fast")
        .arg(data_dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    if let Some((uid, gid)) = account {
        command.gid(gid).uid(uid);
    }
    Command::from(command).kill_on_drop(true).spawn().unwrap()
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_local-postgres");

fn pid_of(child: &Child) -> Pid {
    Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap()
}

fn is_root() -> bool {
    geteuid().is_root()
}

fn owner(path: &Path) -> u32 {
    fs::metadata(path).unwrap().uid()
}

fn postmaster(pgdata: &Path) -> Pid {
    let text = fs::read_to_string(pgdata.join("postmaster.pid")).unwrap();
    Pid::from_raw(text.lines().next().unwrap().parse().unwrap()).unwrap()
}

fn kill(pid: Pid, signal: Signal) {
    kill_process(pid, signal).unwrap();
}

/// Every living process that works in the cluster.
fn processes(pgdata: &Path) -> usize {
    let links = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .map(|entry| fs::read_link(entry.path().join("cwd")));
    links
        .flatten()
        .filter(|folder| folder.starts_with(pgdata))
        .count()
}

async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !condition() {
        assert!(Instant::now() < deadline, "not within a minute: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}
