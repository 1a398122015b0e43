use xds_proto::pb::envoy::config::cluster::v3 as pb;

use super::*;
use crate::cluster::Cluster;
use crate::cluster::endpoint::EndpointFacts;
use crate::cluster::outlier::Outcome;
use crate::config::not_honoured::NotHonouredFields;
use crate::config::wire::Conversion;
use crate::http::route::Routes;
use crate::secret::Secrets;
use crate::transport::Address;

/// A cluster from the wire message, so that defaults are those of the conversion.
fn cluster(message: pb::Cluster) -> Cluster {
    let (secrets, routes) = (Secrets::new(), Routes::new());
    let cx = Conversion {
        secrets: &secrets,
        routes: &routes,
        notes: NotHonouredFields::of("cluster", "test"),
    };
    let message = pb::Cluster {
        name: "test".into(),
        ..message
    };
    let (config, _) =
        ClusterConfig::from_proto(message, bytes::Bytes::new(), cx).expect("a valid cluster");
    Cluster::new(config)
}

fn host(port: u16, weight: u32) -> Host {
    let facts = EndpointFacts::at(Address::Ip(SocketAddr::from(([10, 0, 0, 1], port))));
    Host {
        endpoint: Arc::new(Endpoint::new(facts)),
        weight,
        health: HostHealth::Healthy,
    }
}

fn set(hosts: impl IntoIterator<Item = (u32, Host)>) -> EndpointSet {
    let mut set = EndpointSet::default();
    for (priority, host) in hosts {
        set.add(priority, None, host);
    }
    set
}

fn port(cluster: &Cluster, rng: &mut fastrand::Rng) -> Result<u16, PickError> {
    let subset = SubsetMatch::default();
    let mut facts = PickFacts {
        hash: None,
        subset: &subset,
        original_dst: None,
        excluded: &[],
        attempts: 0,
        rng,
    };
    cluster
        .pick(&mut facts)
        .map(|picked| match &picked.endpoint.facts.address {
            Address::Ip(addr) => addr.port(),
            Address::Unix(_) => 0,
        })
}

fn counts(cluster: &Cluster, draws: usize) -> Vec<(u16, usize)> {
    let mut rng = fastrand::Rng::with_seed(7);
    let mut all = std::collections::BTreeMap::new();
    for _ in 0..draws {
        *all.entry(port(cluster, &mut rng).expect("an endpoint"))
            .or_insert(0) += 1;
    }
    all.into_iter().collect()
}

#[test]
fn round_robin_follows_weights_exactly() {
    let cluster = cluster(pb::Cluster::default());
    cluster.apply_endpoints(set([(0, host(1, 1)), (0, host(2, 3))]));
    assert_eq!(counts(&cluster, 40), [(1, 10), (2, 30)]);
}

#[test]
fn an_empty_cluster_and_one_without_health_say_so() {
    let rng = &mut fastrand::Rng::with_seed(1);
    let message = pb::Cluster {
        common_lb_config: Some(pb::cluster::CommonLbConfig {
            healthy_panic_threshold: Some(xds_proto::pb::envoy::r#type::v3::Percent { value: 0.0 }),
            ..Default::default()
        }),
        ..Default::default()
    };
    let cluster = cluster(message);
    assert_eq!(port(&cluster, rng), Err(PickError::Empty));
    cluster.apply_endpoints(set([(
        0,
        Host {
            health: HostHealth::Unhealthy,
            ..host(1, 1)
        },
    )]));
    assert_eq!(port(&cluster, rng), Err(PickError::NoneHealthy));
}

#[test]
fn in_panic_unhealthy_endpoints_serve() {
    let cluster = cluster(pb::Cluster::default());
    cluster.apply_endpoints(set([(
        0,
        Host {
            health: HostHealth::Unhealthy,
            ..host(1, 1)
        },
    )]));
    assert_eq!(port(&cluster, &mut fastrand::Rng::with_seed(1)), Ok(1));
}

#[test]
fn a_lower_priority_serves_when_the_first_is_gone() {
    let cluster = cluster(pb::Cluster::default());
    let gone = Host {
        health: HostHealth::Unhealthy,
        ..host(1, 1)
    };
    cluster.apply_endpoints(set([(0, gone), (1, host(2, 1))]));
    assert_eq!(counts(&cluster, 10), [(2, 10)]);
}

#[test]
fn unchanged_endpoints_keep_their_identity_over_an_update() {
    let cluster = cluster(pb::Cluster::default());
    cluster.apply_endpoints(set([(0, host(1, 1))]));
    let before = Arc::clone(
        &cluster
            .endpoints()
            .hosts()
            .next()
            .expect("one endpoint")
            .endpoint,
    );
    cluster.apply_endpoints(set([(0, host(1, 5)), (0, host(2, 1))]));
    let kept = cluster
        .endpoints()
        .hosts()
        .any(|host| Arc::ptr_eq(&host.endpoint, &before));
    assert!(kept, "a new weight is no new endpoint");
}

#[test]
fn an_excluded_endpoint_is_avoided_while_there_is_another() {
    let cluster = cluster(pb::Cluster::default());
    cluster.apply_endpoints(set([(0, host(1, 1)), (0, host(2, 1))]));
    let tried = cluster
        .endpoints()
        .hosts()
        .next()
        .expect("two endpoints")
        .endpoint
        .id;
    let subset = SubsetMatch::default();
    for seed in 0..20 {
        let rng = &mut fastrand::Rng::with_seed(seed);
        let mut facts = PickFacts {
            hash: None,
            subset: &subset,
            original_dst: None,
            excluded: &[tried],
            attempts: 3,
            rng,
        };
        assert_ne!(
            cluster.pick(&mut facts).expect("an endpoint").endpoint.id,
            tried
        );
    }
}

#[test]
fn least_request_prefers_the_idle_one() {
    let message = pb::Cluster {
        lb_policy: pb::cluster::LbPolicy::LeastRequest.into(),
        ..Default::default()
    };
    let cluster = cluster(message);
    cluster.apply_endpoints(set([(0, host(1, 1)), (0, host(2, 1))]));
    let busy = Arc::clone(
        &cluster
            .endpoints()
            .hosts()
            .next()
            .expect("two endpoints")
            .endpoint,
    );
    let _held: Vec<_> = (0..8).map(|_| busy.begin()).collect();
    let counts = counts(&cluster, 400);
    assert!(counts[0].1 < counts[1].1 / 2, "{counts:?}");
}

#[test]
fn hashing_keeps_a_request_on_its_endpoint() {
    for policy in [
        pb::cluster::LbPolicy::RingHash,
        pb::cluster::LbPolicy::Maglev,
    ] {
        let cluster = cluster(pb::Cluster {
            lb_policy: policy.into(),
            ..Default::default()
        });
        cluster.apply_endpoints(set((1..=5).map(|port| (0, host(port, 1)))));
        let subset = SubsetMatch::default();
        let of = |hash: u64| {
            let rng = &mut fastrand::Rng::new();
            let mut facts = PickFacts {
                hash: Some(hash),
                subset: &subset,
                original_dst: None,
                excluded: &[],
                attempts: 0,
                rng,
            };
            cluster.pick(&mut facts).expect("an endpoint").endpoint.id
        };
        let spread: std::collections::HashSet<_> = (0..200u64)
            .map(|n| of(n.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
            .collect();
        assert_eq!(of(42), of(42));
        assert_eq!(spread.len(), 5, "{policy:?} uses every endpoint");
    }
}

#[test]
fn an_endpoint_is_ejected_after_failures_in_a_row_and_no_more_than_the_share() {
    let rules = pb::OutlierDetection {
        consecutive_5xx: Some(wrapped(3)),
        max_ejection_percent: Some(wrapped(50)),
        ..Default::default()
    };
    let cluster = cluster(pb::Cluster {
        outlier_detection: Some(rules),
        ..Default::default()
    });
    cluster.apply_endpoints(set([(0, host(1, 1)), (0, host(2, 1))]));
    let both: Vec<_> = cluster
        .endpoints()
        .hosts()
        .map(|host| Arc::clone(&host.endpoint))
        .collect();
    for endpoint in &both {
        for _ in 0..3 {
            cluster.report(endpoint, Outcome::Status(503));
        }
    }
    assert!(both[0].outlier.is_ejected());
    assert!(
        !both[1].outlier.is_ejected(),
        "half of the endpoints must stay"
    );
    assert_eq!(counts(&cluster, 10), [(2, 10)]);
}

#[test]
fn original_destinations_become_endpoints() {
    let kind =
        pb::cluster::ClusterDiscoveryType::Type(pb::cluster::DiscoveryType::OriginalDst.into());
    let message = pb::Cluster {
        cluster_discovery_type: Some(kind),
        lb_policy: pb::cluster::LbPolicy::ClusterProvided.into(),
        ..Default::default()
    };
    let cluster = cluster(message);
    let subset = SubsetMatch::default();
    let rng = &mut fastrand::Rng::new();
    let original_dst = Some(SocketAddr::from(([10, 9, 8, 7], 6)));
    let mut facts = PickFacts {
        hash: None,
        subset: &subset,
        original_dst,
        excluded: &[],
        attempts: 0,
        rng,
    };
    let first = cluster
        .pick(&mut facts)
        .expect("the destination is known")
        .endpoint;
    let again = cluster
        .pick(&mut facts)
        .expect("the destination is known")
        .endpoint;
    assert!(Arc::ptr_eq(&first, &again));
    facts.original_dst = None;
    assert_eq!(
        cluster.pick(&mut facts).expect_err("nowhere to go"),
        PickError::NoDestination
    );
}

fn wrapped(value: u32) -> xds_proto::pb::google::protobuf::UInt32Value {
    xds_proto::pb::google::protobuf::UInt32Value { value }
}
