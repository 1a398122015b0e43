//! Learns that a directory may have changed.

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};

/// How often to look when file events work: for what they cannot see.
const SELDOM: Duration = Duration::from_secs(10);

/// How often to look when they do not.
const OFTEN: Duration = Duration::from_secs(1);

/// File events of a directory, and a clock for what they miss.
pub(super) struct Watch {
    root: PathBuf,
    wake: mpsc::Receiver<()>,
    /// `None`: events do not work, or the directory is not there.
    watcher: Option<RecommendedWatcher>,
    /// Which directory is watched: another one may take its place.
    watched: Option<Identity>,
    said: bool,
}

type Identity = (u64, u64);

impl Watch {
    pub(super) fn new(root: &Path) -> Self {
        let (_, wake) = mpsc::channel(1);
        // Events carry absolute paths. Links stay as they are: they may be swapped.
        let root = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
        let mut watch = Self {
            root,
            wake,
            watcher: None,
            watched: None,
            said: false,
        };
        watch.renew();
        watch
    }

    /// Waits until the directory may have changed.
    pub(super) async fn next(&mut self) {
        if self.renew() {
            // What changed before the new watch began is seen by looking once.
            return;
        }
        match self.watcher.is_some() {
            true => tokio::select! {
                event = self.wake.recv() => if event.is_none() { self.watcher = None },
                () = sleep(SELDOM) => {}
            },
            false => sleep(OFTEN).await,
        }
        self.renew();
    }

    /// Waits until it has been quiet for `quiet`, but no longer than `patience`.
    pub(super) async fn settle(&mut self, quiet: Duration, patience: Duration) {
        let end = Instant::now() + patience;
        while let Ok(Some(())) = timeout_at(end.min(Instant::now() + quiet), self.wake.recv()).await
        {
            if Instant::now() >= end {
                return;
            }
        }
    }

    /// Begins anew when another directory has taken the place of the one that is watched; tells whether it did.
    fn renew(&mut self) -> bool {
        let identity = identity(&self.root);
        if self.watcher.is_some() && identity == self.watched {
            return false;
        }
        self.watched = identity;
        self.watcher = None;
        if identity.is_none() {
            return false;
        }
        match self.start() {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(error) => self.say_failed(&error),
        }
        self.watcher.is_some()
    }

    fn say_failed(&mut self, error: &notify::Error) {
        if !std::mem::replace(&mut self.said, true) {
            let root = self.root.display();
            tracing::warn!("no file events for {root}: {error}; looking every second instead");
        }
    }

    fn start(&mut self) -> notify::Result<RecommendedWatcher> {
        let (wake, woken) = mpsc::channel(1);
        let root = self.root.clone();
        let mut watcher =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                let concerns = event.as_ref().map_or(true, |event| concerns(event, &root));
                // A full channel means that a wake-up is under way already.
                if concerns && wake.try_send(()).is_err() {
                    tracing::trace!("a change is already being looked at");
                }
            })?;
        watcher.watch(&self.root, RecursiveMode::Recursive)?;
        // The directory itself may be a link that is swapped, or be moved: its parent sees that.
        if let Some(parent) = self
            .root
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            && let Err(error) = watcher.watch(parent, RecursiveMode::NonRecursive)
        {
            tracing::debug!("no file events for {}: {error}", parent.display());
        }
        self.wake = woken;
        Ok(watcher)
    }
}

fn concerns(event: &notify::Event, root: &Path) -> bool {
    let access = matches!(event.kind, notify::EventKind::Access(_));
    let closed_after_writing = matches!(
        event.kind,
        notify::EventKind::Access(notify::event::AccessKind::Close(
            notify::event::AccessMode::Write
        ))
    );
    let here = event.paths.is_empty() || event.paths.iter().any(|path| path.starts_with(root));
    here && (!access || closed_after_writing)
}

fn identity(root: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(root).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Component;

    /// The path of an absolute `directory` as seen from where the process runs.
    fn relative(directory: &Path) -> PathBuf {
        let here = std::env::current_dir().unwrap();
        let up = here.components().skip(1).map(|_| Component::ParentDir);
        up.chain(directory.components().skip(1)).collect()
    }

    #[tokio::test]
    async fn file_events_of_a_relative_directory_arrive() {
        let directory = tempfile::tempdir().unwrap();
        let root = relative(directory.path());
        let mut watch = Watch::new(&root);
        std::fs::write(root.join("a.yaml"), "").unwrap();
        let event = tokio::time::timeout(Duration::from_secs(30), watch.wake.recv());
        assert_eq!(event.await.expect("an event, without the clock"), Some(()));
    }
}
