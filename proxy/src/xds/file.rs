//! Resources of one type from a file. What a file cannot be read for keeps serving as it was.

use std::path::PathBuf;
use std::sync::Arc;

use tracing::{info, warn};
use xds_proto::resource::ResourceKind;

use super::response::Response;
use super::shared::Shared;
use crate::config::discovery_file;
use crate::config::source::Source;
use crate::secret::files::{LOOK, Stamp};

/// Applies what the file holds, now and whenever it is another one or something in it comes to be wanted.
pub(super) async fn follow(path: Arc<PathBuf>, kind: ResourceKind, shared: Shared) {
    let source = Source::File(Arc::clone(&path));
    let mut changes = shared.changes();
    let mut seen = None;
    loop {
        let wanted = shared.with(|applier| applier.take_changes(kind, &source));
        let now = Stamp::of(&[&*path]);
        if seen.as_ref() != Some(&now) || !wanted.added.is_empty() {
            seen = Some(now);
            apply(&path, kind, &shared);
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = changes.changed() => {}
        }
    }
}

fn apply(path: &Arc<PathBuf>, kind: ResourceKind, shared: &Shared) {
    let name = kind.short_name();
    let mut message = match discovery_file::read(path) {
        Ok(message) => message,
        Err(error) => {
            warn!("xds: {name} from a file: {error}; what it held before stays in force");
            return;
        }
    };
    kind.type_url().clone_into(&mut message.type_url); // each resource carries its own
    match Response::try_from(message) {
        Ok(response) => {
            let outcome = shared.apply(&Source::File(Arc::clone(path)), response);
            let (accepted, refused) = (outcome.accepted.len(), outcome.rejected.len());
            let path = path.display();
            info!("xds: {name} from {path}: {accepted} taken, {refused} refused");
        }
        Err(error) => warn!("xds: {}: {error}", path.display()),
    }
}
