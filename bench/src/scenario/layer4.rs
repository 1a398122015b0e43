//! TCP: bytes, small exchanges, connections, handshakes.

use super::shape::{ECHO, GREETING, TLS, TLS_FULL, churn, paced, saturated, scenario, traffic};
use super::{Scenario, Work};
use crate::certificate::Key;
use crate::exchange::Exchange;
use crate::topology::Topology;

pub(super) fn all() -> Vec<Scenario> {
    use Topology::OneHop;
    let download = |connections| Work::Traffic(traffic(Exchange::Download, connections));
    let handshakes = scenario(
        "handshake",
        TLS_FULL,
        churn(GREETING, 8),
        "a full mTLS handshake for each TCP connection, both sides, P-256 keys",
    );
    vec![
        scenario(
            "l4-bytes-1",
            OneHop,
            download(1),
            "TCP bytes, one hop plaintext, one connection",
        ),
        scenario(
            "l4-bytes-8",
            OneHop,
            download(8),
            "TCP bytes, one hop plaintext, 8 connections",
        ),
        scenario(
            "mtls-l4-bytes-1",
            TLS,
            download(1),
            "TCP bytes, two hops mTLS, one connection",
        ),
        scenario(
            "mtls-l4-bytes-8",
            TLS,
            download(8),
            "TCP bytes, two hops mTLS, 8 connections",
        ),
        scenario(
            "l4-echo",
            OneHop,
            saturated(ECHO),
            "TCP, 1 KiB there and back, one hop plaintext, saturated",
        ),
        scenario(
            "mtls-l4-echo",
            TLS,
            saturated(ECHO),
            "TCP, 1 KiB there and back, two hops mTLS, saturated",
        ),
        scenario(
            "mtls-l4-rate",
            TLS,
            paced(ECHO),
            "TCP, 1 KiB there and back, two hops mTLS, 3,000/s",
        ),
        scenario(
            "l4-churn",
            OneHop,
            churn(GREETING, 64),
            "a new TCP connection for each exchange, one hop plaintext",
        ),
        scenario(
            "mtls-l4-churn",
            TLS,
            churn(GREETING, 8),
            "a new TCP connection for each exchange, two hops mTLS, sessions resumed where the peer does so by default",
        ),
        handshakes.clone(),
        Scenario {
            name: "handshake-rsa",
            key: Key::Rsa2048,
            what: "a full mTLS handshake for each TCP connection, both sides, RSA-2048 keys",
            ..handshakes
        },
    ]
}
