//! Endpoints of original-destination clusters: made when first asked for, forgotten when nobody uses them.

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use hashbrown::HashMap;

use super::{Because, PickError, Picked};
use crate::cluster::config::OriginalDst;
use crate::cluster::endpoint::{Endpoint, EndpointFacts};
use crate::cluster::lb::LbPolicy;
use crate::transport::Address;

/// Destinations seen so far.
#[derive(Debug, Default)]
pub(crate) struct Destinations {
    known: ArcSwap<HashMap<SocketAddr, Arc<Endpoint>>>,
}

impl Destinations {
    pub(super) fn pick(
        &self,
        rules: &OriginalDst,
        destination: Option<SocketAddr>,
    ) -> Result<Picked, PickError> {
        let mut destination = destination.ok_or(PickError::NoDestination)?;
        if let Some(port) = rules.port_override {
            destination.set_port(port);
        }
        let because = Because {
            policy: LbPolicy::OriginalDst,
            among: 1,
            panic: false,
        };
        Ok(Picked {
            endpoint: self.endpoint(destination),
            priority: 0,
            because,
        })
    }

    fn endpoint(&self, destination: SocketAddr) -> Arc<Endpoint> {
        if let Some(endpoint) = self.known.load().get(&destination) {
            return Arc::clone(endpoint);
        }
        let made = Arc::new(Endpoint::new(EndpointFacts::at(Address::Ip(destination))));
        self.known.rcu(|known| {
            let mut known = HashMap::clone(known);
            known
                .entry(destination)
                .or_insert_with(|| Arc::clone(&made));
            known
        });
        self.known.load().get(&destination).map_or(made, Arc::clone)
    }

    /// Forgets destinations without traffic; to be called every few seconds off the request path.
    pub(crate) fn forget_idle(&self) {
        self.known.rcu(|known| {
            let mut known = HashMap::clone(known);
            // Two references: the map in force and this copy.
            known.retain(|_, endpoint| endpoint.active() > 0 || Arc::strong_count(endpoint) > 2);
            known
        });
    }

    /// Destinations now known.
    pub(crate) fn all(&self) -> Vec<Arc<Endpoint>> {
        self.known.load().values().cloned().collect()
    }
}
