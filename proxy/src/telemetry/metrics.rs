//! Metrics: series are resolved once, off the request path, to handles; counting is one plain load and store.
//!
//! Each worker counts in a [`Shard`] of its own; readers add the shards up. There is no lock and no read-modify-write
//! on the request path.

mod recorder;
mod registry;
mod render;
mod series;
mod shard;
mod stats_config;

pub use self::recorder::FacadeRecorder;
pub use self::registry::{Registry, Value};
pub use self::series::Series;
pub use self::shard::Shard;
pub use self::stats_config::{StatsConfig, StatsMatcher};

use self::shard::Cell;

/// A number that only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter(Cell);

impl Counter {
    /// Adds one.
    pub fn increment(self, shard: &Shard) {
        shard.add(self.0, 1);
    }

    /// Adds `count`.
    pub fn add(self, shard: &Shard, count: u64) {
        shard.add(self.0, count);
    }
}

/// A number that goes up and down; a reader sees the sum of all shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gauge(Cell);

impl Gauge {
    /// Adds `change`, which may be negative.
    pub fn add(self, shard: &Shard, change: i64) {
        shard.add(self.0, change as u64);
    }

    /// Makes this shard's part `value`; for gauges that one thread alone writes.
    pub fn set(self, shard: &Shard, value: i64) {
        shard.set(self.0, value as u64);
    }
}

/// Upper bounds of the buckets of Istio's and Envoy's histograms (milliseconds or bytes).
pub const BOUNDS: [f64; 19] = [
    0.5,
    1.0,
    5.0,
    10.0,
    25.0,
    50.0,
    100.0,
    250.0,
    500.0,
    1_000.0,
    2_500.0,
    5_000.0,
    10_000.0,
    30_000.0,
    60_000.0,
    300_000.0,
    600_000.0,
    1_800_000.0,
    3_600_000.0,
];

/// Counts per bucket of [`BOUNDS`], and the sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Histogram(Cell);

impl Histogram {
    /// Cells of one histogram, all in one chunk: the sum in thousandths, the buckets, the one above all bounds.
    const CELLS: u32 = BOUNDS.len() as u32 + 2;

    /// Records one value in the unit of the series.
    pub fn record(self, shard: &Shard, value: f64) {
        let bucket = BOUNDS.partition_point(|bound| *bound < value);
        shard.add_two(self.0, (value * 1_000.0) as u64, (1 + bucket, 1));
    }
}
