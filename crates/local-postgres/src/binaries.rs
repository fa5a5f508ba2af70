//! Which PostgreSQL to run.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;

const SUPPORTED: std::ops::RangeInclusive<u16> = 15..=18;
const DEBIAN: &str = "/usr/lib/postgresql";

/// A folder with PostgreSQL's server programs, of a version that we support.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    folder: PathBuf,
    major: u16,
}

impl Binaries {
    /// The ones in the folder named, or else the first usable ones: on the PATH (links followed), then the newest
    /// below `/usr/lib/postgresql`.
    pub fn find(explicit: Option<&Path>) -> Result<Self, Error> {
        let Some(folder) = explicit else {
            return Self::first_of(
                on_path(search_path().as_deref())
                    .into_iter()
                    .chain(newest_first(Path::new(DEBIAN))),
            );
        };
        Self::at(folder).map_err(|reason| Error::UnusableBinaries {
            folder: folder.to_owned(),
            reason,
        })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The major version.
    pub const fn major(&self) -> u16 {
        self.major
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn first_of(folders: impl Iterator<Item = PathBuf>) -> Result<Self, Error> {
        let mut tried = vec![];
        for folder in folders {
            match Self::at(&folder) {
                Ok(found) => return Ok(found),
                Err(reason) => tried.push(format!("{}: {reason}", folder.display())),
            }
        }
        if tried.is_empty() {
            tried.push(format!("nothing on the PATH or below {DEBIAN}"));
        }
        Err(Error::NoBinaries { tried })
    }

    fn at(folder: &Path) -> Result<Self, String> {
        let postgres = folder.join("postgres");
        // A link farm such as /usr/local/bin stands for the folder where the programs really are.
        let postgres =
            fs::canonicalize(&postgres).map_err(|error| format!("{}: {error}", postgres.display()))?;
        let folder = postgres.parent().expect("a file has a parent folder").to_owned();
        if !folder.join("initdb").is_file() {
            return Err("it has no initdb".into());
        }
        let output = Command::new(&postgres).arg("--version").output();
        let output = output.map_err(|error| format!("{}: {error}", postgres.display()))?;
        let version = String::from_utf8_lossy(&output.stdout);
        match major(&version) {
            Some(major) if SUPPORTED.contains(&major) => Ok(Self { folder, major }),
            Some(major) => Err(format!("it is version {major}")),
            None => Err(format!("`postgres --version` said {:?}", version.trim())),
        }
    }
}

/// The major version in, say, `postgres (PostgreSQL) 17beta2` or `postgres (PostgreSQL) 15.18 (Debian 15.18-0)`.
fn major(version: &str) -> Option<u16> {
    let number = version.split_once("(PostgreSQL) ")?.1;
    let digits = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    number[..digits].parse().ok()
}

#[expect(
    clippy::disallowed_methods,
    reason = "finding programs is what the PATH is for; it is no setting of ours"
)]
fn search_path() -> Option<OsString> {
    env::var_os("PATH")
}

fn on_path(path: Option<&OsStr>) -> Vec<PathBuf> {
    let folders = path
        .map(|path| env::split_paths(path).collect::<Vec<_>>())
        .unwrap_or_default();
    folders
        .into_iter()
        .filter(|folder| folder.is_absolute() && folder.join("postgres").is_file())
        .collect()
}

fn newest_first(root: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse::<u16>().ok()?,
                entry.path().join("bin"),
            ))
        })
        .filter(|(_, folder)| folder.join("initdb").is_file())
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, folder)| folder).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A folder whose `postgres` says that it is of this version. A shell writes it, because a file that this
    /// process holds open for writing while another test forks cannot be run ("text file busy").
    fn fake(folder: &Path, version: &str) -> PathBuf {
        fs::create_dir_all(folder).unwrap();
        let script = "printf '#!/bin/sh\\necho postgres \"(PostgreSQL)\" %s\\n' \"$1\" | tee postgres > initdb; chmod +x *";
        let written = Command::new("sh")
            .args(["-c", script, "sh", version])
            .current_dir(folder)
            .status()
            .unwrap();
        assert!(written.success());
        folder.to_owned()
    }

    #[test]
    fn versions_are_read_from_releases_packages_and_betas() {
        assert_eq!(
            major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"),
            Some(15)
        );
        assert_eq!(major("postgres (PostgreSQL) 19beta1"), Some(19));
        assert_eq!(major("postgres (PostgreSQL) 9.6.24"), Some(9));
        assert_eq!(major("something else"), None);
    }

    #[test]
    fn a_folder_of_links_stands_for_where_they_lead() {
        let root = tempfile::tempdir().unwrap();
        let real = fake(&fs::canonicalize(root.path()).unwrap().join("16"), "16.4");
        let links = root.path().join("links");
        fs::create_dir(&links).unwrap();
        symlink(real.join("postgres"), links.join("postgres")).unwrap();
        let found = Binaries::find(Some(&links)).unwrap();
        assert_eq!((found.folder(), found.major()), (real.as_path(), 16));
    }

    #[test]
    fn what_is_too_old_is_passed_over_and_named_when_nothing_else_is_there() {
        let root = tempfile::tempdir().unwrap();
        let old = fake(&root.path().join("old"), "14.2");
        let good = fake(&root.path().join("good"), "17.1");
        assert_eq!(
            Binaries::first_of([old.clone(), good].into_iter())
                .unwrap()
                .major(),
            17
        );
        let error = Binaries::first_of([old.clone()].into_iter())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("it is version 14") && error.contains("apt-get install postgresql"),
            "{error}"
        );
        let error = Binaries::find(Some(&old)).unwrap_err().to_string();
        assert!(
            error.contains("it is version 14") && error.contains("15 to 18"),
            "{error}"
        );
    }

    #[test]
    fn the_newest_installed_comes_first_by_number() {
        let root = tempfile::tempdir().unwrap();
        for version in ["9", "15", "18", "doc"] {
            fake(&root.path().join(version).join("bin"), version);
        }
        let order: Vec<_> = newest_first(root.path());
        assert_eq!(
            order,
            ["18", "15", "9"].map(|version| root.path().join(version).join("bin"))
        );
    }

    #[test]
    fn only_absolute_path_entries_with_a_server_count() {
        let root = tempfile::tempdir().unwrap();
        let good = fake(&root.path().join("good"), "17.1");
        let path = env::join_paths([Path::new("."), root.path(), &good]).unwrap();
        assert_eq!(on_path(Some(&path)), [good]);
        assert!(on_path(None).is_empty());
    }
}
