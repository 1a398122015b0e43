//! One secret: a place whose value arrives and is replaced while TLS contexts look at it.

use super::{Certificate, Secret, ValidationContext};
use crate::config::source::Source;
use crate::transport::tls::TlsError;
use arc_swap::ArcSwapOption;
use std::iter::Sum;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;
use tokio::sync::watch;

/// Counts the values a cell, or several together, have had; 0 means none yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Generation(u64);

/// The current value of one secret.
#[derive(Debug)]
pub struct SecretCell {
    name: Arc<str>,
    value: ArcSwapOption<Value>,
    generation: AtomicU64,
    changed: watch::Sender<u64>,
    source: Option<Source>,
}

#[derive(Debug)]
struct Value {
    secret: Secret,
    since: SystemTime,
}

impl SecretCell {
    /// A cell whose value has not arrived, and comes from no source of resources.
    pub fn empty(name: &str) -> Self {
        Self::from(None, name)
    }

    /// A cell whose value is to come from a source of resources.
    pub(super) fn from(source: Option<Source>, name: &str) -> Self {
        Self {
            name: name.into(),
            value: ArcSwapOption::empty(),
            generation: AtomicU64::new(0),
            changed: watch::Sender::new(0),
            source,
        }
    }

    /// A cell for a value written in the configuration itself.
    pub fn fixed(name: &str, secret: Secret) -> Self {
        let cell = Self::empty(name);
        cell.set(secret);
        cell
    }

    /// The name it is asked for by.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The source of resources that its value comes from; `None` where the identity, the bootstrap or the configuration
    /// itself has it.
    pub fn source(&self) -> Option<&Source> {
        self.source.as_ref()
    }

    /// Replaces the value; new connections use it, existing ones keep what they have.
    pub fn set(&self, secret: Secret) {
        self.value.store(Some(Arc::new(Value {
            secret,
            since: SystemTime::now(),
        })));
        // Readers take the generation first and the value second, so that they never keep an old value as a new one.
        let generation = self.generation.fetch_add(1, Ordering::Release) + 1;
        self.changed.send_replace(generation);
    }

    /// Changes with every value.
    pub fn generation(&self) -> Generation {
        Generation(self.generation.load(Ordering::Acquire))
    }

    /// Whether a value has arrived.
    pub fn is_ready(&self) -> bool {
        self.generation() != Generation(0)
    }

    /// Waits for the first value.
    pub async fn ready(&self) {
        let mut watch = self.changed.subscribe();
        if watch.wait_for(|generation| *generation > 0).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Sees every change from now on; the number is the count of values so far.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// The value, whatever its kind.
    pub fn get(&self) -> Option<Secret> {
        self.value.load().as_ref().map(|value| value.secret.clone())
    }

    /// Since when the value is this one.
    pub fn since(&self) -> Option<SystemTime> {
        self.value.load().as_ref().map(|value| value.since)
    }

    /// The value as a certificate.
    pub(crate) fn certificate(&self) -> Result<Arc<Certificate>, TlsError> {
        match self.get().ok_or_else(|| self.missing())? {
            Secret::Certificate(certificate) => Ok(certificate),
            Secret::Validation(_) => Err(self.wrong_kind("certificate")),
        }
    }

    /// The value as a validation context.
    pub(crate) fn validation(&self) -> Result<Arc<ValidationContext>, TlsError> {
        match self.get().ok_or_else(|| self.missing())? {
            Secret::Validation(context) => Ok(context),
            Secret::Certificate(_) => Err(self.wrong_kind("validation context")),
        }
    }

    fn missing(&self) -> TlsError {
        TlsError::SecretMissing {
            name: Arc::clone(&self.name),
        }
    }

    fn wrong_kind(&self, wanted: &'static str) -> TlsError {
        TlsError::SecretKind {
            name: Arc::clone(&self.name),
            wanted,
        }
    }
}

impl Sum for Generation {
    fn sum<I: Iterator<Item = Generation>>(parts: I) -> Generation {
        // Each part only grows, so equal sums of the same cells mean equal parts.
        Generation(parts.map(|part| part.0).sum())
    }
}
