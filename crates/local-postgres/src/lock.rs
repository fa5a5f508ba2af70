//! One process per data folder.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use tokio::time::{Instant, sleep};

use crate::account::Account;
use crate::error::{Doing, Error};

/// How long to wait for an owner that is just stopping, as after Ctrl-C and a quick second start.
const GRACE: Duration = Duration::from_secs(2);

/// Held as long as it lives; the kernel releases it when the process dies, however it dies.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    pub(crate) async fn take(data_dir: &Path) -> Result<Self, Error> {
        let path = data_dir.join("lock");
        let mut file = open(&path, data_dir)?;
        let deadline = Instant::now() + GRACE;
        while flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            if Instant::now() > deadline {
                let owner = fs::read_to_string(&path).unwrap_or_default().trim().to_owned();
                return Err(Error::InUse {
                    data_dir: data_dir.to_owned(),
                    owner,
                });
            }
            sleep(Duration::from_millis(20)).await;
        }
        file.set_len(0).doing("writing", &path)?;
        writeln!(file, "{}", std::process::id()).doing("writing", &path)?;
        Ok(Self { _file: file })
    }
}

fn open(path: &Path, data_dir: &Path) -> Result<File, Error> {
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path);
    match (opened, Account::owner_of(data_dir)) {
        (Err(error), Some(owner))
            if error.kind() == ErrorKind::PermissionDenied && owner.uid != Account::current().uid =>
        {
            Err(Error::ForeignOwner {
                path: data_dir.to_owned(),
                owner: owner.uid,
            })
        }
        (opened, _) => opened.doing("opening", path),
    }
}
