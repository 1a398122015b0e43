//! What is built from the current secrets and kept until one of them changes, so that no connection builds it.

use super::TlsError;
use super::config::TlsConfig;
use crate::secret::Generation;
use arc_swap::ArcSwapOption;
use std::sync::Arc;

/// The library's configuration for the secrets of one moment; connections keep the one they began with.
#[derive(Debug)]
pub(super) struct Built<T>(ArcSwapOption<(Generation, Arc<T>)>);

impl<T> Built<T> {
    /// Nothing is built yet.
    pub(super) fn nothing() -> Self {
        Self(ArcSwapOption::empty())
    }

    /// What `build` makes of the secrets that `config` names; it is asked only where one changed since.
    ///
    /// # Errors
    /// Those of `build`; nothing is kept then.
    pub(super) fn current(
        &self,
        config: &TlsConfig,
        build: impl FnOnce() -> Result<T, TlsError>,
    ) -> Result<Arc<T>, TlsError> {
        // Taken before the secrets are read: what is built from a newer one is built once more, never kept too long.
        let generation = config.generation();
        if let Some(kept) = &*self.0.load()
            && kept.0 == generation
        {
            return Ok(Arc::clone(&kept.1));
        }
        let built = Arc::new(build()?);
        self.0
            .store(Some(Arc::new((generation, Arc::clone(&built)))));
        Ok(built)
    }
}
