//! Mail into a folder: for development, and for installations whose mail something else picks up.
//!
//! A file's name is made of the mail's time and identifier, so a repeated attempt replaces its own file, and it
//! appears whole or not at all. Mails hold invitation links, so folder and files are the owner's alone.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::{Outcome, TransportError};
use crate::message::Message;

/// The way into a folder.
#[derive(Debug, Clone)]
pub struct FolderTransport(PathBuf);

impl FolderTransport {
    /// Makes the folder when it is missing.
    pub fn open(folder: PathBuf) -> Result<Self, TransportError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|error| TransportError(format!("{}: {error}", folder.display())))?;
        Ok(Self(folder))
    }

    pub(super) async fn send(&self, message: &Message) -> Outcome {
        let (folder, name) = (self.0.clone(), file_name(message));
        let content = message.render().formatted();
        match blocking(move || write_whole(&folder, &name, &content).map(|()| name)).await {
            Ok(name) => Outcome::Delivered(name),
            Err(error) => Outcome::Retry(error.to_string()),
        }
    }

    pub(super) async fn probe(&self) -> Result<(), TransportError> {
        let probe = self.0.join(".probe");
        let written =
            blocking(move || std::fs::write(&probe, b"").and_then(|()| std::fs::remove_file(&probe))).await;
        written.map_err(|error| TransportError(error.to_string()))
    }
}

/// `20260305T104200.123Z-mail_….eml`: sorts by time.
fn file_name(message: &Message) -> String {
    format!(
        "{}-{}.eml",
        message.written_at.inner().strftime("%Y%m%dT%H%M%S%.3fZ"),
        message.id
    )
}

fn write_whole(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let unfinished = folder.join(format!(".{name}.tmp"));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, folder.join(name))?;
    File::open(folder)?.sync_all()
}

async fn blocking<T: Send + 'static>(step: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(step)
        .await
        .map_err(io::Error::other)?
}
