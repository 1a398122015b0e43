//! The endpoints of a cluster at one moment, by priority and locality.

pub(crate) mod proto;

use std::sync::Arc;

use hashbrown::HashMap;

use super::endpoint::{Endpoint, EndpointFacts, Locality};
use crate::config::not_honoured::NotHonoured;

/// All endpoints of a cluster, by priority; priority 0 is asked first.
#[derive(Debug, Default, Clone)]
pub struct EndpointSet {
    /// The priorities, none left out.
    pub priorities: Vec<Priority>,
    /// Overprovisioning factor in percent of the assignment; 140 unless it says otherwise.
    pub overprovisioning_percent: Option<u32>,
    /// What the assignment says and is not acted upon.
    pub not_honoured: Arc<[NotHonoured]>,
}

/// The endpoints of one priority.
#[derive(Debug, Default, Clone)]
pub struct Priority {
    /// Its localities, in order.
    pub localities: Vec<LocalityHosts>,
}

/// The endpoints of one locality in one priority.
#[derive(Debug, Default, Clone)]
pub struct LocalityHosts {
    /// Where they stand.
    pub locality: Arc<Locality>,
    /// The locality's share, for locality-weighted balancing.
    pub weight: Option<u32>,
    /// The endpoints.
    pub hosts: Vec<Host>,
}

/// An endpoint with what its cluster says of it.
#[derive(Debug, Clone)]
pub struct Host {
    /// The endpoint.
    pub endpoint: Arc<Endpoint>,
    /// Its share, at least 1.
    pub weight: u32,
    /// What the assignment says of its health.
    pub health: HostHealth,
}

/// What the assignment says of an endpoint's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum HostHealth {
    /// Takes traffic.
    #[default]
    Healthy,
    /// Takes traffic when there is nobody better.
    Degraded,
    /// Takes none, but keeps what it has.
    Draining,
    /// Takes none.
    Unhealthy,
}

/// An endpoint whose name is to be resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostTemplate {
    /// The name, or an address that needs no lookup.
    pub name: Arc<str>,
    /// The port.
    pub port: u16,
    /// Everything else; the address in it is not used.
    pub facts: EndpointFacts,
    /// Its priority.
    pub priority: u32,
    /// The locality's share.
    pub locality_weight: Option<u32>,
    /// Its share.
    pub weight: u32,
    /// What the assignment says of its health.
    pub health: HostHealth,
}

impl EndpointSet {
    /// All endpoints.
    pub fn hosts(&self) -> impl Iterator<Item = &Host> {
        self.priorities
            .iter()
            .flat_map(|priority| &priority.localities)
            .flat_map(|locality| &locality.hosts)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.hosts().next().is_none()
    }

    /// Gives back room that was made for more.
    pub(crate) fn shrink_to_fit(&mut self) {
        self.priorities.shrink_to_fit();
        for priority in &mut self.priorities {
            priority.localities.shrink_to_fit();
            for locality in &mut priority.localities {
                locality.hosts.shrink_to_fit();
            }
        }
    }

    /// Adds an endpoint under a priority and a locality.
    pub fn add(&mut self, priority: u32, locality_weight: Option<u32>, host: Host) {
        let at = priority as usize;
        if self.priorities.len() <= at {
            self.priorities.resize_with(at + 1, Priority::default);
        }
        let localities = &mut self.priorities[at].localities;
        let locality = &host.endpoint.facts.locality;
        match localities
            .iter_mut()
            .find(|group| group.locality == *locality && group.weight == locality_weight)
        {
            Some(group) => group.hosts.push(host),
            None => localities.push(LocalityHosts {
                locality: Arc::clone(locality),
                weight: locality_weight,
                hosts: vec![host],
            }),
        }
    }

    /// Takes over the endpoints of an earlier set whose facts are the same.
    pub(crate) fn keep_identities(&mut self, before: &Self) {
        let known: HashMap<&EndpointFacts, &Arc<Endpoint>> = before
            .hosts()
            .map(|host| (&host.endpoint.facts, &host.endpoint))
            .collect();
        let localities = self
            .priorities
            .iter_mut()
            .flat_map(|priority| &mut priority.localities);
        for host in localities.flat_map(|locality| &mut locality.hosts) {
            if let Some(same) = known.get(&host.endpoint.facts) {
                host.endpoint = Arc::clone(same);
            }
        }
    }
}
