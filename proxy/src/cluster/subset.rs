//! Labels of endpoints and the subsets that requests may ask for. Source: Envoy `LbSubsetConfig`.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Labels and their values; a value that is no string is kept as its JSON text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct LabelSet(pub Arc<BTreeMap<Arc<str>, Arc<str>>>);

impl LabelSet {
    /// Whether all of `wanted` is here.
    pub fn has(&self, wanted: &Self) -> bool {
        wanted
            .0
            .iter()
            .all(|(name, value)| self.0.get(name) == Some(value))
    }

    /// Whether there is no label.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These labels and those of `over`, which win.
    #[must_use]
    pub fn with(&self, over: &Self) -> Self {
        if over.is_empty() {
            return self.clone();
        }
        let mut all = BTreeMap::clone(&self.0);
        all.extend(
            over.0
                .iter()
                .map(|(name, value)| (Arc::clone(name), Arc::clone(value))),
        );
        Self(Arc::new(all))
    }
}

/// The labels that a route asks for (`metadata_match` under `envoy.lb`); empty asks for none.
pub type SubsetMatch = LabelSet;

/// How a cluster answers requests for subsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubsetConfig {
    /// The sets of label names by which subsets are made.
    pub selectors: Vec<SubsetSelector>,
    /// What happens when no subset fits.
    pub fallback: SubsetFallback,
}

/// One set of label names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubsetSelector {
    /// The names, sorted.
    pub keys: Vec<Arc<str>>,
    /// What happens when this subset is empty; `None` is the cluster's rule.
    pub fallback: Option<SubsetFallback>,
}

/// What happens when no subset fits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SubsetFallback {
    /// The request fails.
    #[default]
    None,
    /// Any endpoint.
    Any,
    /// An endpoint with these labels.
    Default(LabelSet),
}

/// Which endpoints a request may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Allowed<'a> {
    All,
    Labelled(&'a LabelSet),
    Nobody,
}

impl SubsetConfig {
    /// Which endpoints a request for `wanted` may use; `exists` says whether any endpoint has certain labels.
    pub(crate) fn allowed<'a>(
        &'a self,
        wanted: &'a LabelSet,
        exists: impl Fn(&LabelSet) -> bool,
    ) -> Allowed<'a> {
        let selector = self.selectors.iter().find(|selector| {
            selector.keys.len() == wanted.0.len()
                && selector.keys.iter().all(|key| wanted.0.contains_key(key))
        });
        if selector.is_some() && !wanted.is_empty() && exists(wanted) {
            return Allowed::Labelled(wanted);
        }
        let fallback = selector
            .and_then(|selector| selector.fallback.as_ref())
            .unwrap_or(&self.fallback);
        match fallback {
            SubsetFallback::None => Allowed::Nobody,
            SubsetFallback::Any => Allowed::All,
            SubsetFallback::Default(labels) => Allowed::Labelled(labels),
        }
    }
}
