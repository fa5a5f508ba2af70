//! The folder in which a development server keeps everything, for one process at a time.
//!
//! | entry | what |
//! |---|---|
//! | `.tenantry-dev` | marks the folder as ours; locked (flock) by the process that serves from it |
//! | `master.key` | the installation's root key, made once |
//! | `credentials.json` | how to call the server, while it is true |
//! | `postgres` | the private PostgreSQL; `local_postgres` knows what is in it |
//! | `files`, `mail` | what tenants stored, and the mail that was sent |
//!
//! Invariant: nothing else in the folder is ever touched, and without the mark not even these.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use kernel::Seams;

use super::credentials::{CredentialsFile, write_private};

const MARK: &str = ".tenantry-dev";
const POSTGRES: &str = "postgres";
const PLAIN: [&str; 5] = [
    "credentials.json",
    "credentials.previous.json",
    "files",
    "mail",
    "master.key",
];

/// Ours until dropped.
#[derive(Debug)]
pub(super) struct DataFolder {
    path: PathBuf,
    _lock: File,
}

impl DataFolder {
    /// Makes the folder when it is missing and takes it for this process.
    pub(super) fn claim(path: &Path) -> Result<Self> {
        let path = std::path::absolute(path)?;
        make(&path).with_context(|| format!("creating {}", path.display()))?;
        refuse_foreign(&path)?;
        let lock = lock(&path)?;
        Ok(Self { path, _lock: lock })
    }

    /// Removes everything of ours, so that the start is like the first.
    pub(super) async fn reset(&self) -> Result<()> {
        local_postgres::Cluster::remove(&self.postgres()).await?;
        for entry in PLAIN.map(|entry| self.path.join(entry)) {
            let removed = if entry.is_dir() {
                fs::remove_dir_all(&entry)
            } else if entry.exists() {
                fs::remove_file(&entry)
            } else {
                continue;
            };
            removed.with_context(|| format!("removing {}", entry.display()))?;
        }
        Ok(())
    }

    /// Where the private PostgreSQL lives.
    pub(super) fn postgres(&self) -> PathBuf {
        self.path.join(POSTGRES)
    }

    /// How to call the server.
    pub(super) fn credentials(&self) -> CredentialsFile {
        CredentialsFile::in_folder(&self.path)
    }

    /// The file of the installation's root key, made when it is missing.
    pub(super) fn master_key_file(&self, seams: &Seams) -> Result<PathBuf> {
        let path = self.path.join("master.key");
        if !path.exists() {
            let digits: String = seams
                .random::<32>()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            write_private(&path, format!("{digits}\n").as_bytes())
                .with_context(|| format!("writing {}", path.display()))?;
        }
        Ok(path)
    }
}

/// The folder that tenants' files are in.
pub(super) fn files(folder: &Path) -> PathBuf {
    folder.join("files")
}

/// The folder that mail is sent to.
pub(super) fn mail(folder: &Path) -> PathBuf {
    folder.join("mail")
}

/// For our eyes only; except that when we are root, PostgreSQL runs as somebody else, who has to pass through.
fn make(path: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let mode = if is_root() { 0o711 } else { 0o700 };
    let parent = path.parent().unwrap_or(path);
    DirBuilder::new().recursive(true).create(parent)?;
    DirBuilder::new().mode(mode).create(path)
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Somebody else's folder that happens to have an entry of the same name is not mixed with ours, nor removed.
fn refuse_foreign(path: &Path) -> Result<()> {
    if path.join(MARK).exists() {
        return Ok(());
    }
    let foreign = PLAIN
        .into_iter()
        .chain([POSTGRES])
        .find(|entry| path.join(entry).exists());
    if let Some(entry) = foreign {
        bail!(
            "{} has `{entry}` in it but was not made by `tenantry dev` (it has no {MARK}): use another folder",
            path.display()
        );
    }
    Ok(())
}

fn lock(path: &Path) -> Result<File> {
    let mark = path.join(MARK);
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&mark);
    let mut file = opened.with_context(|| format!("opening {}", mark.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::Error(error)) => return Err(error).context(format!("locking {}", mark.display())),
        Err(TryLockError::WouldBlock) => {
            let mut owner = String::new();
            let _ = file.read_to_string(&mut owner);
            bail!(
                "{} is in use by another `tenantry dev` (process {}): stop that first, or use another folder with --data",
                path.display(),
                owner.trim()
            );
        }
    }
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_belongs_to_one_process_at_a_time() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("deep/data");
        let first = DataFolder::claim(&path).unwrap();
        let refused = DataFolder::claim(&path).unwrap_err().to_string();
        assert!(
            refused.contains(&format!("process {}", std::process::id())),
            "{refused}"
        );
        drop(first);
        DataFolder::claim(&path).unwrap();
    }

    #[tokio::test]
    async fn reset_removes_what_is_ours_and_nothing_else() {
        let scratch = tempfile::tempdir().unwrap();
        fs::write(scratch.path().join("notes.txt"), "mine").unwrap();
        let folder = DataFolder::claim(scratch.path()).unwrap();
        let key = folder.master_key_file(&Seams::real()).unwrap();
        let first = fs::read_to_string(&key).unwrap();
        assert_eq!(
            fs::read_to_string(folder.master_key_file(&Seams::real()).unwrap()).unwrap(),
            first
        );
        fs::create_dir_all(files(scratch.path()).join("tenants")).unwrap();
        folder.reset().await.unwrap();
        assert!(!key.exists() && !files(scratch.path()).exists());
        assert_eq!(
            fs::read_to_string(scratch.path().join("notes.txt")).unwrap(),
            "mine"
        );
        folder.master_key_file(&Seams::real()).unwrap();
        assert_ne!(fs::read_to_string(&key).unwrap(), first);
    }

    #[test]
    fn a_foreign_folder_with_a_name_of_ours_is_refused_and_left_alone() {
        let scratch = tempfile::tempdir().unwrap();
        fs::create_dir(mail(scratch.path())).unwrap();
        assert!(
            DataFolder::claim(scratch.path())
                .unwrap_err()
                .to_string()
                .contains("`mail`")
        );
        assert!(mail(scratch.path()).exists() && !scratch.path().join(MARK).exists());
    }
}
