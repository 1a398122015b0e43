//! How far the proxy is.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use xds_proto::resource::ResourceKind;

/// How long the proxy may be silent.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often it is asked meanwhile whether waiting makes sense.
const BETWEEN: Duration = Duration::from_millis(200);

/// What happens on a stream.
#[derive(Debug)]
pub(super) enum Event {
    /// A response is handed to the connection.
    Sent { kind: ResourceKind, at: Instant },
    /// The proxy has accepted a response; so many different resources of the kind so far.
    Accepted {
        kind: ResourceKind,
        resources: usize,
    },
    /// The proxy does not accept a response, or asks for what there is not.
    Refused(String),
}

/// What a server hears.
#[derive(Debug)]
pub(super) struct Progress(pub(super) Receiver<Event>);

impl Progress {
    /// Waits until so many resources of each kind are accepted; `alive` says why waiting makes no sense any more.
    pub(super) fn wait_for(
        &self,
        wanted: &BTreeMap<ResourceKind, usize>,
        alive: &mut dyn FnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut accepted = BTreeMap::new();
        while accepted != *wanted {
            match self.next(alive)? {
                Event::Sent { .. } => {}
                Event::Accepted { kind, resources } => {
                    if wanted.contains_key(&kind) {
                        accepted.insert(kind, resources);
                    }
                }
                Event::Refused(why) => bail!("the proxy refuses what it is sent: {why}"),
            }
        }
        Ok(())
    }

    /// Waits until a change of a kind is sent; when that was.
    pub(super) fn sent(&self, wanted: ResourceKind) -> anyhow::Result<Instant> {
        loop {
            match self.next(&mut || Ok(()))? {
                Event::Sent { kind, at } if kind == wanted => return Ok(at),
                Event::Sent { .. } | Event::Accepted { .. } => {}
                Event::Refused(why) => bail!("the proxy refuses a change: {why}"),
            }
        }
    }

    /// Waits until a change of a kind is accepted.
    pub(super) fn accepted(&self, wanted: ResourceKind) -> anyhow::Result<()> {
        loop {
            match self.next(&mut || Ok(()))? {
                Event::Accepted { kind, .. } if kind == wanted => return Ok(()),
                Event::Sent { .. } | Event::Accepted { .. } => {}
                Event::Refused(why) => bail!("the proxy refuses a change: {why}"),
            }
        }
    }

    fn next(&self, alive: &mut dyn FnMut() -> anyhow::Result<()>) -> anyhow::Result<Event> {
        let began = Instant::now();
        loop {
            match self.0.recv_timeout(BETWEEN) {
                Ok(event) => return Ok(event),
                Err(RecvTimeoutError::Timeout) => alive()?,
                Err(RecvTimeoutError::Disconnected) => bail!("the xDS server has ended"),
            }
            ensure!(
                began.elapsed() < PATIENCE,
                "the proxy says nothing for {} s",
                PATIENCE.as_secs()
            );
        }
    }
}
