//! The store of secrets: our certificates and keys, and the roots by which we judge others. It owns their current
//! values and tells who waits when one arrives or changes; where they come from (the CA, SDS, files) it refuses to know.

mod cell;
mod certificate;
mod validation;

pub use cell::{Generation, SecretCell};
pub use certificate::Certificate;
pub use validation::{TrustRoots, ValidationContext};

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

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

/// All secrets by name. Written by the control runtime only; readers hold cells.
#[derive(Debug, Default)]
pub struct Secrets {
    cells: Mutex<BTreeMap<Arc<str>, Arc<SecretCell>>>,
}

impl Secrets {
    /// A store without secrets.
    pub fn new() -> Self {
        Self::default()
    }

    /// The cell of this name; an empty one is made if nobody asked for it before.
    pub fn cell(&self, name: &str) -> Arc<SecretCell> {
        let mut cells = self.cells.lock();
        if let Some(cell) = cells.get(name) {
            return Arc::clone(cell);
        }
        let cell = Arc::new(SecretCell::empty(name));
        cells.insert(Arc::clone(cell.name()), Arc::clone(&cell));
        cell
    }

    /// The cell of this name, whose value is to be asked for on the aggregated stream.
    pub(crate) fn cell_over_ads(&self, name: &str) -> Arc<SecretCell> {
        let cell = self.cell(name);
        cell.set_over_ads();
        cell
    }

    /// Gives the secret of this name a new value.
    pub fn apply(&self, name: &str, secret: Secret) {
        self.cell(name).set(secret);
    }

    /// Waits until the secret of this name has a value.
    pub async fn ready(&self, name: &str) {
        self.cell(name).ready().await;
    }

    /// All cells in the order of their names, for `/certs` and `/config_dump`.
    pub fn all(&self) -> Vec<Arc<SecretCell>> {
        self.cells.lock().values().cloned().collect()
    }
}
