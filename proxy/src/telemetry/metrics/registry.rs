//! All series of the process and the shards that hold their numbers.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::series::Series;
use super::shard::{CAPACITY, Cell, Shard, Writers};
use super::stats_config::{StatsConfig, StatsMatcher};
use super::{BOUNDS, Counter, Gauge, Histogram};

/// Series of one family before the rest is counted together as `overflow`.
const FAMILY_LIMIT: usize = 20_000;
/// The same for Istio's families: their labels are long, and callers choose some of them. The four families of HTTP
/// together make 10,000 series, about 30 MiB.
const ISTIO_FAMILY_LIMIT: usize = 2_500;

/// Invariant: the last cells belong to no series, so that counting into them is seen nowhere.
const NOBODY: Cell = Cell(CAPACITY - Histogram::CELLS);

/// The kind of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    fn cells(self) -> u32 {
        match self {
            Self::Counter | Self::Gauge => 1,
            Self::Histogram => Histogram::CELLS,
        }
    }
}

#[derive(Debug, Default)]
struct Table {
    known: HashMap<Arc<Series>, (Kind, Cell)>,
    families: HashMap<String, usize>,
    next: u32,
    shards: Vec<Arc<Shard>>,
}

/// The registry of metrics; cheap to clone, one per process.
#[derive(Clone, Debug)]
pub struct Registry {
    table: Arc<Mutex<Table>>,
    shared: Arc<Shard>,
    config: Arc<StatsConfig>,
}

/// The number of a series, all shards together.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Of a counter.
    Counter(u64),
    /// Of a gauge.
    Gauge(i64),
    /// Of a histogram.
    Histogram {
        /// Counts per bucket of [`BOUNDS`] and above, not cumulated.
        buckets: Vec<u64>,
        /// The sum of all values.
        sum: f64,
    },
}

impl Default for Registry {
    fn default() -> Self {
        let shared = Arc::new(Shard::new(Writers::Many));
        let table = Table {
            shards: vec![shared.clone()],
            ..Table::default()
        };
        Self {
            table: Arc::new(Mutex::new(table)),
            shared,
            config: Arc::default(),
        }
    }
}

impl Registry {
    /// An empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty registry of what `config` wants.
    pub fn configured(config: StatsConfig) -> Self {
        Self {
            config: Arc::new(config),
            ..Self::default()
        }
    }

    /// An empty registry of what this one wants, for what is only known when somebody reads.
    pub(crate) fn alike(&self) -> Self {
        Self {
            config: Arc::clone(&self.config),
            ..Self::default()
        }
    }

    /// Labels that every series has.
    pub(super) fn fixed_labels(&self) -> &[(String, String)] {
        &self.config.labels
    }

    /// Whether there is no series at all, whatever is asked for.
    pub fn is_off(&self) -> bool {
        matches!(self.config.matcher, StatsMatcher::Nothing)
    }

    /// A shard that any thread may write to.
    pub fn shared(&self) -> &Arc<Shard> {
        &self.shared
    }

    /// A new shard for one thread: only that thread may count in it.
    pub fn shard(&self) -> Arc<Shard> {
        let shard = Arc::new(Shard::new(Writers::One));
        self.table.lock().shards.push(shard.clone());
        shard
    }

    /// The counter `series`, made when it is new. Not for the request path.
    pub fn counter(&self, series: Series) -> Counter {
        Counter(self.resolve(series, Kind::Counter))
    }

    /// The gauge `series`, made when it is new. Not for the request path.
    pub fn gauge(&self, series: Series) -> Gauge {
        Gauge(self.resolve(series, Kind::Gauge))
    }

    /// The histogram `series`, made when it is new. Not for the request path.
    pub fn histogram(&self, series: Series) -> Histogram {
        Histogram(self.resolve(series, Kind::Histogram))
    }

    /// The value of a counter, all shards together.
    pub fn read(&self, counter: Counter) -> u64 {
        sum(&self.table.lock().shards, counter.0)
    }

    /// Every series, sorted by Envoy's dotted name.
    pub fn snapshot(&self) -> Vec<(Arc<Series>, Value)> {
        let table = self.table.lock();
        let value = |(series, (kind, cell)): (&Arc<Series>, &(Kind, Cell))| {
            (series.clone(), value(&table.shards, *kind, *cell))
        };
        let mut all: Vec<_> = table.known.iter().map(value).collect();
        drop(table);
        all.sort_by(|a, b| a.0.text.cmp(&b.0.text));
        all
    }

    /// Makes every counter and histogram zero, as Envoy's `/reset_counters` does; a count made meanwhile may survive.
    pub fn reset_counters(&self) {
        let table = self.table.lock();
        for (kind, cell) in table.known.values() {
            if *kind == Kind::Gauge {
                continue;
            }
            for shard in &table.shards {
                (0..kind.cells()).for_each(|offset| shard.set(cell.offset(offset), 0));
            }
        }
    }

    /// Series of one name and different kinds are a programming error; the first kind stays and the second gets cells
    /// that nobody reads.
    fn resolve(&self, series: Series, kind: Kind) -> Cell {
        if !self.config.matcher.wants(&series) {
            return NOBODY;
        }
        let mut table = self.table.lock();
        if let Some((known, cell)) = table.known.get(&series)
            && *known == kind
        {
            return *cell;
        }
        let full = table
            .families
            .get(series.family.as_ref())
            .is_some_and(|count| *count >= limit(&series.family));
        let series = if full { series.overflow() } else { series };
        if let Some((known, cell)) = table.known.get(&series)
            && *known == kind
        {
            return *cell;
        }
        table.add(series, kind)
    }
}

impl Table {
    fn add(&mut self, series: Series, kind: Kind) -> Cell {
        let cell = Cell(self.next).with_room_for(kind.cells());
        if cell.0 + kind.cells() > NOBODY.0 {
            return NOBODY;
        }
        self.next = cell.0 + kind.cells();
        *self.families.entry(series.family.to_string()).or_default() += 1;
        self.known.entry(Arc::new(series)).or_insert((kind, cell));
        cell
    }
}

fn limit(family: &str) -> usize {
    if family.starts_with("istio_") {
        ISTIO_FAMILY_LIMIT
    } else {
        FAMILY_LIMIT
    }
}

fn sum(shards: &[Arc<Shard>], cell: Cell) -> u64 {
    shards
        .iter()
        .fold(0, |sum, shard| sum.wrapping_add(shard.read(cell)))
}

fn value(shards: &[Arc<Shard>], kind: Kind, cell: Cell) -> Value {
    match kind {
        Kind::Counter => Value::Counter(sum(shards, cell)),
        Kind::Gauge => Value::Gauge(sum(shards, cell) as i64),
        Kind::Histogram => {
            let count = BOUNDS.len() as u32 + 1;
            let buckets = (1..=count)
                .map(|offset| sum(shards, cell.offset(offset)))
                .collect();
            Value::Histogram {
                buckets,
                sum: sum(shards, cell) as f64 / 1_000.0,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_sees_the_sum_of_all_shards() {
        let registry = Registry::new();
        let counter = registry.counter(Series::cluster("web", "upstream_rq_total"));
        let gauge = registry.gauge(Series::cluster("web", "upstream_cx_active"));
        let (one, two) = (registry.shard(), registry.shard());
        counter.increment(&one);
        counter.add(&two, 2);
        counter.increment(registry.shared());
        gauge.add(&one, 3);
        gauge.add(&two, -1);
        assert_eq!(registry.read(counter), 4);
        let all: Vec<_> = registry
            .snapshot()
            .into_iter()
            .map(|(series, value)| (series.text.clone(), value))
            .collect();
        assert_eq!(
            all[0],
            ("cluster.web.upstream_cx_active".to_owned(), Value::Gauge(2))
        );
        assert_eq!(
            all[1],
            (
                "cluster.web.upstream_rq_total".to_owned(),
                Value::Counter(4)
            )
        );
    }

    #[test]
    fn histograms_beyond_the_first_chunk_keep_apart() {
        let registry = Registry::new();
        let shard = registry.shard();
        let name = |number| Series::new("x").label("a", format!("{number:03}"));
        let all: Vec<_> = (0..100).map(|at| registry.histogram(name(at))).collect();
        for (at, histogram) in all.iter().enumerate() {
            histogram.record(&shard, at as f64);
            histogram.record(&shard, f64::from(u32::MAX));
        }
        for (at, (_, value)) in registry.snapshot().into_iter().enumerate() {
            let Value::Histogram { buckets, sum } = value else {
                panic!("a histogram");
            };
            assert_eq!(sum, at as f64 + f64::from(u32::MAX));
            let bucket = BOUNDS.partition_point(|bound| *bound < at as f64);
            assert_eq!((buckets[bucket], buckets[BOUNDS.len()]), (1, 1));
            assert_eq!(buckets.iter().sum::<u64>(), 2);
        }
    }

    #[test]
    fn a_full_family_counts_the_rest_as_overflow() {
        let registry = Registry::new();
        for number in 0..FAMILY_LIMIT {
            registry.counter(Series::new("x").label("a", number.to_string()));
        }
        let first = registry.counter(Series::new("x").label("a", "one more"));
        assert_eq!(
            first,
            registry.counter(Series::new("x").label("a", "another"))
        );
        assert_ne!(
            first,
            registry.counter(Series::new("y").label("a", "another"))
        );
    }

    #[test]
    fn labels_of_the_configuration_keep_their_values_in_the_overflow() {
        let registry = Registry::configured(StatsConfig {
            labels: vec![("zone".to_owned(), "a".to_owned())],
            ..StatsConfig::default()
        });
        for number in 0..=ISTIO_FAMILY_LIMIT {
            registry.counter(Series::new("istio_x").label("reporter", number.to_string()));
        }
        let text = registry.render_prometheus();
        let line = "istio_x{reporter=\"overflow\",zone=\"a\"} 0\n";
        assert!(text.contains(line), "{text}");
    }
}
