//! What a stream has asked for of one kind, and what of it the proxy has.

use std::collections::{HashMap, HashSet};

use xds_proto::pb::google::protobuf::Any;
use xds_proto::resource::ResourceKind;

use super::Dialect;
use super::world::{Offered, World};

/// "Everything of this kind."
const WILDCARD: &str = "*";

/// What a request says of interest.
#[derive(Debug)]
pub(super) enum Interest {
    /// Names that are wanted in addition, and no longer.
    Change {
        subscribe: Vec<String>,
        unsubscribe: Vec<String>,
    },
    /// All names that are wanted; none: everything.
    Names(Vec<String>),
}

/// The state of one kind on one stream.
#[derive(Debug, Default)]
pub(super) struct Subscription {
    wildcard: bool,
    names: HashSet<String>,
    /// Versions that were sent.
    sent: HashMap<String, u64>,
    /// What the proxy has accepted in any version.
    pub(super) accepted: HashSet<String>,
}

/// One resource on its way.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) name: String,
    pub(super) version: u64,
    pub(super) any: Any,
}

impl Subscription {
    /// Takes the interest of a request, `first` if it is the stream's first of the kind.
    pub(super) fn hear(&mut self, interest: Interest, first: bool) {
        match interest {
            Interest::Change {
                subscribe,
                unsubscribe,
            } => {
                self.wildcard |= first && subscribe.is_empty();
                for name in unsubscribe {
                    self.names.remove(&name);
                    self.sent.remove(&name);
                }
                for name in subscribe {
                    if name == WILDCARD {
                        self.wildcard = true;
                    } else {
                        // who asks again has lost it
                        self.sent.remove(&name);
                        self.names.insert(name);
                    }
                }
            }
            Interest::Names(names) => {
                self.wildcard |= first && names.is_empty();
                let names: HashSet<String> = names.into_iter().collect();
                self.sent
                    .retain(|name, _| self.wildcard || names.contains(name));
                self.names = names;
            }
        }
    }

    /// What the proxy wants and does not have, which counts as sent from now on.
    pub(super) fn take_due(
        &mut self,
        kind: ResourceKind,
        world: &World,
        dialect: Dialect,
    ) -> Vec<Due> {
        let wanted: Vec<(&String, &Offered)> = if self.wildcard {
            world.of(kind).collect()
        } else {
            let named = self.names.iter();
            named
                .filter_map(|name| Some((name, world.find(kind, name)?)))
                .collect()
        };
        let news =
            |(name, offered): &(&String, &Offered)| self.sent.get(*name) != Some(&offered.version);
        let whole = dialect == Dialect::StateOfTheWorld
            && matches!(kind, ResourceKind::Cluster | ResourceKind::Listener)
            && wanted.iter().any(news);
        let due: Vec<Due> = wanted
            .iter()
            .filter(|resource| whole || news(resource))
            .map(|(name, offered)| Due {
                name: (*name).clone(),
                version: offered.version,
                any: offered.any.clone(),
            })
            .collect();
        let sent = due.iter().map(|due| (due.name.clone(), due.version));
        self.sent.extend(sent);
        due
    }
}

#[cfg(test)]
mod tests {
    use xds_proto::pb::envoy::config::cluster::v3::Cluster;
    use xds_proto::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;

    use super::*;

    fn world() -> World {
        let mut world = World::default();
        for name in ["a", "b"] {
            world.offer(&Cluster {
                name: name.to_owned(),
                ..Cluster::default()
            });
            world.offer(&endpoints(name));
        }
        world
    }

    fn endpoints(name: &str) -> ClusterLoadAssignment {
        ClusterLoadAssignment {
            cluster_name: name.to_owned(),
            ..ClusterLoadAssignment::default()
        }
    }

    fn due(
        subscription: &mut Subscription,
        kind: ResourceKind,
        world: &World,
        dialect: Dialect,
    ) -> Vec<String> {
        let due = subscription.take_due(kind, world, dialect);
        let mut names: Vec<String> = due.into_iter().map(|due| due.name).collect();
        names.sort();
        names
    }

    #[test]
    fn a_change_is_sent_to_those_who_asked_for_it() {
        let (mut world, kind) = (world(), ResourceKind::Endpoint);
        let mut delta = Subscription::default();
        let interest = Interest::Change {
            subscribe: vec!["a".to_owned()],
            unsubscribe: Vec::new(),
        };
        delta.hear(interest, true);
        assert_eq!(due(&mut delta, kind, &world, Dialect::Delta), ["a"]);
        world.offer(&endpoints("b"));
        assert!(due(&mut delta, kind, &world, Dialect::Delta).is_empty());
        world.offer(&endpoints("a"));
        assert_eq!(due(&mut delta, kind, &world, Dialect::Delta), ["a"]);
    }

    #[test]
    fn the_state_of_the_world_has_all_clusters_and_only_changed_endpoints() {
        let mut world = world();
        let dialect = Dialect::StateOfTheWorld;
        for (kind, names, then) in [
            (ResourceKind::Cluster, Vec::new(), vec!["a", "b"]),
            (
                ResourceKind::Endpoint,
                vec!["a".to_owned(), "b".to_owned()],
                vec!["a"],
            ),
        ] {
            let mut subscription = Subscription::default();
            subscription.hear(Interest::Names(names), true);
            assert_eq!(due(&mut subscription, kind, &world, dialect), ["a", "b"]);
            assert!(due(&mut subscription, kind, &world, dialect).is_empty());
            world.offer(&endpoints("a"));
            world.offer(&Cluster {
                name: "a".to_owned(),
                ..Cluster::default()
            });
            assert_eq!(due(&mut subscription, kind, &world, dialect), then);
        }
    }
}
