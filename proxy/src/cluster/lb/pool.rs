//! A list of endpoints that may be chosen now, with what its balancer computed for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::LbPolicy;
use super::maglev::Maglev;
use super::ring_hash::Ring;
use super::schedule::Schedule;
use crate::cluster::endpoint::Endpoint;
use crate::cluster::endpoint_set::Host;

/// Endpoints to choose from.
#[derive(Debug)]
pub struct Pool {
    hosts: Vec<Host>,
    schedule: Option<Schedule>,
    turn: AtomicU64,
    table: OnceLock<Table>,
}

#[derive(Debug)]
enum Table {
    Ring(Ring),
    Maglev(Maglev),
}

impl Pool {
    /// A list, which may be empty.
    pub fn new(hosts: Vec<Host>) -> Self {
        let weights: Vec<u32> = hosts.iter().map(|host| host.weight).collect();
        // Lists of many proxies begin at different endpoints.
        let turn = AtomicU64::new(fastrand::u64(0..1 << 32));
        Self {
            schedule: Schedule::new(&weights),
            hosts,
            turn,
            table: OnceLock::new(),
        }
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.hosts.len()
    }

    /// Chooses an endpoint; `None` when the list is empty. `attempt` counts draws for one request.
    pub fn choose(
        &self,
        policy: LbPolicy,
        hash: Option<u64>,
        attempt: usize,
        rng: &mut fastrand::Rng,
    ) -> Option<&Arc<Endpoint>> {
        if self.hosts.is_empty() {
            return None;
        }
        let position = match policy {
            LbPolicy::RoundRobin => self.scheduled(self.turn.fetch_add(1, Ordering::Relaxed)),
            LbPolicy::LeastRequest { choices } => self.least_loaded(choices, rng),
            LbPolicy::Random | LbPolicy::OriginalDst => self.scheduled(rng.u64(..)),
            LbPolicy::RingHash(_) | LbPolicy::Maglev { .. } => {
                self.hashed(policy, hash.unwrap_or_else(|| rng.u64(..)), attempt)?
            }
        };
        Some(&self.hosts[position].endpoint)
    }

    fn scheduled(&self, turn: u64) -> usize {
        match &self.schedule {
            Some(schedule) => schedule.at(turn),
            None => (turn % self.hosts.len() as u64) as usize,
        }
    }

    fn least_loaded(&self, choices: u32, rng: &mut fastrand::Rng) -> usize {
        let active = |position: usize| self.hosts[position].endpoint.active();
        let mut best = self.scheduled(rng.u64(..));
        for _ in 1..choices {
            let other = self.scheduled(rng.u64(..));
            if active(other) < active(best) {
                best = other;
            }
        }
        best
    }

    fn hashed(&self, policy: LbPolicy, hash: u64, attempt: usize) -> Option<usize> {
        match self.table.get_or_init(|| self.table_for(policy)) {
            Table::Ring(ring) => ring.at(hash, attempt),
            Table::Maglev(maglev) => maglev.at(hash, attempt),
        }
    }

    fn table_for(&self, policy: LbPolicy) -> Table {
        let keys: Vec<_> = self
            .hosts
            .iter()
            .map(|host| (host.endpoint.facts.address.to_string(), host.weight))
            .collect();
        match policy {
            LbPolicy::RingHash(rules) => Table::Ring(Ring::new(rules, &keys)),
            LbPolicy::Maglev { table_size } => Table::Maglev(Maglev::new(table_size, &keys)),
            LbPolicy::RoundRobin
            | LbPolicy::LeastRequest { .. }
            | LbPolicy::Random
            | LbPolicy::OriginalDst => {
                unreachable!("only hashing policies build tables")
            }
        }
    }
}
