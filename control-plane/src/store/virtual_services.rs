//! Virtual services by host.

use super::hosts::HostIndex;
use crate::model::route::{HttpRoute, VirtualService};
use crate::model::{Name, Object};
use std::collections::BTreeMap;
use std::sync::Arc;

/// All virtual services.
#[derive(Clone, Debug, Default)]
pub(crate) struct VirtualServices {
    by_host: HostIndex<VirtualService>,
    all: Arc<BTreeMap<Object, Arc<VirtualService>>>,
}

impl VirtualServices {
    /// The object's rules.
    pub(crate) fn get(&self, object: &Object) -> Option<&Arc<VirtualService>> {
        self.all.get(object)
    }

    /// All of them, sorted.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<VirtualService>> {
        self.all.values()
    }

    /// The rules for `host` of those that are `visible`: those of the exact host, else of the most specific
    /// wildcard; the oldest one only. See Istio, "Virtual Service", and `mergeVirtualServices` on sidecars.
    pub(crate) fn find(
        &self,
        host: &str,
        visible: impl Fn(&VirtualService) -> bool,
    ) -> Option<&Arc<VirtualService>> {
        self.by_host
            .candidates(host)
            .into_iter()
            .find_map(|all| all.iter().find(|rules| visible(rules)))
    }

    /// Those that hand requests on to `delegate`.
    pub(crate) fn delegating_to(
        &self,
        delegate: &Object,
    ) -> impl Iterator<Item = &Arc<VirtualService>> {
        let hands_on = |route: &HttpRoute| match &route.action {
            crate::model::http_action::HttpAction::Delegate { namespace, name } => {
                *namespace == delegate.namespace && *name == delegate.name
            }
            crate::model::http_action::HttpAction::Forward(_)
            | crate::model::http_action::HttpAction::Redirect(_)
            | crate::model::http_action::HttpAction::DirectResponse(_) => false,
        };
        self.iter()
            .filter(move |rules| rules.http.iter().any(hands_on))
    }

    /// Sets or removes the object's rules.
    pub(crate) fn replace(&mut self, origin: &Object, new: Option<Arc<VirtualService>>) {
        let old_hosts: Vec<Name> = self
            .get(origin)
            .map(|old| old.hosts.clone())
            .unwrap_or_default();
        for host in &old_hosts {
            self.by_host
                .edit(host, |rules| rules.retain(|rules| rules.origin != *origin));
        }
        let all = Arc::make_mut(&mut self.all);
        let Some(new) = new else {
            all.remove(origin);
            return;
        };
        for host in &new.hosts {
            self.by_host.edit(host, |rules| {
                rules.push(new.clone());
                rules.sort_by(|a, b| (a.created, &a.origin).cmp(&(b.created, &b.origin)));
                rules.dedup_by(|a, b| a.origin == b.origin);
            });
        }
        all.insert(origin.clone(), new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Created, Kind, Visibility};

    fn rules(name: &str, hosts: &[&str], created: i64) -> VirtualService {
        VirtualService {
            origin: Object {
                kind: Kind::VirtualService,
                namespace: "prod".into(),
                name: name.into(),
            },
            hosts: hosts.iter().map(|host| Name::from(*host)).collect(),
            gateways: vec!["mesh".into()],
            export_to: Visibility::Default,
            created: Created(created),
            http: Vec::new(),
            tls: Vec::new(),
            tcp: Vec::new(),
        }
    }

    fn index(all: Vec<VirtualService>) -> VirtualServices {
        let mut index = VirtualServices::default();
        for rules in all {
            index.replace(&rules.origin.clone(), Some(Arc::new(rules)));
        }
        index
    }

    fn found(index: &VirtualServices, host: &str) -> Option<String> {
        index
            .find(host, |rules| {
                rules.applies_to_mesh()
                    && rules.export_to.shows("web", &rules.origin.namespace, &[])
            })
            .map(|rules| rules.origin.name.to_string())
    }

    #[test]
    fn the_oldest_of_the_most_specific_host_wins() {
        let index = index(vec![
            rules("young", &["a.com"], 9),
            rules("old", &["b.com", "a.com"], 5),
            rules("wild", &["*.com"], 1),
        ]);
        assert_eq!(found(&index, "a.com").as_deref(), Some("old"));
        assert_eq!(found(&index, "c.com").as_deref(), Some("wild"));
        assert_eq!(found(&index, "c.org"), None);
    }

    #[test]
    fn rules_for_gateways_or_for_others_are_passed_over() {
        let gateway = VirtualService {
            gateways: vec!["prod/edge".into()],
            ..rules("gateway", &["a.com"], 1)
        };
        let private = VirtualService {
            export_to: Visibility::Namespaces(vec!["prod".into()]),
            ..rules("private", &["a.com"], 2)
        };
        let index = index(vec![gateway, private, rules("open", &["*"], 3)]);
        assert_eq!(found(&index, "a.com").as_deref(), Some("open"));
    }

    #[test]
    fn a_replaced_object_leaves_its_old_hosts() {
        let mut index = index(vec![rules("one", &["a.com"], 1)]);
        let moved = rules("one", &["b.com"], 1);
        index.replace(&moved.origin.clone(), Some(Arc::new(moved)));
        assert_eq!(
            (found(&index, "a.com"), found(&index, "b.com").as_deref()),
            (None, Some("one"))
        );
    }
}
