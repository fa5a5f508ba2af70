//! What is left of an earlier run when its owner died: a server that still runs or is stopping, backends whose
//! postmaster was killed, a zombie that nobody reaps, a stale `postmaster.pid`, perhaps with a recycled pid.
//!
//! The process table decides, not the pid file: a PostgreSQL process works in its data folder. A zombie has no
//! working folder, and a recycled pid works elsewhere.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

use crate::error::{Doing, Error};

/// Fast shutdown, then immediate shutdown, then no choice; with how long each may take.
pub(crate) const LADDER: [(Signal, Duration); 3] = [
    (Signal::INT, Duration::from_secs(30)),
    (Signal::QUIT, Duration::from_secs(5)),
    (Signal::KILL, Duration::from_secs(5)),
];

/// Ends every process on the cluster and removes the pid file, which then names nobody. The caller holds the lock.
pub(crate) async fn end(pgdata: &Path) -> Result<(), Error> {
    for (signal, patience) in LADDER {
        signal_all(pgdata, signal);
        if all_gone(pgdata, patience).await {
            break;
        }
    }
    let pids: Vec<i32> = processes_in(pgdata).map(Pid::as_raw_pid).collect();
    if !pids.is_empty() {
        return Err(Error::StillRunning { pids });
    }
    let stale = pgdata.join("postmaster.pid");
    match fs::remove_file(&stale) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).doing("removing", &stale),
        _ => Ok(()),
    }
}

/// A fast shutdown is the postmaster's to conduct. Its orphans would take SIGINT for "cancel the query", so they
/// get SIGQUIT at once.
fn signal_all(pgdata: &Path, signal: Signal) {
    let postmaster = postmaster(pgdata);
    for pid in processes_in(pgdata) {
        let signal = if postmaster.is_none() && signal == Signal::INT {
            Signal::QUIT
        } else {
            signal
        };
        if signal != Signal::INT || postmaster == Some(pid) {
            let _ = kill_process(pid, signal); // it may have ended meanwhile; the next look tells
        }
    }
}

async fn all_gone(pgdata: &Path, patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    loop {
        if processes_in(pgdata).next().is_none() {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// The living postmaster of the cluster, if its pid file names one.
fn postmaster(pgdata: &Path) -> Option<Pid> {
    let pid = fs::read_to_string(pgdata.join("postmaster.pid"))
        .ok()?
        .lines()
        .next()?
        .trim()
        .parse()
        .ok()?;
    processes_in(pgdata).find(|running| running.as_raw_pid() == pid)
}

fn processes_in(pgdata: &Path) -> impl Iterator<Item = Pid> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.filter_map(move |entry| {
        let pid = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
        let here = fs::read_link(entry.path().join("cwd")).ok()? == pgdata;
        let name = fs::read_to_string(entry.path().join("comm")).ok()?;
        (here && matches!(name.trim(), "postgres" | "postmaster")).then_some(pid)
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[tokio::test]
    async fn a_pid_file_that_names_a_living_stranger_is_stale_and_the_stranger_lives() {
        let pgdata = tempfile::tempdir().unwrap();
        // Its working folder is the cluster's, but it is no PostgreSQL.
        let mut stranger = Command::new("sleep")
            .arg("60")
            .current_dir(pgdata.path())
            .spawn()
            .unwrap();
        fs::write(
            pgdata.path().join("postmaster.pid"),
            format!("{}\n", stranger.id()),
        )
        .unwrap();
        end(pgdata.path()).await.unwrap();
        assert!(!pgdata.path().join("postmaster.pid").exists());
        assert!(stranger.try_wait().unwrap().is_none(), "the stranger was killed");
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    }
}
