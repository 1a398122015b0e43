//! A directory of YAML files, watched.
//!
//! Every `*.yaml`, `*.yml` and `*.json` below the directory is read, dot files are passed over. Changes are found by
//! file events and, where those fail or do not reach (a file system without them, a link to elsewhere), by looking
//! again and again. What is broken is logged with file, line, column and hint, and what served under its name before
//! goes on serving.

mod directory;
mod scan;
mod watch;

use super::Event;
use crate::model::Name;
use directory::Directory;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::mpsc;
use watch::Watch;

/// How long a directory must be quiet before it is read: what is being written is complete then.
const QUIET: Duration = Duration::from_millis(10);

/// How long writing may go on before the directory is read all the same.
const PATIENCE: Duration = Duration::from_millis(500);

/// Watches `directory` until `drain` turns true, or nobody listens any more.
///
/// The first event is a snapshot; it is sent once the directory can be read.
pub async fn run(
    directory: PathBuf,
    events: mpsc::Sender<Event>,
    mut drain: tokio::sync::watch::Receiver<bool>,
) {
    let source: Name = format!("file:{}", directory.display()).into();
    let mut watch = Watch::new(&directory);
    let mut state = Directory::new(directory, source);
    loop {
        let Some((returned, event)) = scan(state).await else {
            return;
        };
        state = returned;
        if let Some(event) = event
            && events.send(event).await.is_err()
        {
            return;
        }
        tokio::select! {
            () = watch.next() => watch.settle(QUIET, PATIENCE).await,
            () = events.closed() => return,
            () = raised(&mut drain) => return,
        }
    }
}

/// Returns when the flag is true, or when nobody can raise it any more.
async fn raised(flag: &mut tokio::sync::watch::Receiver<bool>) {
    let raised = flag.wait_for(|raised| *raised).await;
    if raised.is_err() {
        tracing::debug!("whoever could ask for the end is gone");
    }
}

/// Reads the directory on a thread that may block. `None`: the runtime is going down.
async fn scan(mut state: Directory) -> Option<(Directory, Option<Event>)> {
    let scanned = tokio::task::spawn_blocking(move || {
        let event = state.scan();
        (state, event)
    });
    scanned.await.ok()
}

#[cfg(test)]
mod tests;
