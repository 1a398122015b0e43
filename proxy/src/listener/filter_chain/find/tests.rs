use super::*;
use crate::config::origin::Origin;
use crate::listener::Handler;
use crate::listener::filter_chain::DetectedTransport;
use crate::transport::DownstreamTransport;

fn chain(name: &str, matching: ChainMatch) -> Arc<FilterChain> {
    Arc::new(FilterChain {
        name: name.into(),
        matching,
        transport: DownstreamTransport::Plain,
        transport_connect_timeout: None,
        rbac: Vec::new(),
        handler: Handler::Refuse("a test serves nothing".into()),
        origin: Origin::default(),
    })
}

fn chains(list: Vec<(&str, ChainMatch)>) -> FilterChains {
    let list = list
        .into_iter()
        .map(|(name, matching)| chain(name, matching))
        .collect();
    FilterChains::new(list, None).expect("no two of them overlap")
}

fn facts(destination: &str) -> ConnectionFacts {
    ConnectionFacts::plain(
        "10.0.0.9:40000".parse().expect("an address"),
        destination.parse().expect("an address"),
    )
}

fn tls(destination: &str, name: &str, alpn: &[&str]) -> ConnectionFacts {
    ConnectionFacts {
        server_name: Some(name.into()),
        transport: DetectedTransport::Tls,
        application_protocols: alpn.iter().map(|one| one.as_bytes().into()).collect(),
        ..facts(destination)
    }
}

fn found<'a>(chains: &'a FilterChains, facts: &ConnectionFacts) -> &'a str {
    chains.find(facts).map_or("none", |chain| &chain.name)
}

fn prefix(net: &str) -> ChainMatch {
    ChainMatch {
        destination_prefixes: vec![net.parse().expect("a network")],
        ..ChainMatch::default()
    }
}

#[test]
fn the_longest_prefix_wins_and_a_port_wins_over_all() {
    let port = ChainMatch {
        destination_port: Some(443),
        ..ChainMatch::default()
    };
    let chains = chains(vec![
        ("ten", prefix("10.0.0.0/8")),
        ("host", prefix("10.1.1.1/32")),
        ("rest", ChainMatch::default()),
        ("port", port),
    ]);
    for (destination, wanted) in [
        ("10.2.0.1:80", "ten"),
        ("10.1.1.1:80", "host"),
        ("192.168.0.1:80", "rest"),
        ("10.1.1.1:443", "port"),
        ("[::ffff:10.1.1.1]:80", "host"),
    ] {
        assert_eq!(found(&chains, &facts(destination)), wanted, "{destination}");
    }
}

#[test]
fn exact_names_win_over_the_longest_wildcard_and_nothing_goes_back() {
    let named = |names: Vec<ServerName>| ChainMatch {
        server_names: names,
        ..ChainMatch::default()
    };
    let exact = ChainMatch {
        application_protocols: vec![(*b"h2").into()],
        ..named(vec![ServerName::Exact("a.example.com".into())])
    };
    let chains = chains(vec![
        ("exact", exact),
        (
            "wild",
            named(vec![ServerName::Suffix(".example.com".into())]),
        ),
        ("top", named(vec![ServerName::Suffix(".com".into())])),
        ("rest", ChainMatch::default()),
    ]);
    for (name, alpn, wanted) in [
        ("a.example.com", "h2", "exact"),
        ("a.example.com", "http/1.1", "none"),
        ("b.example.com", "h2", "wild"),
        ("example.com", "h2", "top"),
        ("example.org", "h2", "rest"),
    ] {
        assert_eq!(
            found(&chains, &tls("10.0.0.1:443", name, &[alpn])),
            wanted,
            "{name} {alpn}"
        );
    }
}

#[test]
fn istio_inbound_chains_are_told_apart_by_transport_and_alpn() {
    let of = |transport, alpn: &[&str]| ChainMatch {
        transport: Some(transport),
        application_protocols: alpn.iter().map(|one| one.as_bytes().into()).collect(),
        ..ChainMatch::default()
    };
    let chains = chains(vec![
        (
            "mtls-http",
            of(DetectedTransport::Tls, &["istio-http/1.1", "istio-h2"]),
        ),
        ("mtls-tcp", of(DetectedTransport::Tls, &["istio"])),
        (
            "plain-http",
            of(DetectedTransport::RawBuffer, &["http/1.1", "h2c"]),
        ),
        ("plain-tcp", of(DetectedTransport::RawBuffer, &[])),
    ]);
    let plain = |alpn: &str| ConnectionFacts {
        application_protocols: vec![alpn.as_bytes().into()],
        ..facts("10.0.0.1:80")
    };
    assert_eq!(
        found(&chains, &tls("10.0.0.1:80", "x", &["istio-h2", "h2"])),
        "mtls-http"
    );
    assert_eq!(
        found(&chains, &tls("10.0.0.1:80", "x", &["istio"])),
        "mtls-tcp"
    );
    assert_eq!(found(&chains, &plain("http/1.1")), "plain-http");
    assert_eq!(found(&chains, &facts("10.0.0.1:80")), "plain-tcp");
    let nobody = chains
        .find(&tls("10.0.0.1:80", "x", &["h2"]))
        .expect_err("no chain has this ALPN");
    assert_eq!(nobody.step, Step::ApplicationProtocol);
}

#[test]
fn local_sources_are_told_from_others() {
    let of = |source_type| ChainMatch {
        source_type,
        ..ChainMatch::default()
    };
    let chains = chains(vec![
        ("local", of(SourceType::SameIpOrLoopback)),
        ("other", of(SourceType::External)),
    ]);
    assert_eq!(found(&chains, &facts("10.0.0.9:80")), "local");
    assert_eq!(found(&chains, &facts("10.0.0.1:80")), "other");
}

#[test]
fn chains_that_match_the_same_are_refused() {
    let both = vec![
        chain("a", prefix("10.0.0.0/8")),
        chain("b", prefix("10.0.0.0/8")),
    ];
    let error = FilterChains::new(both, None).expect_err("they overlap");
    assert_eq!((&*error.first, &*error.second), ("a", "b"));
}

#[test]
fn the_default_chain_takes_what_no_other_matches() {
    let port = chain(
        "port",
        ChainMatch {
            destination_port: Some(80),
            ..ChainMatch::default()
        },
    );
    let chains = FilterChains::new(vec![port], Some(chain("default", ChainMatch::default())))
        .expect("no overlap");
    assert_eq!(found(&chains, &facts("10.0.0.1:81")), "default");
}
