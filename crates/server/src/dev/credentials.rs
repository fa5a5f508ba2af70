//! What a developer needs to call the server, in one file that exists exactly while it is true: put aside when the
//! server starts, written when it is ready.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The first admin and the demo tenant of a development server. They are made once and stay the same.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Credentials {
    /// An admin API key with every permission.
    pub admin_api_key: String,
    /// The first admin's address.
    pub admin_email: String,
    /// The first admin's password.
    pub admin_password: String,
    /// The demo tenant.
    pub demo_tenant_id: String,
    /// The demo tenant's slug.
    pub demo_tenant_slug: String,
    /// An API key of the demo tenant with every permission.
    pub demo_tenant_api_key: String,
    /// The demo tenant's owner.
    pub demo_user_id: String,
    /// By what he logs in.
    #[serde(default)]
    pub demo_owner_email: String,
    /// His password.
    #[serde(default)]
    pub demo_owner_password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("demo_tenant_slug", &self.demo_tenant_slug)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Announced<'a> {
    url: &'a str,
    #[serde(flatten)]
    credentials: &'a Credentials,
}

/// Where they are.
#[derive(Debug)]
pub(super) struct CredentialsFile {
    current: PathBuf,
    previous: PathBuf,
}

impl CredentialsFile {
    pub(super) fn in_folder(folder: &Path) -> Self {
        Self {
            current: folder.join("credentials.json"),
            previous: folder.join("credentials.previous.json"),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.current
    }

    /// What the last start announced. Nobody finds the file again until [`Self::announce`].
    pub(super) fn put_aside(&self) -> io::Result<Option<Credentials>> {
        match fs::rename(&self.current, &self.previous) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        match fs::read(&self.previous) {
            // A file that somebody damaged is no reason not to start: new credentials take its place.
            Ok(content) => Ok(serde_json::from_slice(&content).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The file appears, whole.
    pub(super) fn announce(&self, url: &str, credentials: &Credentials) -> io::Result<()> {
        let mut content = serde_json::to_vec_pretty(&Announced { url, credentials })?;
        content.push(b'\n');
        write_private(&self.current, &content)?;
        match fs::remove_file(&self.previous) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Writes a file for our eyes only that appears whole, and durably, or not at all.
pub(super) fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let unfinished = path.with_added_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_file_is_there_only_between_ready_and_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let file = CredentialsFile::in_folder(folder.path());
        assert_eq!(file.put_aside().unwrap(), None);
        let credentials = Credentials {
            admin_api_key: "tny_admin_x".into(),
            ..Credentials::default()
        };
        file.announce("http://127.0.0.1:1", &credentials).unwrap();
        let mode = fs::metadata(file.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let written: serde_json::Value = serde_json::from_slice(&fs::read(file.path()).unwrap()).unwrap();
        assert_eq!(written["url"], "http://127.0.0.1:1");
        assert_eq!(written["adminApiKey"], "tny_admin_x");

        assert_eq!(file.put_aside().unwrap(), Some(credentials.clone()));
        assert!(!file.path().exists());
        // A start that was killed before it was ready loses nothing.
        assert_eq!(file.put_aside().unwrap(), Some(credentials));
    }
}
