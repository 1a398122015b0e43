//! What clusters need from time to time: looks at outliers, and forgetting original destinations without traffic.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::{HashMap, HashSet};

use super::config::Discovery;
use super::{Cluster, Clusters};

const TURN: Duration = Duration::from_millis(500);
const FORGET: Duration = Duration::from_secs(5);

/// Runs for ever on the control runtime.
pub async fn run(clusters: Arc<Clusters>) {
    let mut due = HashMap::new();
    loop {
        tokio::time::sleep(TURN).await;
        turn(&clusters, &mut due, Instant::now());
    }
}

/// Does what is due now; `due` holds the next time of each cluster by its id.
fn turn(clusters: &Clusters, due: &mut HashMap<u64, Instant>, now: Instant) {
    let all = clusters.snapshot();
    if due.len() > all.len() {
        let known: HashSet<u64> = all.values().map(|cluster| cluster.id).collect();
        due.retain(|id, _| known.contains(id));
    }
    for cluster in all.values() {
        let Some(interval) = interval(cluster) else {
            continue;
        };
        let next = due.entry(cluster.id).or_insert(now + interval);
        if *next <= now {
            *next = now + interval;
            cluster.detect_outliers();
            cluster.forget_idle_destinations();
        }
    }
}

fn interval(cluster: &Cluster) -> Option<Duration> {
    let outliers = cluster.config.outlier.as_ref().map(|rules| rules.interval);
    match &cluster.config.discovery {
        Discovery::OriginalDst(_) => Some(outliers.unwrap_or(FORGET)),
        Discovery::Static
        | Discovery::Eds(_)
        | Discovery::StrictDns(_)
        | Discovery::LogicalDns(_) => outliers,
    }
}
