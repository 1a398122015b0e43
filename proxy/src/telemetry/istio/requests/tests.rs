use xds_proto::pb::envoy::config::metrics::v3 as pb;
use xds_proto::pb::envoy::config::metrics::v3::TagSpecifier;
use xds_proto::pb::envoy::config::metrics::v3::tag_specifier::TagValue;

use super::*;
use crate::config::not_honoured::NotHonouredFields;
use crate::telemetry::metrics::StatsConfig;

const CLIENT: &str = "spiffe://cluster.local/ns/shop/sa/web";
const SERVER: &str = "spiffe://cluster.local/ns/store/sa/api";

fn own() -> Arc<Workload> {
    let text = |text: &str| Some(text.into());
    Arc::new(Workload {
        name: text("web-v1"),
        namespace: text("shop"),
        app: text("web"),
        version: text("v1"),
        canonical_service: text("web"),
        canonical_revision: text("v1"),
        cluster: text("east"),
        ..Workload::default()
    })
}

fn traffic(reporter: Reporter) -> Traffic<&'static str> {
    Traffic {
        reporter,
        protocol: Protocol::Http,
        status: 200,
        flags: ResponseFlags::default(),
        service: Service::default(),
        peer: Peer::Unknown,
        peer_principal: None,
        own_principal: None,
    }
}

const ONE: Measured = Measured {
    milliseconds: 3.0,
    request_bytes: 40,
    response_bytes: 2_000,
};

/// The only series of `istio_requests_total` after one request, as it is scraped.
fn scraped(traffic: &Traffic<&str>) -> String {
    let registry = Registry::new();
    let shard = registry.shard();
    RequestMetrics::new(registry.clone(), own()).count(&shard, traffic, ONE);
    let text = registry.render_prometheus();
    let line = text
        .lines()
        .find(|line| line.starts_with("istio_requests_total"));
    line.expect("one series").to_owned()
}

#[test]
fn a_client_reports_the_whole_label_set_in_istios_order() {
    let seen = Traffic {
        flags: ResponseFlags::UPSTREAM_OVERFLOW,
        status: 503,
        service: Service {
            host: Some("api.store.svc.cluster.local"),
            name: Some("api"),
            namespace: Some("store"),
        },
        peer: Peer::Endpoint("api-v2;store;api;v2;west"),
        peer_principal: Some(SERVER),
        own_principal: Some(CLIENT),
        ..traffic(Reporter::Source)
    };
    let expected = "istio_requests_total{reporter=\"source\",source_workload=\"web-v1\",\
        source_canonical_service=\"web\",source_canonical_revision=\"v1\",source_workload_namespace=\"shop\",\
        source_principal=\"spiffe://cluster.local/ns/shop/sa/web\",source_app=\"web\",source_version=\"v1\",\
        source_cluster=\"east\",destination_workload=\"api-v2\",destination_workload_namespace=\"store\",\
        destination_principal=\"spiffe://cluster.local/ns/store/sa/api\",destination_app=\"unknown\",\
        destination_version=\"unknown\",destination_service=\"api.store.svc.cluster.local\",\
        destination_canonical_service=\"api\",destination_canonical_revision=\"v2\",\
        destination_service_name=\"api\",destination_service_namespace=\"store\",destination_cluster=\"west\",\
        request_protocol=\"http\",response_code=\"503\",grpc_response_status=\"\",response_flags=\"UO\",\
        connection_security_policy=\"unknown\"} 1";
    assert_eq!(scraped(&seen), expected);
}

#[test]
fn a_server_believes_the_certificate_before_the_words_of_its_peer() {
    let peer = Workload {
        namespace: Some("another".into()),
        name: Some("web-v1".into()),
        ..Workload::default()
    };
    let seen = Traffic {
        protocol: Protocol::Grpc(Some(14)),
        peer: Peer::Heard(Rc::new(peer)),
        peer_principal: Some(CLIENT),
        own_principal: Some(SERVER),
        ..traffic(Reporter::Destination)
    };
    let line = scraped(&seen);
    for part in [
        "source_workload=\"web-v1\"",
        "source_workload_namespace=\"shop\"",
        "source_canonical_revision=\"latest\"",
        "destination_service=\"web\"",
        "request_protocol=\"grpc\"",
        "grpc_response_status=\"14\"",
        "connection_security_policy=\"mutual_tls\"",
    ] {
        assert!(line.contains(part), "{part} in {line}");
    }
    let plain = scraped(&traffic(Reporter::Destination));
    assert!(
        plain.contains("connection_security_policy=\"none\""),
        "{plain}"
    );
    assert!(plain.contains("source_principal=\"unknown\""), "{plain}");
}

#[test]
fn what_was_met_before_is_counted_in_the_same_series() {
    let registry = Registry::new();
    let shard = registry.shard();
    let standard = RequestMetrics::new(registry.clone(), own());
    for _ in 0..3 {
        standard.count(&shard, &traffic(Reporter::Source), ONE);
    }
    assert_eq!(standard.known.borrow().all.len(), 1);
    let text = registry.render_prometheus();
    assert!(
        text.contains("connection_security_policy=\"unknown\"} 3\n"),
        "{text}"
    );
    assert!(
        text.contains("connection_security_policy=\"unknown\",le=\"5\"} 3\n"),
        "{text}"
    );
}

#[test]
fn more_services_than_may_be_counted_share_the_overflow_series() {
    let registry = Registry::new();
    let shard = registry.shard();
    let standard = RequestMetrics::new(registry.clone(), own());
    for number in 0..MOST_KNOWN + 10 {
        let host = format!("{number}.example");
        let seen = Traffic {
            service: Service {
                host: Some(host.as_str()),
                ..Service::default()
            },
            ..traffic(Reporter::Source)
        };
        standard.count(&shard, &seen, ONE);
    }
    assert!(standard.known.borrow().all.len() <= MOST_KNOWN);
    let text = registry.render_prometheus();
    let lines = text
        .lines()
        .filter(|line| line.starts_with("istio_requests_total"));
    assert_eq!(lines.count(), 2_501);
    assert!(text.contains("istio_requests_total{reporter=\"overflow\""));
}

#[test]
fn no_label_of_these_metrics_can_be_a_fixed_one() {
    let line = scraped(&traffic(Reporter::Source));
    let (_, labels) = line.split_once('{').expect("labels");
    let names = labels.split("\",").map(|label| label.split('=').next());
    let mut checked = 0;
    for name in names {
        let tag = TagSpecifier {
            tag_name: name.expect("a name").to_owned(),
            tag_value: Some(TagValue::FixedValue("x".to_owned())),
        };
        let message = pb::StatsConfig {
            stats_tags: vec![tag.clone()],
            ..pb::StatsConfig::default()
        };
        let mut notes = NotHonouredFields::of("bootstrap", "");
        let read = StatsConfig::from_proto(message, "stats_config", &mut notes);
        assert!(read.is_err(), "{}", tag.tag_name);
        checked += 1;
    }
    assert_eq!(checked, 25);
}
