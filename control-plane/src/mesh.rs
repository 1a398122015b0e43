//! The mesh-wide settings: MeshConfig from a file, reloaded while running.
//!
//! A broken file never takes effect: the last good settings stay, and the log says what is wrong and where.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecursiveMode, Watcher};
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use xds_proto::mesh::MeshConfig;

use crate::flag::{Flag, raised};

/// Editors and ConfigMap swaps touch several files; one look after they are done is enough.
const SETTLE: Duration = Duration::from_millis(50);
/// File systems without notification are looked at this often.
const POLL: Duration = Duration::from_secs(5);

/// The settings in force.
pub(crate) struct MeshFile {
    current: watch::Sender<Arc<MeshConfig>>,
    /// Text of the file as it was looked at last; `None` while it can't be read.
    seen: Mutex<Option<String>>,
}

/// The file does not hold a MeshConfig.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidMeshConfig {
    /// It can't be read.
    #[error("cannot read mesh config {path}: {cause}; check --mesh-config")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// It is not the YAML of a MeshConfig.
    #[error("mesh config {path}: {reason}; see Istio's MeshConfig reference for fields and types")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and what, in the parser's words.
        reason: String,
    },
}

impl MeshFile {
    /// Settings that nobody changes any more.
    pub(crate) fn fixed(mesh: MeshConfig) -> Arc<Self> {
        Self::with_text(mesh, None)
    }

    /// Reads `path` once; [`MeshFile::follow`] keeps reading it.
    pub(crate) fn load(path: &Path) -> Result<Arc<Self>, InvalidMeshConfig> {
        let text = read(path)?;
        let mesh = parse(path, &text)?;
        name_unhonoured(path, &mesh);
        Ok(Self::with_text(mesh, Some(text)))
    }

    fn with_text(mesh: MeshConfig, seen: Option<String>) -> Arc<Self> {
        Arc::new(Self {
            current: watch::Sender::new(Arc::new(mesh)),
            seen: Mutex::new(seen),
        })
    }

    /// The settings in force.
    pub(crate) fn current(&self) -> Arc<MeshConfig> {
        self.current.borrow().clone()
    }

    /// Sees every change after this call.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<MeshConfig>> {
        self.current.subscribe()
    }

    /// Reloads `path` whenever it changes, until drained.
    pub(crate) async fn follow(self: Arc<Self>, path: PathBuf, mut drain: Flag) {
        let (bell, mut changes) = mpsc::channel::<()>(1);
        let watcher = watcher(&path, bell);
        loop {
            self.reload(&path);
            tokio::select! {
                Some(()) = changes.recv() => tokio::time::sleep(SETTLE).await,
                () = tokio::time::sleep(POLL) => {}
                () = raised(&mut drain) => break,
            }
        }
        drop(watcher);
    }

    fn reload(&self, path: &Path) {
        let mut seen = self.seen.lock();
        let text = match read(path) {
            Ok(text) => text,
            Err(e) => {
                if seen.take().is_some() {
                    tracing::error!("{e}; the last good settings stay in force");
                }
                return;
            }
        };
        if seen.as_ref() == Some(&text) {
            return;
        }
        match parse(path, &text) {
            Ok(mesh) => {
                name_unhonoured(path, &mesh);
                tracing::info!("mesh config {} reloaded", path.display());
                self.current.send_replace(Arc::new(mesh));
            }
            Err(e) => tracing::error!("{e}; the last good settings stay in force"),
        }
        *seen = Some(text);
    }
}

/// Watches the directory, since a ConfigMap replaces a link beside the file. `None` leaves it to polling.
fn watcher(path: &Path, bell: mpsc::Sender<()>) -> Option<notify::RecommendedWatcher> {
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        Some(_) | None => Path::new("."),
    };
    let ring = move |_: notify::Result<notify::Event>| {
        // Full means that a look is due already.
        let _due = bell.try_send(());
    };
    let mut watcher = notify::recommended_watcher(ring).ok()?;
    match watcher.watch(dir, RecursiveMode::NonRecursive) {
        Ok(()) => Some(watcher),
        Err(e) => {
            tracing::warn!(
                "cannot watch {}: {e}; it is read every {POLL:?} instead",
                dir.display()
            );
            None
        }
    }
}

fn read(path: &Path) -> Result<String, InvalidMeshConfig> {
    std::fs::read_to_string(path).map_err(|cause| InvalidMeshConfig::Unreadable {
        path: path.to_owned(),
        cause,
    })
}

fn parse(path: &Path, text: &str) -> Result<MeshConfig, InvalidMeshConfig> {
    if text.trim().is_empty() {
        return Ok(MeshConfig::default());
    }
    serde_saphyr::from_str(text).map_err(|e| InvalidMeshConfig::Malformed {
        path: path.to_owned(),
        reason: e.to_string(),
    })
}

fn name_unhonoured(path: &Path, mesh: &MeshConfig) {
    for field in mesh.not_honoured() {
        tracing::warn!(
            "mesh config {}: {field} is not honoured by this version",
            path.display()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_change_takes_effect_and_a_broken_file_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mesh.yaml");
        std::fs::write(&path, "trustDomain: one.example\n").unwrap();
        let file = MeshFile::load(&path).unwrap();
        let mut changes = file.subscribe();
        let (stop, drain) = watch::channel(false);
        let task = tokio::spawn(file.clone().follow(path.clone(), drain));
        std::fs::write(&path, "trustDomain: [\n").unwrap();
        std::fs::write(&path, "trustDomain: two.example\n").unwrap();
        changes.changed().await.unwrap();
        assert_eq!(file.current().trust_domain(), "two.example");
        stop.send_replace(true);
        task.await.unwrap();
    }

    #[test]
    fn a_broken_file_keeps_the_last_good_settings() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mesh.yaml");
        std::fs::write(&path, "trustDomain: one.example\n").unwrap();
        let file = MeshFile::load(&path).unwrap();
        std::fs::write(&path, "trustDomain: [\n").unwrap();
        file.reload(&path);
        assert_eq!(file.current().trust_domain(), "one.example");
        let error = MeshFile::load(&path).err().unwrap().to_string();
        assert!(
            error.contains("mesh.yaml") && error.contains("line"),
            "{error}"
        );
    }
}
