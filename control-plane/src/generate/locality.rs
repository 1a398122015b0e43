//! Which localities a client prefers.

use crate::model::endpoint::{Endpoint, Locality};
use crate::model::load_balancing::{Distribute, LocalityPreference};
use crate::model::service::TrafficDistribution;
use crate::model::traffic_policy::PortPolicy;
use crate::model::{Labels, Name};
use crate::scope::{Scope, ScopedService};

/// How a client weighs the endpoints of one service.
pub(super) struct Preference<'a> {
    own: &'a Locality,
    labels: &'a Labels,
    kind: Kind,
}

enum Kind {
    /// All alike.
    None,
    /// The closest first.
    Closest,
    /// The closest first, and of other regions the one that this one fails over to.
    Failover(Vec<(Name, Name)>),
    /// Those that share the most labels, in order.
    Labels(Vec<Name>),
    /// Shares between localities.
    Distribute(Distribute),
}

impl<'a> Preference<'a> {
    /// What holds for a client of this scope. A rule decides before the service's own wish; preferring one locality
    /// needs a way to notice that it fails, so a rule without outlier detection prefers none.
    pub(super) fn of(scope: &'a Scope, service: &ScopedService, policy: &PortPolicy) -> Self {
        let rule = policy
            .load_balancer
            .as_ref()
            .and_then(|balancer| balancer.locality.as_ref());
        let detects = policy.outlier_detection.is_some();
        let kind = match rule {
            Some(rule) if !rule.enabled => Kind::None,
            Some(rule) => match &rule.preference {
                LocalityPreference::Distribute(shares) => distribute(shares, &scope.class.locality),
                LocalityPreference::Closest if detects => Kind::Closest,
                LocalityPreference::Failover(regions) if detects => Kind::Failover(regions.clone()),
                LocalityPreference::FailoverPriority(labels) if detects => {
                    Kind::Labels(labels.clone())
                }
                LocalityPreference::Closest
                | LocalityPreference::Failover(_)
                | LocalityPreference::FailoverPriority(_) => Kind::None,
            },
            None => match service.service.traffic_distribution {
                TrafficDistribution::Any if detects => Kind::Closest,
                TrafficDistribution::Any => Kind::None,
                TrafficDistribution::PreferSameZone | TrafficDistribution::PreferSameNode => {
                    Kind::Closest
                }
            },
        };
        Self {
            own: &scope.class.locality,
            labels: &scope.class.labels,
            kind,
        }
    }

    /// The place of an endpoint in the order of preference; 0 comes first. Ranks may have gaps.
    pub(super) fn rank(&self, endpoint: &Endpoint) -> u32 {
        match &self.kind {
            Kind::None | Kind::Distribute(_) => 0,
            Kind::Closest => self.distance(&endpoint.locality),
            Kind::Failover(regions) => match self.distance(&endpoint.locality) {
                3 if regions.iter().all(|(from, to)| {
                    *from != self.own.region || *to != endpoint.locality.region
                }) =>
                {
                    4
                }
                distance => distance,
            },
            Kind::Labels(names) => self.labels_apart(names, endpoint),
        }
    }

    /// The share of a locality.
    pub(super) fn weight(&self, locality: &Locality, endpoints: &[&Endpoint]) -> u32 {
        let sum = endpoints
            .iter()
            .fold(0_u32, |sum, endpoint| sum.saturating_add(endpoint.weight))
            .max(1);
        match &self.kind {
            Kind::None | Kind::Closest | Kind::Failover(_) | Kind::Labels(_) => sum,
            Kind::Distribute(shares) => shares
                .to
                .iter()
                .find(|(pattern, _)| covers(pattern, locality))
                .map_or(0, |(_, share)| *share)
                .max(1),
        }
    }

    /// Whether endpoints of this locality get nothing.
    pub(super) fn leaves_out(&self, locality: &Locality) -> bool {
        match &self.kind {
            Kind::None | Kind::Closest | Kind::Failover(_) | Kind::Labels(_) => false,
            Kind::Distribute(shares) => !shares
                .to
                .iter()
                .any(|(pattern, share)| *share > 0 && covers(pattern, locality)),
        }
    }

    /// 0 = same sub-zone, 1 = same zone, 2 = same region, 3 = elsewhere. A client of unknown place prefers nobody.
    fn distance(&self, other: &Locality) -> u32 {
        let own = self.own;
        if own.region.is_empty() && own.zone.is_empty() {
            0
        } else if own.region != other.region {
            3
        } else if own.zone != other.zone {
            2
        } else {
            u32::from(own.subzone != other.subzone)
        }
    }

    /// How many of the labels, from the first that differs, are not shared.
    fn labels_apart(&self, names: &[Name], endpoint: &Endpoint) -> u32 {
        let shared = names
            .iter()
            .take_while(|name| match name.split_once('=') {
                Some((key, value)) => endpoint.labels.get(key) == Some(value),
                None => self
                    .labels
                    .get(name)
                    .is_some_and(|own| endpoint.labels.get(name) == Some(own)),
            })
            .count();
        u32::try_from(names.len() - shared).unwrap_or(u32::MAX)
    }
}

/// The shares that hold for a client in `own`: those of the first rule that covers it.
fn distribute(shares: &[Distribute], own: &Locality) -> Kind {
    let found = shares.iter().find(|shares| covers(&shares.from, own));
    found.map_or(Kind::None, |shares| Kind::Distribute(shares.clone()))
}

/// Whether `region/zone/subzone`, each possibly `*` or left out, covers a locality.
fn covers(pattern: &str, locality: &Locality) -> bool {
    let parts = [&locality.region, &locality.zone, &locality.subzone];
    pattern
        .split('/')
        .zip(parts)
        .all(|(wanted, part)| wanted == "*" || *wanted == **part)
}
