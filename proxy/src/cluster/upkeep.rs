//! What clusters need from time to time: looks at outliers, and forgetting original destinations without traffic.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashMap;

use super::config::Discovery;
use super::{Cluster, Clusters};

const TURN: Duration = Duration::from_millis(500);

/// What is done from time to time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Chore {
    /// Looks at outliers.
    Outliers,
    /// Forgets original destinations.
    Destinations,
}

/// What is to be done for which clusters, and when next. Most clusters of a large mesh have no chores: they are looked at when
/// some cluster changed, not at every turn.
#[derive(Default)]
struct Plan {
    /// The version of the store that this was made from.
    version: Option<u64>,
    due: HashMap<(u64, Chore), (Arc<Cluster>, Instant)>,
}

/// Runs for ever on the control runtime.
pub async fn run(clusters: Arc<Clusters>) {
    let mut plan = Plan::default();
    loop {
        tokio::time::sleep(TURN).await;
        plan.turn(&clusters, Instant::now());
    }
}

impl Plan {
    /// Does what is due now.
    fn turn(&mut self, clusters: &Clusters, now: Instant) {
        let version = clusters.version();
        if self.version != Some(version) {
            self.version = Some(version);
            self.look_at(clusters, now);
        }
        for ((_, chore), (cluster, next)) in &mut self.due {
            if *next <= now {
                *next = now + chore.interval(cluster).unwrap_or(TURN);
                chore.run(cluster);
            }
        }
    }

    fn look_at(&mut self, clusters: &Clusters, now: Instant) {
        let mut before = std::mem::take(&mut self.due);
        for cluster in clusters.snapshot().values() {
            for chore in [Chore::Outliers, Chore::Destinations] {
                let key = (cluster.id, chore);
                if let Some(interval) = chore.interval(cluster) {
                    let new = || (Arc::clone(cluster), now + interval);
                    self.due
                        .insert(key, before.remove(&key).unwrap_or_else(new));
                }
            }
        }
    }
}

impl Chore {
    /// Time between two runs; `None` where there is nothing to do.
    fn interval(self, cluster: &Cluster) -> Option<Duration> {
        match (self, &cluster.config.discovery) {
            (Self::Outliers, _) => cluster.config.outlier.as_ref().map(|rules| rules.interval),
            (Self::Destinations, Discovery::OriginalDst(rules)) => Some(rules.cleanup_interval),
            (
                Self::Destinations,
                Discovery::Static
                | Discovery::Eds(_)
                | Discovery::StrictDns(_)
                | Discovery::LogicalDns(_),
            ) => None,
        }
    }

    fn run(self, cluster: &Cluster) {
        match self {
            Self::Outliers => cluster.detect_outliers(),
            Self::Destinations => cluster.forget_idle_destinations(),
        }
    }
}
