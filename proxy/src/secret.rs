//! The store of secrets: our certificates and keys, and the roots by which we judge others. It owns their current
//! values and tells who waits when one arrives or changes; where they come from (the CA, SDS, files) it refuses to know.

mod cell;
mod certificate;
pub(crate) mod files;
mod validation;

pub use cell::{Generation, SecretCell};
pub use certificate::Certificate;
pub use validation::{TrustRoots, ValidationContext};

use crate::config::not_honoured::NotHonoured;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use files::FromFiles;
use xds_proto::name::SDS_GRPC_CLUSTER;

use crate::config::source::Source;

/// A secret's value.
#[derive(Debug, Clone)]
pub enum Secret {
    /// A certificate chain and its key.
    Certificate(Arc<Certificate>),
    /// How to judge the other side.
    Validation(Arc<ValidationContext>),
}

/// Bytes that do not make a secret.
#[derive(Debug, thiserror::Error)]
pub enum InvalidSecret {
    /// The certificate chain.
    #[error("certificate chain: {0}")]
    Chain(String),
    /// The private key.
    #[error("private key: {0}")]
    Key(String),
    /// Key and certificate are not a pair.
    #[error("the private key does not belong to the first certificate of the chain")]
    Mismatch,
    /// The trust roots.
    #[error("trust roots: {0}")]
    Roots(String),
    /// A revocation list.
    #[error("revocation list: {0}")]
    RevocationList(String),
}

/// All secrets by source and name. Written by the control runtime only; readers hold cells.
#[derive(Debug, Default)]
pub struct Secrets {
    cells: Mutex<BTreeMap<Arc<str>, Vec<Arc<SecretCell>>>>,
    from_files: Mutex<Vec<FromFiles>>,
    identity_over_stream: AtomicBool,
    not_honoured: Mutex<BTreeMap<Arc<str>, Vec<NotHonoured>>>,
}

impl Secrets {
    /// A store without secrets.
    pub fn new() -> Self {
        Self::default()
    }

    /// The cell of this name that the identity or the bootstrap fills; an empty one is made if nobody asked before.
    pub fn cell(&self, name: &str) -> Arc<SecretCell> {
        self.cell_of(None, name)
    }

    /// The cell of this name whose value comes from a source of resources.
    pub fn cell_from(&self, source: &Source, name: &str) -> Arc<SecretCell> {
        match source {
            Source::Stream(stream)
                if stream.cluster == SDS_GRPC_CLUSTER && !self.asks_sds_grpc() =>
            {
                self.cell(name)
            }
            Source::Ads | Source::Stream(_) | Source::File(_) => self.cell_of(Some(source), name),
        }
    }

    fn cell_of(&self, source: Option<&Source>, name: &str) -> Arc<SecretCell> {
        let mut cells = self.cells.lock();
        if let Some(cell) = find(&cells, source, name) {
            return Arc::clone(cell);
        }
        let cell = Arc::new(SecretCell::from(source.cloned(), name));
        let name = Arc::clone(cell.name());
        cells.entry(name).or_default().push(Arc::clone(&cell));
        cell
    }

    /// Secrets of the cluster `sds-grpc` come over a stream to it. Unless this is said, they are the workload's own, which
    /// the identity fills.
    pub fn ask_sds_grpc(&self) {
        self.identity_over_stream.store(true, Ordering::Relaxed);
    }

    fn asks_sds_grpc(&self) -> bool {
        self.identity_over_stream.load(Ordering::Relaxed)
    }

    /// Gives the secret of this name that the identity or the bootstrap fills a new value.
    pub fn apply(&self, name: &str, secret: Secret) {
        self.cell(name).set(secret);
    }

    /// Lets go of a secret of a source that nothing names any more.
    pub(crate) fn forget(&self, source: &Source, name: &str) {
        let mut cells = self.cells.lock();
        if let Some(group) = cells.get_mut(name) {
            group.retain(|cell| cell.source() != Some(source));
            if group.is_empty() {
                cells.remove(name);
            }
        }
    }

    /// Drops empty cells that nobody holds, as a resource leaves them that was refused.
    pub(crate) fn sweep(&self) {
        self.cells.lock().retain(|_, group| {
            group.retain(|cell| cell.is_ready() || Arc::strong_count(cell) > 1);
            !group.is_empty()
        });
    }

    /// Keeps what the secret of this name says and is not acted upon.
    pub(crate) fn note(&self, name: &str, fields: Vec<NotHonoured>) {
        self.not_honoured.lock().insert(name.into(), fields);
    }

    /// What secrets say and is not acted upon.
    pub(crate) fn not_honoured(&self) -> Vec<NotHonoured> {
        self.not_honoured
            .lock()
            .values()
            .flatten()
            .cloned()
            .collect()
    }

    /// Waits until the secret of this name has a value.
    pub async fn ready(&self, name: &str) {
        self.cell(name).ready().await;
    }

    /// All cells in the order of their names, for `/certs` and `/config_dump`.
    pub fn all(&self) -> Vec<Arc<SecretCell>> {
        self.cells.lock().values().flatten().cloned().collect()
    }
}

fn find<'a>(
    cells: &'a BTreeMap<Arc<str>, Vec<Arc<SecretCell>>>,
    source: Option<&Source>,
    name: &str,
) -> Option<&'a Arc<SecretCell>> {
    let group = cells.get(name)?;
    group.iter().find(|cell| cell.source() == source)
}
