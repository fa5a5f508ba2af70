//! The operating system account that PostgreSQL runs as: ourselves, or when we are root an unprivileged one.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown, lchown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{getegid, geteuid};

use crate::error::{Doing, Error};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    gid: u32,
}

impl Account {
    /// Who we are.
    pub(crate) fn current() -> Self {
        Self {
            uid: geteuid().as_raw(),
            gid: getegid().as_raw(),
        }
    }

    /// `postgres`, else `nobody`: `initdb` wants an account with a name.
    pub(crate) fn unprivileged() -> Result<Self, Error> {
        let passwd = Path::new("/etc/passwd");
        let text = fs::read_to_string(passwd).doing("reading", passwd)?;
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| named(&text, name))
            .ok_or(Error::NoAccount)
    }

    /// Who owns a path, if it exists.
    pub(crate) fn owner_of(path: &Path) -> Option<Self> {
        let metadata = fs::symlink_metadata(path).ok()?;
        Some(Self {
            uid: metadata.uid(),
            gid: metadata.gid(),
        })
    }

    pub(crate) const fn is_root(self) -> bool {
        self.uid == 0
    }

    /// A command that runs as this account: with a clean environment (no `PGDATA`, no `PGPORT`), in `/`, which
    /// every account can enter, and out of reach of the terminal's Ctrl-C.
    pub(crate) fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("LC_ALL", "C")
            .env("PATH", "/usr/bin:/bin")
            .current_dir("/");
        command.process_group(0).stdin(Stdio::null());
        if self != Self::current() {
            command.gid(self.gid).uid(self.uid); // the standard library drops root's other groups with it
        }
        command
    }

    /// Whether this account may search a folder or run a file. Asked by trying, so that access lists count too.
    pub(crate) fn reaches(self, path: &Path) -> bool {
        let mut test = self.command(Path::new("/usr/bin/test"));
        test.arg("-x")
            .arg(path)
            .status()
            .is_ok_and(|status| status.success())
    }

    /// Makes a path this account's own.
    pub(crate) fn own(self, path: &Path) -> Result<(), Error> {
        if Self::owner_of(path) == Some(self) {
            return Ok(());
        }
        chown(path, Some(self.uid), Some(self.gid)).doing("changing the owner of", path)
    }

    /// Makes a folder and all in it this account's own, without following links.
    pub(crate) fn own_all(self, path: &Path) -> Result<(), Error> {
        lchown(path, Some(self.uid), Some(self.gid)).doing("changing the owner of", path)?;
        if fs::symlink_metadata(path).doing("reading", path)?.is_dir() {
            for entry in fs::read_dir(path).doing("reading", path)? {
                self.own_all(&entry.doing("reading", path)?.path())?;
            }
        }
        Ok(())
    }
}

fn named(passwd: &str, name: &str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then_some(())?;
        let mut numbers = fields.skip(1).map(str::parse);
        Some(Account {
            uid: numbers.next()?.ok()?,
            gid: numbers.next()?.ok()?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\npostgres2:x:7:8::/:\npostgres:x:101:104:PG,,,:/var/lib:/bin/bash\n";
        assert_eq!(named(passwd, "postgres"), Some(Account { uid: 101, gid: 104 }));
        assert_eq!(named(passwd, "nobody"), None);
    }
}
