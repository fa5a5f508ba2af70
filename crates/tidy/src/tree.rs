//! The repository's text files, read once, so that rules stay pure.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::{fs, io};

/// Folders that hold no source and are skipped where git cannot tell.
const SKIPPED: [&str; 5] = [".git", "target", ".data", "node_modules", "__pycache__"];

/// One text file.
#[derive(Debug)]
pub(crate) struct File {
    /// Relative to the root, with `/` between the parts.
    pub(crate) path: String,
    /// Its content; a binary file is empty.
    pub(crate) text: String,
}

impl File {
    /// The lines with their numbers, counted from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
    }

    /// The crate (folder below `crates/`) that the file belongs to.
    pub(crate) fn room(&self) -> Option<&str> {
        self.path
            .strip_prefix("crates/")?
            .split_once('/')
            .map(|(room, _)| room)
    }
}

/// All files of the repository, in the order of their paths.
#[derive(Debug)]
pub(crate) struct Tree {
    files: Vec<File>,
    folders: BTreeSet<String>,
}

impl Tree {
    /// Reads what git tracks or would track; without git, all files outside [`SKIPPED`] folders.
    pub(crate) fn read(root: &Path) -> io::Result<Self> {
        let mut paths = match git_files(root) {
            Some(paths) => paths,
            None => walk(root)?,
        };
        paths.sort();
        paths.dedup();
        let read = |path: String| match fs::read(root.join(&path)) {
            Ok(bytes) => Some(Ok(File {
                path,
                text: String::from_utf8(bytes).unwrap_or_default(),
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None, // deleted, not yet committed
            Err(error) => Some(Err(error)),
        };
        Ok(Self::of(
            paths.into_iter().filter_map(read).collect::<io::Result<_>>()?,
        ))
    }

    fn of(files: Vec<File>) -> Self {
        let mut folders = BTreeSet::new();
        for file in &files {
            for (index, _) in file.path.match_indices('/') {
                folders.insert(file.path[..index].to_owned());
            }
        }
        Self { files, folders }
    }

    /// A tree made of samples.
    #[cfg(test)]
    pub(crate) fn sample(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        };
        Self::of(files.iter().map(file).collect())
    }

    /// All files.
    pub(crate) fn files(&self) -> &[File] {
        &self.files
    }

    /// All Rust files.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| has_extension(&file.path, "rs"))
    }

    /// The files whose path starts and ends so.
    pub(crate) fn matching(&self, start: &str, extension: &str) -> impl Iterator<Item = &File> {
        self.files
            .iter()
            .filter(move |f| f.path.starts_with(start) && has_extension(&f.path, extension))
    }

    /// The file at exactly that path.
    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Whether a file or a folder has that path.
    pub(crate) fn exists(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        self.folders.contains(path) || self.file(path).is_some()
    }
}

/// Whether the path's extension is that one.
fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|found| found == extension)
}

/// Tracked files and new ones that are not ignored; `None` where git is missing, refuses, or knows no file here.
fn git_files(root: &Path) -> Option<Vec<String>> {
    let output = Command::new("git")
        .arg("-C")
        .arg(root)
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output()
        .ok()?;
    let listing = String::from_utf8(output.stdout).ok()?;
    let paths: Vec<String> = listing
        .split('\0')
        .filter(|p| !p.is_empty())
        .map(str::to_owned)
        .collect();
    (output.status.success() && !paths.is_empty()).then_some(paths)
}

fn walk(root: &Path) -> io::Result<Vec<String>> {
    let mut paths = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if folder.is_empty() {
                name.clone()
            } else {
                format!("{folder}/{name}")
            };
            if entry.file_type()?.is_dir() {
                if !SKIPPED.contains(&name.as_str()) {
                    folders.push(path);
                }
            } else {
                paths.push(path);
            }
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_files_and_the_folders_above_them() {
        let tree = Tree::sample(&[("crates/kernel/src/lib.rs", "")]);
        assert!(tree.exists("crates/kernel/") && tree.exists("crates/kernel/src/lib.rs"));
        assert!(!tree.exists("crates/kern"));
        assert_eq!(tree.files()[0].room(), Some("kernel"));
    }

    #[test]
    fn reads_without_git_and_skips_what_is_built() {
        let root = std::env::temp_dir().join(format!("tidy-walk-{}", std::process::id()));
        for (path, text) in [("src/a.rs", "a"), ("target/b.rs", "b"), (".data/c", "c")] {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), text).unwrap();
        }
        let tree = Tree::read(&root).unwrap();
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(
            tree.files().iter().map(|f| f.path.as_str()).collect::<Vec<_>>(),
            ["src/a.rs"]
        );
        assert_eq!(tree.rust().count(), 1);
    }
}
