//! Why the private PostgreSQL could not be had, each with what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// Why PostgreSQL could not be found, initialised, started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No usable server binaries on this machine.
    #[error(
        "no PostgreSQL 15 to 18 with initdb was found ({}); install one (Debian: `apt-get install postgresql`) \
         or name the folder of its binaries", .tried.join("; ")
    )]
    NoBinaries {
        /// What was looked at, and why it did not do.
        tried: Vec<String>,
    },
    /// The folder that was named has no usable binaries.
    #[error("{} cannot be used: {reason}; a folder with `initdb` and `postgres`, version 15 to 18, is needed", .folder.display())]
    UnusableBinaries {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The cluster on disk was made by another major version.
    #[error(
        "{} was made by PostgreSQL {cluster}, the binaries are version {binaries}: install PostgreSQL {cluster}, \
         or remove that folder to start anew", .folder.display()
    )]
    OtherMajor {
        /// The cluster's folder.
        folder: PathBuf,
        /// The major version that made it.
        cluster: String,
        /// The major version that was to run it.
        binaries: u16,
    },
    /// Another living process runs a server on this folder.
    #[error("{} is in use by process {owner}; stop that first, or use another folder", .data_dir.display())]
    InUse {
        /// The data folder.
        data_dir: PathBuf,
        /// The process that holds its lock.
        owner: String,
    },
    /// The folder belongs to another account, and only root could act for it.
    #[error(
        "{} belongs to another account (user id {owner}), probably of an earlier start as root: start as that account \
         or as root, or remove the folder", .path.display()
    )]
    ForeignOwner {
        /// What belongs to the other account.
        path: PathBuf,
        /// Its user id.
        owner: u32,
    },
    /// PostgreSQL refuses to run as root, and there is no account to run it as.
    #[error(
        "PostgreSQL does not run as root and /etc/passwd has neither `postgres` nor `nobody`: start as another user"
    )]
    NoAccount,
    /// The account that PostgreSQL has to run as cannot get there.
    #[error("user id {uid}, which PostgreSQL has to run as, cannot reach {}: make its parent folders searchable, or move it", .path.display())]
    Unreachable {
        /// What cannot be reached.
        path: PathBuf,
        /// The account's user id.
        uid: u32,
    },
    /// `initdb` or its sync failed.
    #[error("initialising PostgreSQL failed: {output}")]
    Initialisation {
        /// What it printed.
        output: String,
    },
    /// The server ended before it was ready.
    #[error("PostgreSQL ended while starting ({status}); the end of {}:\n{tail}", .log.display())]
    Ended {
        /// How it ended.
        status: String,
        /// The whole log.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// The server did not become ready in time.
    #[error("PostgreSQL was not ready after {seconds} s; see {}", .log.display())]
    NotReady {
        /// How long we waited.
        seconds: u64,
        /// The whole log.
        log: PathBuf,
    },
    /// Processes on this cluster survived every signal.
    #[error("these PostgreSQL processes do not end, not even killed: {pids:?}")]
    StillRunning {
        /// Their process ids.
        pids: Vec<i32>,
    },
    /// The operating system refused something.
    #[error("{doing} {}: {source}", .path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// Says what was being done when the operating system refused.
pub(crate) trait Doing<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, Error>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, Error> {
        self.map_err(|source| Error::Io {
            doing,
            path: path.to_owned(),
            source,
        })
    }
}
