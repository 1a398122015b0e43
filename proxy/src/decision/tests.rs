use super::*;
use crate::listener::filter_chain::ChainMatch;
use crate::listener::{Bind, FilterChains, Inspect, ListenAddress};
use crate::transport::DownstreamTransport;

/// A listener that serves nothing.
fn listener(name: &str, address: &str, direction: Direction) -> Listener {
    let chain = FilterChain {
        name: "only".into(),
        matching: ChainMatch::default(),
        transport: DownstreamTransport::Plain,
        transport_connect_timeout: None,
        rbac: Vec::new(),
        handler: Handler::Refuse("a test serves nothing".into()),
        origin: Origin::default(),
    };
    Listener {
        name: name.into(),
        addresses: vec![ListenAddress {
            addr: address.parse().expect("an address"),
            ipv4_compat: false,
        }],
        bind: Bind {
            bind_to_port: false,
            reuse_port: false,
            transparent: false,
            freebind: false,
            backlog: 1,
            keepalive: None,
        },
        use_original_dst: false,
        recover_original_dst: false,
        direction,
        inspect: Inspect::default(),
        inspect_timeout: None,
        continue_on_timeout: false,
        chains: FilterChains::new(vec![Arc::new(chain)], None).expect("one chain"),
        access_logs: Vec::new(),
        stat_prefix: None,
        origin: Origin::default(),
        not_honoured: Vec::new(),
        raw: bytes::Bytes::new(),
    }
}

/// A sidecar's listeners: one that hands over what leaves, one that keeps what comes in, and services.
fn sidecar() -> Listeners {
    let outbound = Listener {
        use_original_dst: true,
        recover_original_dst: true,
        ..listener("virtualOutbound", "0.0.0.0:15001", Direction::Outbound)
    };
    let inbound = Listener {
        recover_original_dst: true,
        ..listener("virtualInbound", "0.0.0.0:15006", Direction::Inbound)
    };
    let store = Listeners::new();
    for one in [
        outbound,
        inbound,
        listener("one-service", "10.0.0.1:80", Direction::Outbound),
        listener("every-service", "0.0.0.0:80", Direction::Outbound),
    ] {
        store.apply(&Arc::clone(&one.name), Some(Arc::new(one)));
    }
    store
}

#[test]
fn the_listener_is_the_one_that_the_accept_side_hands_over_to() {
    let store = sidecar();
    let table = [
        (
            "10.0.0.1:80",
            Direction::Outbound,
            "one-service",
            Because::Address,
        ),
        (
            "10.0.0.2:80",
            Direction::Outbound,
            "every-service",
            Because::Port,
        ),
        (
            "10.0.0.2:81",
            Direction::Outbound,
            "virtualOutbound",
            Because::Accepted,
        ),
        (
            "10.0.0.1:80",
            Direction::Inbound,
            "virtualInbound",
            Because::Accepted,
        ),
    ];
    for (destination, side, name, why) in table {
        let destination = destination.parse().expect("an address");
        let all = store.snapshot();
        let (found, because) = find_listener(&all, side, destination).expect("a listener");
        assert_eq!(
            (&*found.name, because),
            (name, why),
            "{destination} {side:?}"
        );
    }
}

#[test]
fn without_redirection_the_socket_that_is_reached_decides() {
    let store = Listeners::new();
    let gateway = listener("gateway", "0.0.0.0:8080", Direction::Outbound);
    store.apply(&Arc::clone(&gateway.name), Some(Arc::new(gateway)));
    let all = store.snapshot();
    let find = |destination: &str| {
        let destination = destination.parse().expect("an address");
        find_listener(&all, Direction::Outbound, destination).map(|(_, because)| because)
    };
    assert_eq!(find("10.0.0.1:8080"), Some(Because::Port));
    assert_eq!(find("10.0.0.1:8081"), None);
    assert_eq!(find("[fd00::1]:8080"), None, "it is no IPv6 listener");
}
