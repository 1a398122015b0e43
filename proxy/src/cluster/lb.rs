//! Load balancers: how one endpoint of a list of healthy ones is chosen.

pub mod maglev;
pub mod pool;
pub mod ring_hash;
pub mod schedule;
pub mod xxhash;

pub use pool::Pool;

/// How an endpoint is chosen. Source: Envoy `config.cluster.v3.Cluster.LbPolicy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LbPolicy {
    /// One after the other, by weight.
    RoundRobin,
    /// The one with the fewest requests of `choices` drawn by weight.
    LeastRequest {
        /// How many are drawn, at least 2.
        choices: u32,
    },
    /// Any, by weight.
    Random,
    /// A ring of hashes.
    RingHash(RingHash),
    /// Maglev's table of hashes.
    Maglev {
        /// Entries, a prime.
        table_size: u32,
    },
    /// Wherever the connection was going.
    OriginalDst,
}

/// Rules of a ring of hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RingHash {
    /// At least so many entries.
    pub min_size: u32,
    /// At most so many entries.
    pub max_size: u32,
}
