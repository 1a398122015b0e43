//! Which resource types a change of the world can reach.

use std::collections::BTreeSet;

use xds_proto::resource::ResourceKind;

use crate::model::Name;
use crate::model::service::{Resolution, Service};
use crate::store::{Changes, Snapshot};

/// What of a class's view a change invalidates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Impact {
    /// These types, whole.
    pub(super) kinds: BTreeSet<ResourceKind>,
    /// Endpoints of these hosts.
    pub(super) endpoints: BTreeSet<Name>,
    /// Hosts whose endpoint resources may be new or gone.
    pub(super) hosts: BTreeSet<Name>,
}

impl Impact {
    /// What `changes` can reach in the world after them.
    pub(super) fn of(changes: &Changes, snapshot: &Snapshot) -> Self {
        let Changes {
            services,
            endpoints,
            routes,
            destination_rules,
            policies,
            workloads: _,
            namespaces,
            mesh,
            full,
        } = changes;
        let mut impact = Self::default();
        let inline = endpoints.iter().any(|host| {
            snapshot
                .services_with_host(host)
                .iter()
                .any(|s| carries_endpoints(s, snapshot))
        });
        if !services.is_empty() || !routes.is_empty() || !destination_rules.is_empty() || inline {
            impact.kinds.extend(
                ResourceKind::ALL
                    .into_iter()
                    .filter(|kind| *kind != ResourceKind::Endpoint),
            );
        }
        if *full
            || *mesh
            || !policies.is_empty()
            || !namespaces.is_empty()
            || has_wildcard(destination_rules)
        {
            impact.kinds.extend(ResourceKind::ALL);
        }
        if impact.kinds.contains(&ResourceKind::Endpoint) {
            return impact;
        }
        impact.endpoints.clone_from(endpoints);
        impact.hosts = services.union(destination_rules).cloned().collect();
        impact
    }
}

/// Endpoints that stand in clusters or listeners, or decide about their TLS, instead of resources of their own.
fn carries_endpoints(service: &Service, snapshot: &Snapshot) -> bool {
    let in_cluster = match service.resolution {
        Resolution::Dns | Resolution::DnsRoundRobin => true,
        Resolution::Static => snapshot.may_pass_through(&service.host),
        Resolution::None => false,
    };
    in_cluster || service.headless
}

fn has_wildcard(hosts: &BTreeSet<Name>) -> bool {
    hosts.iter().any(|host| host.contains('*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_change_reaches_nothing_but_the_endpoints_of_its_host() {
        let changes = Changes {
            endpoints: BTreeSet::from(["a.example".into()]),
            ..Changes::default()
        };
        let impact = Impact::of(&changes, &Snapshot::default());
        assert_eq!(
            impact,
            Impact {
                endpoints: changes.endpoints,
                ..Impact::default()
            }
        );
    }

    #[test]
    fn endpoints_behind_a_passthrough_rule_reach_the_clusters() {
        let service = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {clusterIP: 10.96.0.1, ports: [{port: 80}]}\n";
        let rule = |policy: &str| {
            format!(
                "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: a}}\nspec: {{host: a, {policy}}}\n"
            )
        };
        let reaches_clusters = |policy: &str| {
            let text = format!("{service}{}", rule(policy));
            let documents = crate::crd::read(&text, "cluster.local").unwrap();
            let mut store = crate::store::Store::new(crate::store::Mesh::default());
            store.apply(crate::registry::Event::Snapshot {
                source: "test".into(),
                objects: documents.into_iter().map(|d| d.content.unwrap()).collect(),
            });
            let changes = Changes {
                endpoints: BTreeSet::from(["a.default.svc.cluster.local".into()]),
                ..Changes::default()
            };
            let impact = Impact::of(&changes, &store.snapshot());
            impact.kinds.contains(&ResourceKind::Cluster)
        };
        let balancer = "loadBalancer: {simple: PASSTHROUGH}";
        assert!(reaches_clusters(&format!("trafficPolicy: {{{balancer}}}")));
        assert!(reaches_clusters(&format!(
            "subsets: [{{name: v, labels: {{v: a}}, trafficPolicy: {{{balancer}}}}}]"
        )));
        assert!(!reaches_clusters(
            "trafficPolicy: {loadBalancer: {simple: RANDOM}}"
        ));
    }

    #[test]
    fn a_service_change_reaches_every_type_but_only_its_own_endpoints() {
        let changes = Changes {
            services: BTreeSet::from(["a.example".into()]),
            ..Changes::default()
        };
        let impact = Impact::of(&changes, &Snapshot::default());
        assert!(
            impact.kinds.contains(&ResourceKind::Cluster)
                && !impact.kinds.contains(&ResourceKind::Endpoint)
        );
        assert_eq!(impact.hosts, changes.services);
    }

    #[test]
    fn settings_and_policies_reach_everything() {
        for changes in [
            Changes {
                mesh: true,
                ..Changes::default()
            },
            Changes {
                full: true,
                ..Changes::default()
            },
        ] {
            let impact = Impact::of(&changes, &Snapshot::default());
            assert_eq!(impact.kinds, ResourceKind::ALL.into_iter().collect());
        }
    }
}
