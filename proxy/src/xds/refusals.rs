//! When a refusal is sent. A server that answers each refusal with the same resource again would otherwise keep both sides
//! busy: the second refusal in a row waits, and each one after it longer.

use std::collections::BTreeMap;

use tokio::time::Instant;
use xds_proto::resource::ResourceKind;

use super::backoff::Backoff;
use super::subscription::Request;

/// Refusals of one stream that wait.
#[derive(Debug, Default)]
pub(super) struct Refusals(BTreeMap<ResourceKind, InARow>);

#[derive(Debug)]
struct InARow {
    backoff: Backoff,
    held: Option<(Instant, Request)>,
}

impl Refusals {
    /// Something of this type was accepted whole.
    pub(super) fn accepted(&mut self, kind: ResourceKind) {
        self.0.remove(&kind);
    }

    /// Something was refused; the refusal comes back if it is to be sent at once. One that waits already is replaced: the
    /// newest response is the one to be answered.
    pub(super) fn refused(
        &mut self,
        kind: ResourceKind,
        refusal: Request,
        now: Instant,
    ) -> Option<Request> {
        let Some(row) = self.0.get_mut(&kind) else {
            let first = InARow {
                backoff: Backoff::new(),
                held: None,
            };
            self.0.insert(kind, first);
            return Some(refusal);
        };
        let until = match &row.held {
            Some((until, _)) => *until,
            None => now + row.backoff.next(),
        };
        row.held = Some((until, refusal));
        None
    }

    /// When the next one is to be sent.
    pub(super) fn next(&self) -> Option<Instant> {
        let held = self.0.values().filter_map(|row| row.held.as_ref());
        held.map(|(until, _)| *until).min()
    }

    /// Takes out those that are to be sent now.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Request> {
        let due = |row: &mut InARow| row.held.take_if(|(until, _)| *until <= now);
        let due = self.0.values_mut().filter_map(due);
        due.map(|(_, refusal)| refusal).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use xds_proto::pb::envoy::service::discovery::v3::DeltaDiscoveryRequest;

    fn refusal(nonce: &str) -> Request {
        Request::Delta(DeltaDiscoveryRequest {
            response_nonce: nonce.to_owned(),
            ..Default::default()
        })
    }

    #[test]
    fn the_first_refusal_goes_at_once_and_those_after_it_wait_longer_and_longer() {
        let (mut refusals, kind) = (Refusals::default(), ResourceKind::Cluster);
        let mut now = Instant::now();
        assert_eq!(
            refusals.refused(kind, refusal("1"), now),
            Some(refusal("1"))
        );
        let mut waits = Vec::new();
        for nonce in ["2", "3", "4", "5"] {
            assert_eq!(refusals.refused(kind, refusal(nonce), now), None);
            let until = refusals.next().unwrap();
            assert_eq!(refusals.take_due(now), []);
            waits.push(until - now);
            now = until;
            assert_eq!(refusals.take_due(now), [refusal(nonce)]);
        }
        assert!(waits[3] > waits[0] && waits[0] >= Duration::from_millis(50));
        refusals.accepted(kind);
        assert!(refusals.refused(kind, refusal("6"), now).is_some());
    }

    #[test]
    fn a_newer_response_is_answered_in_place_of_the_one_that_waits() {
        let (mut refusals, kind, now) =
            (Refusals::default(), ResourceKind::Cluster, Instant::now());
        refusals.refused(kind, refusal("1"), now);
        refusals.refused(kind, refusal("2"), now);
        let until = refusals.next().unwrap();
        refusals.refused(kind, refusal("3"), now);
        assert_eq!(refusals.next(), Some(until));
        assert_eq!(refusals.take_due(until), [refusal("3")]);
    }
}
