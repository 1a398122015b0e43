//! Secrets that were made from files: made again when a file, or a link on the way to it, is another one. A secret that
//! cannot be made again stays as it was.

use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tracing::{info, warn};

use super::{Secret, SecretCell, Secrets};

/// How often files are looked at. Looking sees every kind of change, on every kind of file system.
pub(crate) const LOOK: Duration = Duration::from_secs(1);

/// What tells a file from the one that was there before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp(Vec<Option<[i128; 5]>>);

impl Stamp {
    /// The files as they are now, at the end of all links.
    pub(crate) fn of<P: AsRef<Path>>(files: &[P]) -> Self {
        let one = |file: &P| {
            let metadata = std::fs::metadata(file).ok()?;
            let nanoseconds =
                |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
            Some([
                metadata.dev().into(),
                metadata.ino().into(),
                metadata.size().into(),
                nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
                nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
            ])
        };
        Self(files.iter().map(one).collect())
    }
}

/// Makes a secret from its files again; the text of an error names what is wrong.
pub(crate) type Make = Box<dyn Fn() -> Result<Secret, String> + Send + Sync>;

/// The files of a secret.
pub(crate) struct Files {
    /// Where they are.
    pub(crate) paths: Vec<PathBuf>,
    /// How they were before they were read.
    pub(crate) seen: Stamp,
    /// How the secret is made from them.
    pub(crate) make: Make,
}

/// A secret and its files.
pub(super) struct FromFiles {
    cell: Weak<SecretCell>,
    files: Files,
}

impl fmt::Debug for FromFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FromFiles").field(&self.files.paths).finish()
    }
}

impl FromFiles {
    /// Makes the secret again if a file is another one. False when nobody holds the secret any more.
    fn look(&mut self) -> bool {
        let Some(cell) = self.cell.upgrade() else {
            return false;
        };
        let now = Stamp::of(&self.files.paths);
        if now == self.files.seen {
            return true;
        }
        self.files.seen = now;
        let files = self.files.paths.iter();
        let files: Vec<_> = files.map(|file| file.display().to_string()).collect();
        let files = files.join(", ");
        match (self.files.make)() {
            Ok(secret) => {
                cell.set(secret);
                info!("secret {}: {files} changed and is in use", cell.name());
            }
            Err(error) => warn!(
                "secret {}: {files} changed and cannot be used: {error}; the last good version stays in use",
                cell.name()
            ),
        }
        true
    }
}

impl Secrets {
    /// Follows the files that a secret was made from, in place of those that it was made from before.
    pub(crate) fn follow_files(&self, cell: &Arc<SecretCell>, files: Option<Files>) {
        let other = |from: &FromFiles| !std::ptr::eq(from.cell.as_ptr(), Arc::as_ptr(cell));
        let mut all = self.from_files.lock();
        all.retain(other);
        all.extend(files.map(|files| FromFiles {
            cell: Arc::downgrade(cell),
            files,
        }));
    }

    /// Looks at all files once.
    pub(crate) fn look_at_files(&self) {
        self.from_files.lock().retain_mut(FromFiles::look);
    }

    /// Looks at all files for as long as the process runs.
    pub(crate) async fn look_for_ever(&self) {
        loop {
            tokio::time::sleep(LOOK).await;
            self.look_at_files();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::{TrustRoots, ValidationContext};

    fn roots(file: &Path) -> Result<Secret, String> {
        let pem = std::fs::read(file).map_err(|error| error.to_string())?;
        let roots = TrustRoots::from_pem(&pem).map_err(|error| error.to_string())?;
        let context = ValidationContext::trusting(roots);
        Ok(Secret::Validation(Arc::new(context)))
    }

    fn certificate(name: &str) -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.self_signed(&key).unwrap().pem()
    }

    fn pem(cell: &SecretCell) -> String {
        match cell.get() {
            Some(Secret::Validation(context)) => context.roots.as_ref().unwrap().pem(),
            other => panic!("wanted roots, got {other:?}"),
        }
    }

    #[test]
    fn a_swapped_link_is_followed_and_a_broken_file_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        // as Kubernetes mounts: file -> ..data/file, ..data -> a directory of its own for each version
        let publish = |version: &str, text: &str| {
            let folder = dir.path().join(version);
            std::fs::create_dir(&folder).unwrap();
            std::fs::write(folder.join("ca.pem"), text).unwrap();
            let link = dir.path().join("..data_tmp");
            std::os::unix::fs::symlink(version, &link).unwrap();
            std::fs::rename(link, dir.path().join("..data")).unwrap();
        };
        let (first, second) = (certificate("a"), certificate("b"));
        publish("1", &first);
        let file = dir.path().join("ca.pem");
        std::os::unix::fs::symlink("..data/ca.pem", &file).unwrap();

        let secrets = Secrets::new();
        let cell = secrets.cell("ca");
        let seen = Stamp::of(&[&file]);
        cell.set(roots(&file).unwrap());
        let make: Make = Box::new({
            let file = file.clone();
            move || roots(&file)
        });
        let files = Files {
            paths: vec![file],
            seen,
            make,
        };
        secrets.follow_files(&cell, Some(files));
        secrets.look_at_files();
        let count = *cell.watch().borrow();
        assert_eq!(count, 1, "nothing changed");

        publish("2", "no certificate at all");
        secrets.look_at_files();
        assert_eq!(
            pem(&cell).replace("\r\n", "\n"),
            first.replace("\r\n", "\n")
        );
        publish("3", &second);
        secrets.look_at_files();
        assert_eq!(
            pem(&cell).replace("\r\n", "\n"),
            second.replace("\r\n", "\n")
        );
    }

    #[test]
    fn files_of_a_secret_that_nobody_holds_are_let_go() {
        let secrets = Secrets::new();
        let cell = Arc::new(SecretCell::empty("inline"));
        let paths = vec![PathBuf::from("/nowhere")];
        let files = Files {
            seen: Stamp::of(&paths),
            paths,
            make: Box::new(|| Err("nobody asks".to_owned())),
        };
        secrets.follow_files(&cell, Some(files));
        secrets.look_at_files();
        assert_eq!(secrets.from_files.lock().len(), 1);
        drop(cell);
        secrets.look_at_files();
        assert!(secrets.from_files.lock().is_empty());
    }
}
