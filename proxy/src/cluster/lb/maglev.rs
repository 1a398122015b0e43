//! Maglev's table of hashes: even shares and few moves when endpoints change (Eisenbud and others, NSDI 2016).

use super::xxhash::xxh64;

/// The table: for each entry the position of its endpoint.
#[derive(Debug)]
pub struct Maglev(Box<[u32]>);

struct Permutation {
    offset: u64,
    skip: u64,
    weight: f64,
    next: u64,
    target: f64,
}

const FREE: u32 = u32::MAX;

impl Maglev {
    /// The table for endpoints given by their hash key and weight.
    pub fn new(table_size: u32, hosts: &[(String, u32)]) -> Self {
        if hosts.is_empty() {
            return Self(Box::default());
        }
        let size = u64::from(table_size);
        let heaviest = hosts.iter().map(|(_, weight)| *weight).max().unwrap_or(1);
        let mut turns: Vec<Permutation> =
            hosts.iter().map(|host| permutation(host, size)).collect();
        let mut table = vec![FREE; table_size as usize];
        let mut filled = 0;
        let mut round = 0.0;
        while filled < table.len() {
            round += 1.0;
            for (position, turn) in (0u32..).zip(&mut turns) {
                if filled == table.len() {
                    break;
                }
                // A lighter endpoint sits out the rounds that its weight does not pay for.
                if round * turn.weight < turn.target {
                    continue;
                }
                turn.target += f64::from(heaviest);
                let entry = turn.next_free(&table, size);
                table[entry] = position;
                filled += 1;
            }
        }
        Self(table.into())
    }

    /// The position of the endpoint for a hash; `attempt` changes the entry for retries.
    pub fn at(&self, hash: u64, attempt: usize) -> Option<usize> {
        let size = self.0.len() as u64;
        if size == 0 {
            return None;
        }
        let hash = if attempt == 0 {
            hash
        } else {
            hash ^ !(attempt as u64 - 1)
        };
        Some(self.0[(hash % size) as usize] as usize)
    }
}

fn permutation((key, weight): &(String, u32), size: u64) -> Permutation {
    Permutation {
        offset: xxh64(key.as_bytes(), 0) % size,
        skip: xxh64(key.as_bytes(), 1) % (size - 1) + 1,
        weight: f64::from(*weight),
        next: 0,
        target: 0.0,
    }
}

impl Permutation {
    fn next_free(&mut self, table: &[u32], size: u64) -> usize {
        loop {
            let entry = ((self.offset + self.skip * self.next) % size) as usize;
            self.next += 1;
            if table[entry] == FREE {
                return entry;
            }
        }
    }
}
