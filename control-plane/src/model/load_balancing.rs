//! Load balancing: which endpoint is picked.

use super::Name;
use std::time::Duration;

/// Load balancing of one port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LoadBalancer {
    /// The algorithm; `None` = least request.
    pub algorithm: Option<Algorithm>,
    /// Preference for localities; `None` = the mesh's.
    pub locality: Option<LocalityPolicy>,
    /// Slow start of new endpoints.
    pub warmup: Option<Warmup>,
}

/// How an endpoint is picked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// The one with fewer requests in flight of two picked at random.
    LeastRequest,
    /// In turn.
    RoundRobin,
    /// At random.
    Random,
    /// The address that the client dialled.
    Passthrough,
    /// By hash of the request.
    ConsistentHash(ConsistentHash),
}

/// Affinity by hash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConsistentHash {
    /// What is hashed.
    pub key: HashKey,
    /// The table.
    pub table: HashTable,
}

/// What is hashed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HashKey {
    /// A header.
    Header(Name),
    /// A cookie, made when missing if `ttl` is set.
    Cookie {
        /// Its name.
        name: Name,
        /// Its path.
        path: Option<Name>,
        /// Its life; zero = as long as the browser runs.
        ttl: Option<Duration>,
        /// Further attributes of the cookie that is made, in order.
        attributes: Vec<(Name, Name)>,
    },
    /// The client's address.
    SourceIp,
    /// A query parameter.
    QueryParameter(Name),
}

/// The table of a consistent hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HashTable {
    /// A ring of at least this size.
    Ring {
        /// Entries.
        minimum_size: u64,
    },
    /// Maglev.
    Maglev {
        /// Entries, a prime.
        size: u64,
    },
}

/// Preference for localities.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LocalityPolicy {
    /// Switched on.
    pub enabled: bool,
    /// What to prefer.
    pub preference: LocalityPreference,
}

/// What to prefer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LocalityPreference {
    /// The client's own, then as close as possible.
    Closest,
    /// Shares from one locality to others.
    Distribute(Vec<Distribute>),
    /// Where to go from a region that has no healthy endpoint.
    Failover(Vec<(Name, Name)>),
    /// Labels (`key` or `key=value`) that decide closeness, in order.
    FailoverPriority(Vec<Name>),
}

/// Shares from one locality to others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Distribute {
    /// The client's locality: `region/zone/*`.
    pub from: Name,
    /// Localities with their share; the sum is 100. Sorted.
    pub to: Vec<(Name, u32)>,
}

/// Slow start of new endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Warmup {
    /// How long.
    pub duration: Duration,
    /// The share to begin with, 0 to 100.
    pub minimum_percent: u32,
    /// Steepness in thousandths: 1000 = linear.
    pub aggression_milli: u32,
}
