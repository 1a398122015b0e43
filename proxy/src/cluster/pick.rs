//! The choice of an endpoint: subset, priority, locality, then the load balancer.

mod load;
mod original_dst;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use hashbrown::HashMap;

use super::Cluster;
use super::config::{ClusterConfig, Discovery, LocalityPolicy};
use super::endpoint::Endpoint;
use super::endpoint_set::{EndpointSet, Host, HostHealth, Priority};
use super::lb::schedule::Schedule;
use super::lb::{LbPolicy, Pool};
use super::subset::{Allowed, LabelSet, SubsetMatch};

pub(crate) use original_dst::Destinations;

/// What a request or connection brings to the choice.
#[derive(Debug)]
pub struct PickFacts<'a> {
    /// The hash of the request; `None` lets hashing balancers draw one.
    pub hash: Option<u64>,
    /// The labels that the route asks for.
    pub subset: &'a SubsetMatch,
    /// Where the connection was going, for original-destination clusters.
    pub original_dst: Option<SocketAddr>,
    /// Endpoints not to choose again, by id, as long as another one comes up.
    pub excluded: &'a [u64],
    /// How many draws may be spent on avoiding `excluded`.
    pub attempts: u32,
    /// The worker's random numbers.
    pub rng: &'a mut fastrand::Rng,
}

/// The chosen endpoint.
#[derive(Debug, Clone)]
pub struct Picked {
    /// The endpoint.
    pub endpoint: Arc<Endpoint>,
    /// Its priority.
    pub priority: u32,
    /// How it was chosen among how many.
    pub because: Because,
}

/// How an endpoint was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Because {
    /// The balancer.
    pub policy: LbPolicy,
    /// Endpoints that it chose from.
    pub among: usize,
    /// Too few endpoints were healthy, so all were used.
    pub panic: bool,
}

/// No endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PickError {
    /// The cluster has none.
    #[error("the cluster has no endpoints; check that its service selects ready workloads")]
    Empty,
    /// It has some, none of which may be used.
    #[error("the cluster has endpoints, but none is healthy")]
    NoneHealthy,
    /// None has the labels that the route asks for.
    #[error("no endpoint has the labels that the route asks for")]
    NoSubset,
    /// An original-destination cluster, and the destination is unknown.
    #[error(
        "the original destination is unknown, so that there is nowhere to go; is traffic redirected to the proxy?"
    )]
    NoDestination,
}

/// The endpoints of a cluster with all that the choice among them needs, computed once per change.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) set: Arc<EndpointSet>,
    /// Made when first asked for: of a large mesh, a proxy calls few services.
    all: OnceLock<Ladder>,
    /// Made when first asked for; a handful.
    subsets: ArcSwap<HashMap<LabelSet, Arc<Ladder>>>,
}

/// Priorities with their shares of the load.
#[derive(Debug)]
struct Ladder {
    steps: Vec<Step>,
    loads: Vec<load::Share>,
    total_hosts: usize,
}

/// One priority.
#[derive(Debug)]
struct Step {
    healthy: Group,
    degraded: Group,
    everybody: Group,
    panic: bool,
}

/// Endpoints of one kind in one priority: by locality where those have weights.
#[derive(Debug)]
enum Group {
    Flat(Pool),
    Localities {
        pools: Vec<Pool>,
        schedule: Option<Schedule>,
    },
}

impl Cluster {
    /// Chooses an endpoint.
    ///
    /// # Errors
    /// When there is none to choose.
    pub fn pick(&self, facts: &mut PickFacts<'_>) -> Result<Picked, PickError> {
        if let Discovery::OriginalDst(rules) = &self.config.discovery {
            return self.destinations.pick(rules, facts.original_dst);
        }
        let view = self.view.load();
        let all = view.all(&self.config);
        if all.total_hosts == 0 {
            return Err(PickError::Empty);
        }
        let Some(subsets) = &self.config.subsets else {
            return all.pick(&self.config, facts);
        };
        let exists = |labels: &LabelSet| {
            view.set
                .hosts()
                .any(|host| host.endpoint.facts.labels.has(labels))
        };
        match subsets.allowed(facts.subset, exists) {
            Allowed::All => all.pick(&self.config, facts),
            Allowed::Labelled(labels) => {
                view.subset(&self.config, labels).pick(&self.config, facts)
            }
            Allowed::Nobody => Err(PickError::NoSubset),
        }
    }
}

impl View {
    pub(crate) fn new(set: Arc<EndpointSet>) -> Self {
        Self {
            set,
            all: OnceLock::new(),
            subsets: ArcSwap::default(),
        }
    }

    /// The view of other endpoints, or of the same ones in other health. Who was asked for a choice before is ready for
    /// the next one at once.
    pub(crate) fn next(&self, config: &ClusterConfig, set: Arc<EndpointSet>) -> Self {
        let next = Self::new(set);
        if self.all.get().is_some() {
            next.all(config);
        }
        next
    }

    /// Workers that ask for the first choice at the same moment wait for one of them, once per cluster: that takes what
    /// is left of the one computation, which is less than one of their own; more only where the system takes the core from it.
    fn all(&self, config: &ClusterConfig) -> &Ladder {
        self.all
            .get_or_init(|| Ladder::new(config, &self.set, |_| true))
    }

    fn subset(&self, config: &ClusterConfig, labels: &LabelSet) -> Arc<Ladder> {
        if let Some(ladder) = self.subsets.load().get(labels) {
            return Arc::clone(ladder);
        }
        let ladder = Arc::new(Ladder::new(config, &self.set, |host| {
            host.endpoint.facts.labels.has(labels)
        }));
        self.subsets.rcu(|known| {
            let mut known = HashMap::clone(known);
            known.insert(labels.clone(), Arc::clone(&ladder));
            known
        });
        ladder
    }
}

impl Ladder {
    fn new(config: &ClusterConfig, set: &EndpointSet, wanted: impl Fn(&Host) -> bool) -> Self {
        let counts: Vec<_> = set
            .priorities
            .iter()
            .map(|priority| load::count(priority, &wanted))
            .collect();
        let factor = set
            .overprovisioning_percent
            .unwrap_or(config.overprovisioning_percent);
        let (loads, panics) = load::shares(&counts, factor, config.panic_threshold);
        let steps = set
            .priorities
            .iter()
            .zip(panics)
            .map(|(priority, panic)| Step {
                healthy: Group::new(config, factor, priority, |host| {
                    wanted(host) && is(host, HostHealth::Healthy)
                }),
                degraded: Group::new(config, factor, priority, |host| {
                    wanted(host) && is(host, HostHealth::Degraded)
                }),
                everybody: Group::new(config, factor, priority, &wanted),
                panic,
            })
            .collect();
        Self {
            steps,
            loads,
            total_hosts: counts.iter().map(|count| count.total).sum(),
        }
    }

    fn pick(&self, config: &ClusterConfig, facts: &mut PickFacts<'_>) -> Result<Picked, PickError> {
        if self.total_hosts == 0 {
            return Err(PickError::NoSubset);
        }
        let mut fallback = None;
        for attempt in 0..=facts.attempts as usize {
            let picked = self
                .draw(config, facts, attempt)
                .ok_or(PickError::NoneHealthy)?;
            if !facts.excluded.contains(&picked.endpoint.id) {
                return Ok(picked);
            }
            fallback = Some(picked);
        }
        fallback.ok_or(PickError::NoneHealthy)
    }

    fn draw(
        &self,
        config: &ClusterConfig,
        facts: &mut PickFacts<'_>,
        attempt: usize,
    ) -> Option<Picked> {
        let point = facts.hash.unwrap_or_else(|| facts.rng.u64(..)) % 100;
        let share = load::at(&self.loads, point as u32)?;
        let step = &self.steps[share.priority];
        let group = match (step.panic, share.degraded) {
            (true, _) if config.fail_in_panic => return None,
            (true, _) => &step.everybody,
            (false, true) => &step.degraded,
            (false, false) => &step.healthy,
        };
        let pool = group.pool(facts.rng)?;
        let endpoint = pool.choose(config.lb, facts.hash, attempt, facts.rng)?;
        Some(Picked {
            endpoint: Arc::clone(endpoint),
            priority: u32::try_from(share.priority).unwrap_or(u32::MAX),
            because: Because {
                policy: config.lb,
                among: pool.len(),
                panic: step.panic,
            },
        })
    }
}

impl Group {
    fn new(
        config: &ClusterConfig,
        factor: u32,
        priority: &Priority,
        wanted: impl Fn(&Host) -> bool,
    ) -> Self {
        let weighted = config.locality == LocalityPolicy::Weighted
            && priority
                .localities
                .iter()
                .any(|locality| locality.weight.is_some());
        let chosen = |hosts: &[Host]| {
            hosts
                .iter()
                .filter(|host| wanted(host))
                .cloned()
                .collect::<Vec<_>>()
        };
        if !weighted {
            let hosts = priority
                .localities
                .iter()
                .flat_map(|locality| chosen(&locality.hosts))
                .collect();
            return Self::Flat(Pool::new(hosts));
        }
        let mut pools = Vec::new();
        let mut weights = Vec::new();
        for locality in &priority.localities {
            let hosts = chosen(&locality.hosts);
            let weight = load::locality_weight(locality, hosts.len(), factor);
            if weight > 0 {
                pools.push(Pool::new(hosts));
                weights.push(weight);
            }
        }
        Self::Localities {
            schedule: Schedule::new(&weights),
            pools,
        }
    }

    fn pool(&self, rng: &mut fastrand::Rng) -> Option<&Pool> {
        match self {
            Self::Flat(pool) => (!pool.is_empty()).then_some(pool),
            Self::Localities { pools, .. } if pools.is_empty() => None,
            Self::Localities {
                pools,
                schedule: Some(schedule),
            } => pools.get(schedule.at(rng.u64(..))),
            Self::Localities {
                pools,
                schedule: None,
            } => pools.get(rng.usize(0..pools.len())),
        }
    }
}

/// Whether an endpoint counts as this healthy; ejected ones count as unhealthy.
fn is(host: &Host, health: HostHealth) -> bool {
    host.health == health && !host.endpoint.outlier.is_ejected()
}

#[cfg(test)]
mod tests;
