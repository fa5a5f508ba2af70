mod spaces;
mod uploads;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::TryStreamExt;
use kernel::{Entity, Id, Seams, TenantId};
use tempfile::TempDir;

use crate::{Download, Storage, StorageConfig, TenantSpace};

/// A kind of object.
#[derive(Debug)]
enum Blob {}
impl Entity for Blob {
    const PREFIX: &'static str = "blob";
}

/// A local store in a folder of its own.
struct Fixture {
    root: TempDir,
    seams: Seams,
    storage: Storage,
}

impl Fixture {
    fn new() -> Self {
        let (root, seams) = (tempfile::tempdir().expect("a folder"), Seams::real());
        let config = StorageConfig::Local {
            root: root.path().join("objects"),
        };
        let storage = Storage::open(&config, seams.clone()).expect("it opens");
        Self { root, seams, storage }
    }

    fn key(&self) -> Id<Blob> {
        self.seams.new_id()
    }

    fn tenant(&self) -> TenantId {
        self.seams.new_id()
    }

    /// A new tenant's space.
    async fn space(&self) -> TenantSpace {
        let space = self.storage.tenant(self.tenant());
        space.create().await.expect("the space is made");
        space
    }

    fn folder(&self, space: &TenantSpace) -> PathBuf {
        self.root.path().join("objects").join(space.name())
    }

    fn files(&self) -> Vec<String> {
        let root = self.root.path().join("objects");
        let mut files = Vec::new();
        walk(&root, &mut files);
        let mut names: Vec<_> = files
            .iter()
            .map(|file| {
                file.strip_prefix(&root)
                    .expect("below")
                    .to_str()
                    .expect("UTF-8")
                    .to_owned()
            })
            .collect();
        names.sort();
        names
    }
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// So many bytes that differ from place to place.
fn content(size: usize) -> Vec<u8> {
    (0..size)
        .map(|at| u8::try_from((at / 256 + at * 7) % 251).expect("below 251"))
        .collect()
}

async fn store(space: &TenantSpace, key: Id<Blob>, bytes: &[u8]) {
    let mut upload = space.upload(key, bytes.len() as u64).await.expect("it begins");
    for chunk in bytes.chunks(10_000) {
        upload.write(chunk).await.expect("it takes the bytes");
    }
    upload.finish().await.expect("it is stored");
}

async fn read(download: Download) -> Vec<u8> {
    let chunks: Vec<Bytes> = download
        .into_stream()
        .try_collect()
        .await
        .expect("the bytes come");
    chunks.concat()
}
