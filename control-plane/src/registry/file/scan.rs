//! Finds files.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Deeper directories are not looked into: links may lead in circles.
const MAX_DEPTH: usize = 32;

/// What tells whether a file may have changed, without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Signature {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Signature {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// The files below `root` that hold objects, by path. Links are followed.
///
/// # Errors
/// `root` cannot be read. Below it, what cannot be read is logged and left out; the second value names it.
pub(super) fn files(root: &Path) -> io::Result<(BTreeMap<PathBuf, Signature>, Vec<PathBuf>)> {
    let mut found = BTreeMap::new();
    let mut unreadable = Vec::new();
    let mut waiting = vec![(root.to_owned(), 0)];
    while let Some((directory, depth)) = waiting.pop() {
        let entries = match std::fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) if depth == 0 => return Err(error),
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => {
                tracing::error!(
                    "cannot read {}: {error}; what it held goes on serving",
                    directory.display()
                );
                unreadable.push(directory);
                continue;
            }
        };
        for path in entries
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(|path| !is_hidden(path))
        {
            // A link to nowhere, or a file that went meanwhile, is no file.
            let Ok(metadata) = std::fs::metadata(&path) else {
                continue;
            };
            if metadata.is_dir() && depth < MAX_DEPTH {
                waiting.push((path, depth + 1));
            } else if metadata.is_file() && holds_objects(&path) {
                found.insert(path, Signature::of(&metadata));
            }
        }
    }
    Ok((found, unreadable))
}

fn is_hidden(path: &Path) -> bool {
    path.file_name()
        .is_none_or(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn holds_objects(path: &Path) -> bool {
    let extension = path
        .extension()
        .map(|extension| extension.to_ascii_lowercase());
    extension
        .is_some_and(|extension| extension == "yaml" || extension == "yml" || extension == "json")
}
