//! Labels of endpoints and the subsets that requests may ask for. Source: Envoy `LbSubsetConfig`.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Labels and their values; a value that is no string is kept as its JSON text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct LabelSet(Option<Arc<[Label]>>);

type Label = (Arc<str>, Arc<str>);

impl FromIterator<Label> for LabelSet {
    /// Of several labels of one name the last counts.
    fn from_iter<I: IntoIterator<Item = Label>>(labels: I) -> Self {
        let sorted: BTreeMap<_, _> = labels.into_iter().collect();
        // one label is the usual case; none needs no room
        Self((!sorted.is_empty()).then(|| sorted.into_iter().collect()))
    }
}

impl LabelSet {
    /// The labels by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Label> {
        self.0.as_deref().unwrap_or_default().iter()
    }

    /// The value of a label.
    pub fn get(&self, name: &str) -> Option<&Arc<str>> {
        let found = self.iter().find(|(known, _)| **known == *name);
        found.map(|(_, value)| value)
    }

    /// Whether all of `wanted` is here.
    pub fn has(&self, wanted: &Self) -> bool {
        wanted
            .iter()
            .all(|(name, value)| self.get(name) == Some(value))
    }

    /// Whether there is no label.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// These labels and those of `over`, which win.
    #[must_use]
    pub fn with(&self, over: &Self) -> Self {
        if over.is_empty() {
            return self.clone();
        }
        self.iter().chain(over.iter()).cloned().collect()
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
            selector.keys.len() == wanted.iter().len()
                && selector.keys.iter().all(|key| wanted.get(key).is_some())
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
