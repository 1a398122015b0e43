//! What clusters need from time to time: looks at outliers, and forgetting original destinations without traffic.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::{HashMap, HashSet};

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

/// The next time of each chore, by the cluster's id.
type Due = HashMap<(u64, Chore), Instant>;

/// Runs for ever on the control runtime.
pub async fn run(clusters: Arc<Clusters>) {
    let mut due = Due::new();
    loop {
        tokio::time::sleep(TURN).await;
        turn(&clusters, &mut due, Instant::now());
    }
}

/// Does what is due now.
fn turn(clusters: &Clusters, due: &mut Due, now: Instant) {
    let all = clusters.snapshot();
    if due.len() > all.len() {
        let known: HashSet<u64> = all.values().map(|cluster| cluster.id).collect();
        due.retain(|(id, _), _| known.contains(id));
    }
    for cluster in all.values() {
        for chore in [Chore::Outliers, Chore::Destinations] {
            let Some(interval) = chore.interval(cluster) else {
                continue;
            };
            let next = due.entry((cluster.id, chore)).or_insert(now + interval);
            if *next <= now {
                *next = now + interval;
                chore.run(cluster);
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
