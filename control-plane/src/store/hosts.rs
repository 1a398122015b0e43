//! Host names: short forms, wildcards, and an index of rules by host.

use super::shards::Shards;
use crate::model::Name;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The fully qualified form of `host` as a rule in `namespace` means it: a name without dots belongs to the rule's
/// own namespace. See Istio, `VirtualService`, "hosts".
#[must_use]
pub fn qualify(host: &str, namespace: &str, domain: &str) -> Name {
    let host = host.to_ascii_lowercase();
    match host.contains('.') || host.contains('*') {
        true => host.into(),
        false => format!("{host}.{namespace}.svc.{domain}").into(),
    }
}

/// Whether `pattern` (a name, `*`, or a name with a leading `*.` or `*`) covers `host`, itself maybe a wildcard.
#[must_use]
pub fn covers(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        None => pattern == host,
        Some(suffix) => {
            let rest = host.strip_prefix('*').unwrap_or(host);
            rest.ends_with(suffix)
                && (suffix.is_empty() || rest.len() > suffix.len() || host.starts_with('*'))
        }
    }
}

/// Rules by host: exact names in shards, wildcards in a short list.
#[derive(Clone, Debug)]
pub(crate) struct HostIndex<T> {
    exact: Shards<Arc<[Arc<T>]>>,
    wildcard: Arc<BTreeMap<Name, Arc<[Arc<T>]>>>,
}

impl<T> Default for HostIndex<T> {
    fn default() -> Self {
        Self {
            exact: Shards::default(),
            wildcard: Arc::default(),
        }
    }
}

impl<T> HostIndex<T> {
    /// Replaces the rules of `host` by what `edit` makes of them.
    pub(crate) fn edit(&mut self, host: &Name, edit: impl FnOnce(&mut Vec<Arc<T>>)) {
        let old = if host.starts_with('*') {
            self.wildcard.get(host)
        } else {
            self.exact.get(host)
        };
        let mut rules = old.map(|rules| rules.to_vec()).unwrap_or_default();
        edit(&mut rules);
        match (host.starts_with('*'), rules.is_empty()) {
            (true, true) => drop(Arc::make_mut(&mut self.wildcard).remove(host)),
            (true, false) => {
                drop(Arc::make_mut(&mut self.wildcard).insert(host.clone(), rules.into()))
            }
            (false, true) => self.exact.remove(host),
            (false, false) => self.exact.insert(host.clone(), rules.into()),
        }
    }

    /// The rules for `host`: those of its own name, then those of wildcards, the most specific first.
    pub(crate) fn candidates(&self, host: &str) -> Vec<&Arc<[Arc<T>]>> {
        let mut found: Vec<&Arc<[Arc<T>]>> = self.exact.get(host).into_iter().collect();
        let mut wild: Vec<_> = self
            .wildcard
            .iter()
            .filter(|(pattern, _)| covers(pattern, host))
            .collect();
        wild.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.len()));
        found.extend(wild.into_iter().map(|(_, rules)| rules));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_belong_to_the_namespace_of_the_rule() {
        assert_eq!(
            &*qualify("Reviews", "prod", "cluster.local"),
            "reviews.prod.svc.cluster.local"
        );
        assert_eq!(
            &*qualify("example.com", "prod", "cluster.local"),
            "example.com"
        );
        assert_eq!(&*qualify("*", "prod", "cluster.local"), "*");
    }

    #[test]
    fn wildcards_cover_whole_suffixes() {
        for (pattern, host, want) in [
            ("a.b", "a.b", true),
            ("*.b", "a.b", true),
            ("*.b", "b", false),
            ("*.b", ".b", false),
            ("*.b", "*.b", true),
            ("*.b", "*.a.b", true),
            ("*.a.b", "*.b", false),
            ("*", "anything", true),
            ("a.b", "*.b", false),
        ] {
            assert_eq!(covers(pattern, host), want, "{pattern} {host}");
        }
    }

    #[test]
    fn exact_names_come_before_wildcards_and_long_wildcards_before_short() {
        let mut index = HostIndex::default();
        for host in ["*", "*.com", "*.example.com", "a.example.com"] {
            index.edit(&host.into(), |rules| rules.push(Arc::new(host)));
        }
        let found: Vec<&str> = index
            .candidates("a.example.com")
            .iter()
            .map(|rules| *rules[0])
            .collect();
        assert_eq!(found, ["a.example.com", "*.example.com", "*.com", "*"]);
        index.edit(&"*.com".into(), Vec::clear);
        assert_eq!(index.candidates("b.com").len(), 1);
    }
}
