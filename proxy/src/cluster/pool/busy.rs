//! Requests under way, as statistics and balancers count them.

use std::rc::Rc;

use super::{ClusterPool, EndpointPool};

/// A request that its cluster and its endpoint count as under way until this is dropped.
#[derive(Debug)]
pub(crate) struct Busy {
    cluster: Rc<ClusterPool>,
    pool: Rc<EndpointPool>,
}

impl Busy {
    /// Counts one more request to the endpoint of `pool`, which belongs to `cluster`.
    pub(crate) fn begin(cluster: &Rc<ClusterPool>, pool: &Rc<EndpointPool>) -> Self {
        cluster.stats.upstream_rq_active.add(&cluster.shard, 1);
        pool.endpoint.enter();
        Self {
            cluster: Rc::clone(cluster),
            pool: Rc::clone(pool),
        }
    }

    /// The pool of the endpoint.
    pub(crate) fn pool(&self) -> &Rc<EndpointPool> {
        &self.pool
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.pool.endpoint.leave();
        let Self { cluster, .. } = self;
        cluster.stats.upstream_rq_active.add(&cluster.shard, -1);
    }
}
