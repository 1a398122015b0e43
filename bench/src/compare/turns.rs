//! Whose turn it is when.

use crate::peer::Peer;

/// Places of `peers` in the order of a round: the way without proxies first, since the others are held against it, then the peers,
/// each round beginning with another one. Rows of one peer stay together.
pub(super) fn of_round(peers: &[&Peer], round: usize) -> Vec<usize> {
    let (direct, others): (Vec<usize>, Vec<usize>) =
        (0..peers.len()).partition(|at| *peers[*at] == Peer::Direct);
    let mut groups: Vec<&[usize]> = others
        .chunk_by(|one, next| peers[*one] == peers[*next])
        .collect();
    if !groups.is_empty() {
        let first = round % groups.len();
        groups.rotate_left(first);
    }
    [direct, groups.concat()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_begin_with_direct_and_then_another_peer_each() {
        let peers = [
            &Peer::Envoy,
            &Peer::Envoy,
            &Peer::Direct,
            &Peer::Haproxy,
            &Peer::Nginx,
        ];
        for (round, order) in [
            (0, [2, 0, 1, 3, 4]),
            (1, [2, 3, 4, 0, 1]),
            (2, [2, 4, 0, 1, 3]),
            (3, [2, 0, 1, 3, 4]),
        ] {
            assert_eq!(of_round(&peers, round), order);
        }
        assert!(of_round(&[], 1).is_empty());
    }
}
