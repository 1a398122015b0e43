//! Endpoints of original-destination clusters: made when first asked for, forgotten when nobody uses them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use hashbrown::HashMap;
use parking_lot::Mutex;

use super::{Because, PickError, Picked};
use crate::cluster::config::OriginalDst;
use crate::cluster::endpoint::{Endpoint, EndpointFacts};
use crate::cluster::lb::LbPolicy;
use crate::transport::Address;

/// Destinations that are remembered. Beyond them a destination is served, but shares nothing with other connections to
/// it.
const MOST: usize = 65_536;

/// Destinations seen so far: those that are settled are found without a lock. New ones gather beside them and settle when
/// they have become many in proportion, so that each is copied a few times at most.
#[derive(Debug, Default)]
pub(crate) struct Destinations {
    settled: ArcSwap<Known>,
    /// Invariant: whoever stores `settled` holds this lock.
    recent: Mutex<Known>,
}

type Known = HashMap<SocketAddr, Arc<Destination>>;

#[derive(Debug)]
struct Destination {
    endpoint: Arc<Endpoint>,
    /// Asked for since the last look.
    used: AtomicBool,
}

impl Destination {
    fn pick(&self) -> Arc<Endpoint> {
        // Read first: workers that use the same destination share its cache line as long as nobody writes it.
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
        Arc::clone(&self.endpoint)
    }
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
        if let Some(known) = self.settled.load().get(&destination) {
            return known.pick();
        }
        let mut recent = self.recent.lock();
        let settled = self.settled.load();
        if let Some(known) = settled.get(&destination).or(recent.get(&destination)) {
            return known.pick();
        }
        let endpoint = Arc::new(Endpoint::new(EndpointFacts::at(Address::Ip(destination))));
        if settled.len() + recent.len() >= MOST {
            return endpoint;
        }
        let new = Destination {
            endpoint: Arc::clone(&endpoint),
            used: AtomicBool::new(true),
        };
        recent.insert(destination, Arc::new(new));
        if recent.len() > settled.len() / 2 {
            self.settle(&mut recent, |_| true);
        }
        endpoint
    }

    /// Forgets destinations that were not used since the last call and carry no traffic; to be called once per cleanup
    /// interval, off the request path.
    pub(crate) fn forget_idle(&self) {
        self.settle(&mut self.recent.lock(), |destination| {
            destination.used.swap(false, Ordering::Relaxed) || destination.endpoint.active() > 0
        });
    }

    fn settle(&self, recent: &mut Known, keep: impl Fn(&Destination) -> bool) {
        let settled = self.settled.load();
        let mut next = Known::with_capacity(settled.len() + recent.len());
        let all = settled
            .iter()
            .map(|(address, known)| (*address, Arc::clone(known)));
        next.extend(
            all.chain(recent.drain())
                .filter(|(_, destination)| keep(destination)),
        );
        self.settled.store(Arc::new(next));
    }

    /// Destinations now known.
    pub(crate) fn all(&self) -> Vec<Arc<Endpoint>> {
        let recent = self.recent.lock();
        let settled = self.settled.load();
        let all = settled.values().chain(recent.values());
        all.map(|known| Arc::clone(&known.endpoint)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> SocketAddr {
        SocketAddr::from((number.to_be_bytes(), 80))
    }

    #[test]
    fn a_new_destination_costs_no_copy_of_all_others() {
        let destinations = Destinations::default();
        let mut copied = 0;
        let mut before = destinations.settled.load_full();
        for number in 0..20_000 {
            destinations.endpoint(address(number));
            let now = destinations.settled.load_full();
            if !Arc::ptr_eq(&before, &now) {
                copied += now.len();
                before = now;
            }
        }
        assert!(copied < 20_000 * 4, "{copied} entries were copied");
        assert_eq!(destinations.all().len(), 20_000);
    }

    #[test]
    fn a_destination_keeps_its_identity_while_it_is_used_and_is_forgotten_afterwards() {
        let destinations = Destinations::default();
        let (kept, busy) = (
            destinations.endpoint(address(1)),
            destinations.endpoint(address(2)),
        );
        let under_way = busy.begin();
        destinations.forget_idle();
        assert_eq!(destinations.endpoint(address(1)).id, kept.id);
        destinations.forget_idle();
        assert_eq!(destinations.all().len(), 2);
        destinations.forget_idle();
        let left: Vec<_> = destinations.all().iter().map(|one| one.id).collect();
        assert_eq!(left, [busy.id], "a pool that still holds it does not count");
        drop(under_way);
        destinations.forget_idle();
        assert!(destinations.all().is_empty());
    }

    #[test]
    fn destinations_beyond_the_bound_are_served_and_not_remembered() {
        let destinations = Destinations::default();
        for number in 0..u32::try_from(MOST).expect("small") + 10 {
            destinations.endpoint(address(number));
        }
        assert_eq!(destinations.all().len(), MOST);
        let last = destinations.endpoint(address(u32::MAX));
        assert_eq!(last.facts.address, Address::Ip(address(u32::MAX)));
    }
}
