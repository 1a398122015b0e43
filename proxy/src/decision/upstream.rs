//! The upstream part of the way: cluster and endpoint.

use crate::cluster::subset::SubsetMatch;
use crate::cluster::{Cluster, PickFacts, Picked};

use super::{Outcome, Stage, Way};

/// A cluster that was decided on.
pub(super) struct Wanted<'a> {
    pub(super) name: &'a str,
    pub(super) subset: &'a SubsetMatch,
    pub(super) because: String,
    pub(super) hash: Option<u64>,
}

impl Way<'_> {
    pub(super) fn cluster(&mut self, wanted: Wanted<'_>) -> Outcome {
        let Some(cluster) = self.stores.clusters.get(wanted.name) else {
            let reason = format!("cluster {:?} is not known to this proxy", wanted.name);
            return self.unavailable(reason);
        };
        self.step(
            Stage::Cluster,
            wanted.name,
            wanted.because.as_str(),
            &cluster.config.origin,
        );
        self.endpoint(&cluster, &wanted)
    }

    fn endpoint(&mut self, cluster: &Cluster, wanted: &Wanted<'_>) -> Outcome {
        let mut facts = PickFacts {
            hash: wanted.hash,
            subset: wanted.subset,
            original_dst: Some(self.asked.destination),
            excluded: &[],
            attempts: 0,
            rng: &mut self.rng,
        };
        match cluster.pick(&mut facts) {
            Ok(picked) => {
                let address = picked.endpoint.facts.address.to_string();
                self.step(
                    Stage::Endpoint,
                    address.as_str(),
                    because(&picked),
                    &picked.endpoint.facts.origin,
                );
                Outcome::Forwarded {
                    cluster: wanted.name.to_owned(),
                    endpoint: address,
                }
            }
            Err(none) => self.unavailable(none.to_string()),
        }
    }

    /// An HTTP request gets a 503, a connection of other bytes is closed.
    fn unavailable(&self, reason: String) -> Outcome {
        match self.asked.request {
            Some(_) => Outcome::Answered {
                status: 503,
                reason,
            },
            None => Outcome::Closed { reason },
        }
    }
}

fn because(picked: &Picked) -> String {
    let because = picked.because;
    let panic = if because.panic {
        ", all of them since too few are healthy"
    } else {
        ""
    };
    format!(
        "{:?} among {} endpoints of priority {}{panic}",
        because.policy, because.among, picked.priority
    )
}
