//! A ring of hashes: each endpoint stands at many places, a request goes to the next place after its hash.

use super::RingHash;
use super::xxhash::xxh64;

/// The ring: hashes with the positions of their endpoints, in order of the hashes.
#[derive(Debug)]
pub struct Ring(Box<[(u64, u32)]>);

impl Ring {
    /// The ring for endpoints given by their hash key and weight; never empty unless `hosts` is.
    pub fn new(rules: RingHash, hosts: &[(String, u32)]) -> Self {
        let total: f64 = hosts.iter().map(|(_, weight)| f64::from(*weight)).sum();
        let lightest = hosts
            .iter()
            .map(|(_, weight)| f64::from(*weight))
            .fold(f64::INFINITY, f64::min);
        // The lightest endpoint gets a whole number of places, the others in proportion.
        let smallest_share = lightest / total;
        let scale = ((smallest_share * f64::from(rules.min_size)).ceil() / smallest_share)
            .min(f64::from(rules.max_size));
        let mut ring = Vec::new();
        let mut wanted = 0.0;
        let mut placed = 0.0;
        for (position, (key, weight)) in (0u32..).zip(hosts) {
            wanted += scale * f64::from(*weight) / total;
            let mut nth = 0;
            while placed < wanted {
                ring.push((xxh64(format!("{key}_{nth}").as_bytes(), 0), position));
                nth += 1;
                placed += 1.0;
            }
        }
        ring.sort_unstable();
        Self(ring.into())
    }

    /// The position of the endpoint for a hash; `attempt` steps on to later places for retries.
    pub fn at(&self, hash: u64, attempt: usize) -> Option<usize> {
        if self.0.is_empty() {
            return None;
        }
        let next = self.0.partition_point(|(place, _)| *place < hash);
        Some(self.0[(next + attempt) % self.0.len()].1 as usize)
    }
}
