//! Labels and the selectors made of them.

use super::Name;
use std::sync::Arc;

/// Sorted key/value pairs. One allocation, cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(Arc<[(Name, Name)]>);

impl Labels {
    /// The value of `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        let index = self.0.binary_search_by(|(k, _)| (**k).cmp(key)).ok()?;
        Some(&self.0[index].1)
    }

    /// All pairs, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Name)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// No labels at all. As a selector: everything, or nothing, as the owner of the selector says.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As a selector: every pair is present in `labels`. An empty selector selects everything.
    #[must_use]
    pub fn selects(&self, labels: &Self) -> bool {
        self.iter()
            .all(|(key, value)| labels.get(key) == Some(value))
    }
}

impl<K: Into<Name>, V: Into<Name>> FromIterator<(K, V)> for Labels {
    /// Of two pairs with one key the later wins.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let map: std::collections::BTreeMap<Name, Name> = pairs
            .into_iter()
            .map(|(key, value)| (key.into(), value.into()))
            .collect();
        Self(map.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selects_supersets_only() {
        let pod: Labels = [("app", "reviews"), ("version", "v1")]
            .into_iter()
            .collect();
        let app: Labels = [("app", "reviews")].into_iter().collect();
        let other: Labels = [("app", "ratings")].into_iter().collect();
        assert!(app.selects(&pod) && Labels::default().selects(&pod));
        assert!(!pod.selects(&app) && !other.selects(&pod));
        assert_eq!(pod.get("version"), Some("v1"));
    }
}
