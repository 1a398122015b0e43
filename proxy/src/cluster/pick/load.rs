//! How load is shared among priorities. Source: Envoy, "Priority levels", "Panic threshold", "Locality weighted".

use crate::cluster::endpoint_set::{Host, HostHealth, LocalityHosts, Priority};

/// Endpoints of one priority by health.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) total: usize,
    pub(super) healthy: usize,
    pub(super) degraded: usize,
}

/// The share of one priority's healthy or degraded endpoints, in percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) priority: usize,
    pub(super) degraded: bool,
    pub(super) percent: u32,
}

pub(super) fn count(priority: &Priority, wanted: impl Fn(&Host) -> bool) -> Count {
    let mut count = Count::default();
    for host in priority
        .localities
        .iter()
        .flat_map(|locality| &locality.hosts)
        .filter(|host| wanted(host))
    {
        count.total += 1;
        count.healthy += usize::from(super::is(host, HostHealth::Healthy));
        count.degraded += usize::from(super::is(host, HostHealth::Degraded));
    }
    count
}

/// The shares of all priorities, and which of them are in panic.
pub(super) fn shares(
    counts: &[Count],
    factor: u32,
    panic_threshold: u8,
) -> (Vec<Share>, Vec<bool>) {
    let available = |part: usize, count: &Count| -> u32 {
        if count.total == 0 {
            return 0;
        }
        let percent = part as u64 * u64::from(factor) / count.total as u64;
        u32::try_from(percent.min(100)).unwrap_or(100)
    };
    let healthy: Vec<u32> = counts
        .iter()
        .map(|count| available(count.healthy, count))
        .collect();
    let degraded: Vec<u32> = counts
        .iter()
        .map(|count| available(count.degraded, count))
        .collect();
    let total = (healthy.iter().sum::<u32>() + degraded.iter().sum::<u32>()).min(100);
    let panics: Vec<bool> = counts
        .iter()
        .map(|count| total < 100 && in_panic(count, panic_threshold))
        .collect();
    if !panics.is_empty() && panics.iter().all(|panic| *panic) {
        return (by_count(counts), panics);
    }
    (by_health(&healthy, &degraded, total), panics)
}

fn in_panic(count: &Count, threshold: u8) -> bool {
    let percent = (100 * (count.healthy + count.degraded))
        .checked_div(count.total)
        .unwrap_or(0);
    percent < usize::from(threshold)
}

fn by_health(healthy: &[u32], degraded: &[u32], total: u32) -> Vec<Share> {
    let mut left = 100;
    let mut shares = Vec::new();
    for (of, is_degraded) in [(healthy, false), (degraded, true)] {
        for (priority, available) in of.iter().enumerate() {
            let normalized = (available * 100).checked_div(total).unwrap_or(0);
            let percent = normalized.min(left);
            left -= percent;
            if percent > 0 {
                shares.push(Share {
                    priority,
                    degraded: is_degraded,
                    percent,
                });
            }
        }
    }
    give_rest(shares, left)
}

fn by_count(counts: &[Count]) -> Vec<Share> {
    let total: usize = counts.iter().map(|count| count.total).sum();
    let mut left = 100;
    let mut shares = Vec::new();
    for (priority, count) in counts.iter().enumerate() {
        let percent =
            u32::try_from((100 * count.total).checked_div(total).unwrap_or(0)).unwrap_or(100);
        left -= percent.min(left);
        if percent > 0 {
            shares.push(Share {
                priority,
                degraded: false,
                percent,
            });
        }
    }
    give_rest(shares, left)
}

/// What rounding left over goes to the first.
fn give_rest(mut shares: Vec<Share>, left: u32) -> Vec<Share> {
    if let Some(first) = shares.first_mut() {
        first.percent += left;
    }
    shares
}

/// Whose share a point below 100 falls into.
pub(super) fn at(shares: &[Share], point: u32) -> Option<Share> {
    let mut end = 0;
    shares
        .iter()
        .find(|share| {
            end += share.percent;
            point < end
        })
        .copied()
}

/// The weight of a locality of which `chosen` endpoints may be used; a locality without a weight gets nothing.
pub(super) fn locality_weight(locality: &LocalityHosts, chosen: usize, factor: u32) -> u32 {
    let total = locality.hosts.len();
    let Some(weight) = locality.weight.filter(|_| total > 0 && chosen > 0) else {
        return 0;
    };
    let percent = (chosen as u64 * u64::from(factor) / total as u64).min(100);
    u32::try_from((u64::from(weight) * percent).max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(list: &[(usize, usize)]) -> Vec<Count> {
        list.iter()
            .map(|(healthy, total)| Count {
                total: *total,
                healthy: *healthy,
                degraded: 0,
            })
            .collect()
    }

    fn percents(list: &[(usize, usize)], threshold: u8) -> Vec<(usize, u32)> {
        shares(&counts(list), 140, threshold)
            .0
            .iter()
            .map(|share| (share.priority, share.percent))
            .collect()
    }

    #[test]
    fn lower_priorities_help_as_far_as_the_first_falls_short() {
        assert_eq!(percents(&[(10, 10), (10, 10)], 50), [(0, 100)]);
        assert_eq!(percents(&[(5, 10), (10, 10)], 50), [(0, 70), (1, 30)]);
        assert_eq!(percents(&[(0, 10), (10, 10)], 50), [(1, 100)]);
        assert_eq!(percents(&[(0, 0), (10, 10)], 50), [(1, 100)]);
    }

    #[test]
    fn in_panic_everywhere_the_number_of_endpoints_decides() {
        let (shares, panics) = shares(&counts(&[(1, 10), (1, 10)]), 140, 50);
        assert_eq!(panics, [true, true]);
        assert_eq!(
            shares.iter().map(|share| share.percent).collect::<Vec<_>>(),
            [50, 50]
        );
    }

    #[test]
    fn without_a_threshold_nobody_panics() {
        let (shares, panics) = shares(&counts(&[(0, 10)]), 140, 0);
        assert_eq!((shares, panics), (vec![], vec![false]));
    }
}
