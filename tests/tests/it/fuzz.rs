//! The fuzz targets, for a moment.

use proptest::prelude::*;
use tulle_tests::fuzz;

/// Texts and bytes from which the targets' inputs are damaged.
const SEEDS: [&[u8]; 8] = [
    b"outbound|80|v1|reviews.default.svc.cluster.local",
    b"outbound_.80_.v1_.reviews.default.svc.cluster.local",
    b"spiffe://cluster.local/ns/default/sa/reviews",
    b"sidecar~10.0.0.7~reviews-v1.default~default.svc.cluster.local",
    b"2001:db8::1_443",
    b"1m30.5s",
    b"\x0a\x0eoutbound|80||a\x12\x03abc",
    b"\x0a\x0e\x0a\x04NAME\x12\x06\x1a\x04pods\x0a\x0f\x0a\x06LABELS\x12\x05\x2a\x03\x0a\x01a",
];

/// Any bytes, or a seed with some bytes replaced.
fn input() -> impl Strategy<Value = Vec<u8>> {
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    let damaged = (prop::sample::select(&SEEDS[..]), edits).prop_map(|(seed, edits)| {
        let mut bytes = seed.to_vec();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    });
    prop_oneof![damaged, prop::collection::vec(any::<u8>(), 0..300)]
}

proptest! {
    #[test]
    fn names_hold(data in input()) {
        fuzz::names(&data);
    }

    #[test]
    fn nodes_hold(data in input()) {
        fuzz::node(&data);
    }

    #[test]
    fn xds_holds(data in input()) {
        fuzz::xds(&data);
    }
}
