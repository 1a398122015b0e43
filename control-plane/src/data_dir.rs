//! The directory that survives restarts: CA key and certificates, token signing key.
//!
//! Owns file modes and atomic creation. Knows nothing about what the files mean.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A directory whose files are readable by their owner only.
#[derive(Debug, Clone)]
pub struct DataDir {
    path: PathBuf,
}

/// The data directory or a file in it could not be used.
#[derive(Debug, thiserror::Error)]
#[error("{action} {path}: {cause}; check the path and permissions of --data-dir")]
pub struct DataDirError {
    action: &'static str,
    path: PathBuf,
    cause: io::Error,
}

impl DataDir {
    /// Opens `path`, creating it with mode 0700 when it is absent.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|cause| failed("cannot create", path, cause))?;
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// Where the file `name` is or would be.
    pub fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The text of `name`, or `None` when there is no such file.
    pub fn read(&self, name: &str) -> Result<Option<String>, DataDirError> {
        let path = self.path_of(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(failed("cannot read", &path, cause)),
        }
    }

    /// Creates `name` with mode 0600 unless it exists, and returns what the file holds afterwards.
    ///
    /// Two processes may race to create one file (`tulle token create` beside a starting control
    /// plane): the first one wins and the other reads the winner's text.
    pub fn create_or_read(&self, name: &str, text: &str) -> Result<String, DataDirError> {
        let path = self.path_of(name);
        let draft = self.path_of(&format!(
            ".{name}.{}.{:x}",
            std::process::id(),
            fastrand::u64(..)
        ));
        write_new(&draft, text).map_err(|cause| failed("cannot write", &draft, cause))?;
        let linked = fs::hard_link(&draft, &path);
        let removed = fs::remove_file(&draft);
        match linked {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(cause) => return Err(failed("cannot create", &path, cause)),
        }
        removed.map_err(|cause| failed("cannot remove", &draft, cause))?;
        fs::read_to_string(&path).map_err(|cause| failed("cannot read", &path, cause))
    }

    /// Whether others than the owner may read `name`. An absent file is private.
    pub fn is_exposed(&self, name: &str) -> bool {
        fs::metadata(self.path_of(name)).is_ok_and(|m| exposed(&m.permissions()))
    }
}

fn exposed(permissions: &Permissions) -> bool {
    permissions.mode() & 0o077 != 0
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn failed(action: &'static str, path: &Path, cause: io::Error) -> DataDirError {
    DataDirError {
        action,
        path: path.to_owned(),
        cause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_writer_wins_and_files_are_private() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = DataDir::open(&tmp.path().join("a/b")).unwrap();
        assert_eq!(dir.read("key.pem").unwrap(), None);
        assert_eq!(dir.create_or_read("key.pem", "one").unwrap(), "one");
        assert_eq!(dir.create_or_read("key.pem", "two").unwrap(), "one");
        assert!(!dir.is_exposed("key.pem"));
        let left: Vec<_> = fs::read_dir(tmp.path().join("a/b")).unwrap().collect();
        assert_eq!(left.len(), 1, "no draft is left behind");
    }

    #[test]
    fn an_unusable_directory_is_named() {
        let tmp = tempfile::NamedTempFile::new().unwrap();
        let error = DataDir::open(&tmp.path().join("below-a-file"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("below-a-file") && error.contains("--data-dir"),
            "{error}"
        );
    }
}
