//! The program as a process, with nothing in its environment that the test did not put there.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// Everything that a test waits for comes within this time, or the test fails.
const PATIENCE: Duration = Duration::from_mins(1);

#[expect(clippy::disallowed_methods, reason = "a test run has no other configuration")]
fn inherited(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name)
}

/// The program with these arguments.
pub(crate) fn tenantry<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenantry"));
    command
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .kill_on_drop(true);
    for name in ["PATH", "TMPDIR", "TENANTRY_POSTGRES_BIN", "TENANTRY_TEST_RUN"] {
        command.envs(inherited(name).map(|value| (name, value)));
    }
    command
}

/// Runs it to its end.
pub(crate) async fn outcome(mut command: Command) -> Output {
    timeout(PATIENCE, command.output())
        .await
        .expect("the program ends")
        .expect("the program runs")
}

/// A development server that was ready.
pub(crate) struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
    pub(crate) url: String,
    pub(crate) credentials: Value,
}

impl Server {
    /// Starts it on this data folder and a free port, and waits until it is ready.
    pub(crate) async fn start(data: &Path, arguments: &[&str]) -> Self {
        let folder = data.to_str().expect("a test's folder is text");
        let mut command = tenantry(["dev", "--port", "0", "--data", folder]);
        let log = data.with_extension("log");
        let stderr = std::fs::File::create(&log).expect("a test's folder can be written to");
        command.args(arguments).stdout(Stdio::piped()).stderr(stderr);
        let mut child = command.spawn().expect("the program runs");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let line = next_line(&mut stdout).await;
        let Some(url) = line.strip_prefix("ready ").map(str::to_owned) else {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            panic!("the first line is {line:?}, not that it is ready; it said:\n{said}");
        };
        let credentials = std::fs::read(data.join("credentials.json")).expect("written before it is ready");
        Self {
            child,
            stdout,
            url,
            credentials: serde_json::from_slice(&credentials).expect("the credentials are JSON"),
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = self
            .child
            .id()
            .and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
        kill_process(pid.expect("it runs"), signal).expect("it can be signalled");
    }

    /// Waits for its end; answers its exit status, after it printed nothing more.
    pub(crate) async fn end(mut self) -> Option<i32> {
        let mut rest = String::new();
        let status = timeout(PATIENCE, async {
            let _ = self.stdout.read_to_string(&mut rest).await;
            self.child.wait().await.expect("it can be waited for")
        });
        let code = status.await.expect("the program ends").code();
        assert_eq!(rest, "");
        code
    }
}

async fn next_line(stdout: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    let read = timeout(PATIENCE, stdout.read_line(&mut line))
        .await
        .expect("it says something in time");
    read.expect("its output can be read");
    line.trim_end().to_owned()
}
