//! An order in which weighted things take turns, computed once per change of the weights.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// The longest order; weights that need more are scaled down.
const LONGEST: u64 = 8192;

/// Positions in the order of their turns, each as often as its weight says and evenly spread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule(Box<[u32]>);

impl Schedule {
    /// The order for these weights; `None` where all are equal and turns need no order.
    pub fn new(weights: &[u32]) -> Option<Self> {
        let first = weights.first()?;
        if weights.iter().all(|weight| weight == first) {
            return None;
        }
        Some(Self(earliest_deadline_first(&scaled(weights))))
    }

    /// Whose turn it is.
    pub fn at(&self, turn: u64) -> usize {
        let len = self.0.len() as u64;
        self.0[(turn % len) as usize] as usize
    }
}

fn scaled(weights: &[u32]) -> Vec<u64> {
    let divisor = weights.iter().fold(0, |a, b| gcd(a, u64::from(*b))).max(1);
    let reduced: Vec<u64> = weights
        .iter()
        .map(|weight| u64::from(*weight) / divisor)
        .collect();
    let total: u64 = reduced.iter().sum();
    if total <= LONGEST {
        return reduced;
    }
    reduced
        .into_iter()
        .map(|weight| {
            if weight == 0 {
                0
            } else {
                (weight * LONGEST / total).max(1)
            }
        })
        .collect()
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

struct Turn {
    deadline: f64,
    position: u32,
}

impl PartialEq for Turn {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Turn {}

impl PartialOrd for Turn {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The heap gives the greatest first: the earliest deadline, then the lowest position.
impl Ord for Turn {
    fn cmp(&self, other: &Self) -> Ordering {
        other
            .deadline
            .total_cmp(&self.deadline)
            .then(other.position.cmp(&self.position))
    }
}

fn earliest_deadline_first(weights: &[u64]) -> Box<[u32]> {
    let total: u64 = weights.iter().sum();
    let mut heap: BinaryHeap<Turn> = (0u32..)
        .zip(weights)
        .filter(|(_, weight)| **weight > 0)
        .map(|(position, weight)| Turn {
            deadline: 1.0 / *weight as f64,
            position,
        })
        .collect();
    let mut order = Vec::with_capacity(total as usize);
    for _ in 0..total {
        let Some(mut turn) = heap.pop() else { break };
        order.push(turn.position);
        turn.deadline += 1.0 / weights[turn.position as usize] as f64;
        heap.push(turn);
    }
    order.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_follow_weights_and_are_spread() {
        let schedule = Schedule::new(&[20, 10, 10]).expect("weights differ");
        let turns: Vec<usize> = (0..4).map(|turn| schedule.at(turn)).collect();
        assert_eq!(turns, [0, 0, 1, 2]);
        assert_eq!(Schedule::new(&[3, 3]), None);
    }

    #[test]
    fn large_weights_are_scaled_and_nobody_is_lost() {
        let schedule = Schedule::new(&[1, 1_000_000_000]).expect("weights differ");
        assert!((0..LONGEST + 1).any(|turn| schedule.at(turn) == 0));
    }
}
