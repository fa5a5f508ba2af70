//! The steps that a local folder needs beyond the object store's own: private modes, synced folders after a
//! deletion, and the removal of what a dying process left.
//!
//! The object store writes into `<key>#<number>` beside the key, syncs, then renames; a dead process leaves that
//! file. It syncs what it writes (`with_fsync`), but not what it deletes, and it makes files with the process's
//! mode, so every folder is made here first, with mode 0700.

use std::fs::{DirBuilder, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;

/// The folder below which all objects lie.
#[derive(Debug, Clone)]
pub(crate) struct LocalRoot(PathBuf);

impl LocalRoot {
    /// Makes the root and the named folders in it where they are missing.
    pub(crate) fn open(root: &Path, folders: &[&str]) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(root)?;
        let root = root.canonicalize()?;
        for folder in folders {
            make_private(&root.join(folder))?;
        }
        Ok(Self(root))
    }

    /// The object store over this root.
    pub(crate) fn store(&self) -> object_store::Result<LocalFileSystem> {
        Ok(LocalFileSystem::new_with_prefix(&self.0)?.with_fsync(true))
    }

    /// Makes one folder, durably. Its parent must exist: a space that is gone does not come back this way.
    pub(crate) async fn make_folder(&self, folder: &ObjectPath) -> io::Result<()> {
        let folder = self.file(folder);
        blocking(move || make_private(&folder)).await
    }

    /// Closes a freshly written object to everybody else; one that was deleted at once is fine.
    pub(crate) async fn make_private(&self, object: &ObjectPath) -> io::Result<()> {
        let file = self.file(object);
        let mode = Permissions::from_mode(0o600);
        blocking(move || absent_is_fine(std::fs::set_permissions(file, mode))).await
    }

    /// Makes the deletion of this object survive a crash.
    pub(crate) async fn sync_deletion(&self, object: &ObjectPath) -> io::Result<()> {
        let file = self.file(object);
        blocking(move || file.parent().map_or(Ok(()), sync_folder)).await
    }

    /// Removes a folder with all that is left in it, also the remains of interrupted uploads.
    pub(crate) async fn remove_folder(&self, folder: &ObjectPath) -> io::Result<()> {
        let folder = self.file(folder);
        blocking(move || {
            remove_all(&folder)?;
            folder.parent().map_or(Ok(()), sync_folder)
        })
        .await
    }

    /// Removes the folder of this object and the one above where they are empty.
    pub(crate) async fn remove_empty_folders(&self, object: &ObjectPath) -> io::Result<()> {
        let file = self.file(object);
        blocking(move || {
            for folder in file.ancestors().skip(1).take(2) {
                if std::fs::remove_dir(folder).is_err() {
                    break;
                }
            }
            Ok(())
        })
        .await
    }

    /// Removes interrupted uploads that were last written to longer ago than this; answers how many.
    pub(crate) async fn sweep(&self, older_than: Duration) -> io::Result<u64> {
        let root = self.0.clone();
        blocking(move || sweep_folder(&root, older_than)).await
    }

    fn file(&self, object: &ObjectPath) -> PathBuf {
        self.0.join(object.as_ref())
    }
}

async fn blocking<T: Send + 'static>(step: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(step)
        .await
        .map_err(io::Error::other)?
}

fn make_private(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => folder.parent().map_or(Ok(()), sync_folder),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// An upload under way may put a file into the folder while it is emptied, but none does so often.
fn remove_all(folder: &Path) -> io::Result<()> {
    for _ in 0..100 {
        match absent_is_fine(std::fs::remove_dir_all(folder)) {
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {}
            done => return done,
        }
    }
    Err(ErrorKind::DirectoryNotEmpty.into())
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    absent_is_fine(File::open(folder).and_then(|folder| folder.sync_all()))
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn sweep_folder(folder: &Path, older_than: Duration) -> io::Result<u64> {
    let mut removed = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            removed += sweep_folder(&entry.path(), older_than)?;
        } else if is_staged(&entry.path()) && is_older(&entry.path(), older_than) {
            absent_is_fine(std::fs::remove_file(entry.path()))?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Whether the name is one under which the object store writes before it renames.
fn is_staged(file: &Path) -> bool {
    let name = file.file_name().and_then(|name| name.to_str());
    name.and_then(|name| name.rsplit_once('#'))
        .is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_older(file: &Path, than: Duration) -> bool {
    let modified = std::fs::metadata(file).and_then(|metadata| metadata.modified());
    modified.is_ok_and(|modified| age(modified) >= than)
}

/// How long ago a store wrote something; nothing, where its clock is ahead of this machine's.
#[expect(
    clippy::disallowed_methods,
    reason = "stores do not know the product's clock, only the machines' own"
)]
pub(crate) fn age(written: SystemTime) -> Duration {
    written.elapsed().unwrap_or_default()
}
