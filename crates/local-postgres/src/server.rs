//! The running server, as our child, with the leash that ends it when we die.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Child;
use tokio::time::{Instant, sleep, timeout};

use crate::account::Account;
use crate::error::{Doing, Error};
use crate::leftovers::{self, LADDER};

/// Recovery after a crash can take long; a server that cannot start ends by itself much earlier.
const START: Duration = Duration::from_mins(5);

#[derive(Debug)]
pub(crate) struct Server {
    postgres: Child,
    /// Dropping it closes its pipe, and then it asks PostgreSQL to stop.
    leash: Child,
    pid: Pid,
    pgdata: PathBuf,
    log: PathBuf,
}

impl Server {
    /// Spawns the server and waits until it takes connections.
    pub(crate) async fn start(
        mut command: Command,
        account: Account,
        pgdata: PathBuf,
        log: PathBuf,
    ) -> Result<Self, Error> {
        let program = PathBuf::from(command.get_program());
        let output = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .doing("opening", &log)?;
        account.own(&log)?;
        command
            .stdout(output.try_clone().doing("opening", &log)?)
            .stderr(output);
        let postgres = tokio::process::Command::from(command)
            .spawn()
            .doing("running", &program)?;
        let pid = postgres.id().and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
        let pid = pid.expect("a child that was not waited for has a pid");
        let leash = leash(account, pid).inspect_err(|_| {
            let _ = kill_process(pid, Signal::INT);
        })?;
        let mut server = Self {
            postgres,
            leash,
            pid,
            pgdata,
            log,
        };
        match server.ready().await {
            Ok(()) => Ok(server),
            Err(error) => {
                server.stop().await?;
                Err(error)
            }
        }
    }

    pub(crate) async fn exited(&mut self) -> Result<ExitStatus, Error> {
        let status = self.postgres.wait().await.doing("waiting for", &self.pgdata)?;
        self.leash
            .kill()
            .await
            .doing("ending the watch over", &self.pgdata)?; // its pid may soon be another's
        Ok(status)
    }

    /// Fast shutdown; harder means only when that does not help in time.
    pub(crate) async fn stop(mut self) -> Result<(), Error> {
        for (signal, patience) in LADDER {
            if self.postgres.id().is_some() {
                let _ = kill_process(self.pid, signal); // not yet waited for, so the pid is still its own
            }
            if let Ok(exited) = timeout(patience, self.exited()).await {
                exited?;
                return leftovers::end(&self.pgdata).await; // after SIGKILL there can be orphans
            }
        }
        Err(Error::StillRunning {
            pids: vec![self.pid.as_raw_pid()],
        })
    }

    /// PostgreSQL writes its state into the eighth line of its pid file, which is what `pg_ctl -w` waits for too.
    async fn ready(&mut self) -> Result<(), Error> {
        let (pid_file, deadline) = (self.pgdata.join("postmaster.pid"), Instant::now() + START);
        while Instant::now() < deadline {
            let text = fs::read_to_string(&pid_file).unwrap_or_default();
            if text.lines().nth(7).is_some_and(|state| state.trim() == "ready") {
                return Ok(());
            }
            if let Some(status) = self.postgres.try_wait().doing("waiting for", &self.pgdata)? {
                let (status, log) = (status.to_string(), self.log.clone());
                return Err(Error::Ended {
                    status,
                    tail: tail(&log),
                    log,
                });
            }
            sleep(Duration::from_millis(10)).await;
        }
        Err(Error::NotReady {
            seconds: START.as_secs(),
            log: self.log.clone(),
        })
    }
}

fn leash(account: Account, pid: Pid) -> Result<Child, Error> {
    let shell = Path::new("/bin/sh");
    let mut command = account.command(shell);
    command
        .args(["-c", "read -r _; kill -INT \"$0\""])
        .arg(pid.as_raw_pid().to_string());
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    tokio::process::Command::from(command)
        .spawn()
        .doing("running", shell)
}

fn tail(log: &Path) -> String {
    let text = String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}
