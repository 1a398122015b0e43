//! The one applier, as all streams and files share it on the control runtime's thread.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::sync::watch;
use tracing::warn;

use super::apply::{Applier, Outcome, Wait};
use super::response::Response;
use crate::config::source::Source;

/// The applier and a bell for whoever follows what it wants.
#[derive(Clone)]
pub(super) struct Shared {
    applier: Rc<RefCell<Applier>>,
    changed: watch::Sender<()>,
}

impl Shared {
    pub(super) fn new(applier: Applier) -> Self {
        Self {
            applier: Rc::new(RefCell::new(applier)),
            changed: watch::Sender::new(()),
        }
    }

    /// Uses the applier.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Applier) -> T) -> T {
        work(&mut self.applier.borrow_mut())
    }

    /// Sees every change of what may be wanted from now on.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Applies a response, says what was refused, and records the verdict.
    pub(super) fn apply(&self, source: &Source, response: Response) -> Outcome {
        let (kind, version) = (response.kind, response.version_info.clone());
        let outcome = self.with(|applier| {
            let outcome = applier.apply(source, response);
            let accepted = outcome.rejected.is_empty();
            applier.state().record_response(kind, &version, accepted);
            applier.settle(); // the first answers make the proxy live
            outcome
        });
        for refused in &outcome.rejected {
            warn!("xds: refused {refused}; the last good version keeps serving");
        }
        self.changed.send_replace(());
        outcome
    }

    /// What the applier waits for without anybody telling it.
    pub(super) fn wait(&self) -> Wait {
        self.with(|applier| applier.wait())
    }

    /// Puts in force what has become complete meanwhile.
    pub(super) fn settle(&self) {
        self.with(Applier::settle);
        self.changed.send_replace(());
    }
}
