//! What proxies get, and when.

use tonic::Code;
use xds_proto::pb::envoy::admin::v3::ClustersConfigDump;
use xds_proto::pb::envoy::config::cluster::v3 as config;
use xds_proto::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use xds_proto::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest};
use xds_proto::pb::envoy::service::status::v3::{ClientConfig, ConfigStatus};
use xds_proto::pb::google::protobuf::Any;
use xds_proto::pb::google::rpc;
use xds_proto::resource::ResourceKind::{Cluster, Endpoint, Route};
use xds_proto::resource::{unpack, unpack_any};

use crate::plane::{Delta, Plane, StateOfTheWorld, cluster, node, soon};

fn addresses(any: Option<&Any>) -> Vec<String> {
    let assignment: ClusterLoadAssignment = unpack(any.unwrap()).unwrap();
    let endpoints = assignment
        .endpoints
        .iter()
        .flat_map(|locality| &locality.lb_endpoints);
    endpoints
        .map(|endpoint| format!("{endpoint:?}"))
        .filter_map(|text| {
            text.split("address: \"")
                .nth(1)
                .and_then(|rest| rest.split('"').next())
                .map(str::to_owned)
        })
        .collect()
}

async fn delta(plane: &Plane, pod: &str) -> Delta {
    Delta::open(plane.plaintext().await, node(pod, "default"), None)
        .await
        .unwrap()
}

#[tokio::test]
async fn delta_client_gets_clusters_then_endpoint_changes_alone() {
    let plane = Plane::start().await;
    let mut client = delta(&plane, "client-1").await;
    client.subscribe(Cluster, &[]).await;
    let clusters = client.accept(Cluster).await;
    assert!(
        clusters
            .resources
            .iter()
            .any(|r| r.name == cluster("reviews")),
        "{:?}",
        clusters.resources
    );
    client
        .subscribe(Endpoint, &[&cluster("reviews"), &cluster("ratings")])
        .await;
    assert_eq!(client.accept(Endpoint).await.resources.len(), 2);

    plane.write("reviews", &["10.1.0.1", "10.1.0.2"]);
    let changed = client.accept(Endpoint).await;
    assert_eq!(
        changed
            .resources
            .iter()
            .map(|r| &r.name)
            .collect::<Vec<_>>(),
        [&cluster("reviews")]
    );
    assert_eq!(
        addresses(changed.resources[0].resource.as_ref()),
        ["10.1.0.1", "10.1.0.2"]
    );
}

#[tokio::test]
async fn only_subscribers_hear_of_an_endpoint_change() {
    let plane = Plane::start().await;
    let mut interested = Vec::new();
    let mut others = Vec::new();
    for i in 0..8 {
        let mut client = delta(&plane, &format!("client-{i}")).await;
        let (service, list) = if i % 2 == 0 {
            ("reviews", &mut interested)
        } else {
            ("ratings", &mut others)
        };
        client.subscribe(Endpoint, &[&cluster(service)]).await;
        client.accept(Endpoint).await;
        list.push(client);
    }
    plane.write("reviews", &["10.1.0.9"]);
    for client in &mut interested {
        assert_eq!(
            client.accept(Endpoint).await.resources[0].name,
            cluster("reviews")
        );
    }
    for client in &mut others {
        // Had a push been sent, it would stand before this answer.
        client.subscribe(Route, &["no such route"]).await;
        assert_eq!(
            client.accept(Route).await.removed_resources,
            ["no such route"]
        );
    }
}

#[tokio::test]
async fn a_reconnecting_delta_client_gets_only_the_difference() {
    let plane = Plane::start().await;
    let mut client = delta(&plane, "client-1").await;
    client.subscribe(Cluster, &[]).await;
    let first = client.accept(Cluster).await;
    let held = |without: &str| -> DeltaDiscoveryRequest {
        let all = first
            .resources
            .iter()
            .map(|r| (r.name.clone(), r.version.clone()));
        let initial_resource_versions = all.filter(|(name, _)| name != without).collect();
        DeltaDiscoveryRequest {
            initial_resource_versions,
            ..Default::default()
        }
    };
    drop(client);
    let plane = plane.restart().await;

    let mut client = delta(&plane, "client-1").await;
    client.send(Cluster, held(&cluster("ratings"))).await;
    let second = client.accept(Cluster).await;
    assert_eq!(
        second.resources.iter().map(|r| &r.name).collect::<Vec<_>>(),
        [&cluster("ratings")]
    );
    assert!(second.removed_resources.is_empty());

    let mut client = delta(&plane, "client-1").await;
    client.send(Cluster, held("")).await;
    client.subscribe(Route, &["no such route"]).await;
    client.accept(Route).await;
}

#[tokio::test]
async fn a_removed_service_is_removed_by_name() {
    let plane = Plane::start().await;
    let mut client = delta(&plane, "client-1").await;
    client.subscribe(Cluster, &[]).await;
    client.accept(Cluster).await;
    plane.remove("ratings");
    loop {
        let update = client.accept(Cluster).await;
        if update.removed_resources.contains(&cluster("ratings")) {
            break;
        }
    }
}

#[tokio::test]
async fn a_rejection_is_shown_with_its_reason() {
    let plane = Plane::start().await;
    let mut client = delta(&plane, "client-1").await;
    client.subscribe(Endpoint, &[&cluster("reviews")]).await;
    client.accept(Endpoint).await;
    plane.write("reviews", &["10.1.0.7"]);
    let response = client.next().await.unwrap();
    let error_detail = Some(rpc::Status {
        message: "no thanks".into(),
        ..Default::default()
    });
    let nack = DeltaDiscoveryRequest {
        response_nonce: response.nonce,
        error_detail,
        ..Default::default()
    };
    client.send(Endpoint, nack).await;
    // The answer to this proves that the rejection before it was read.
    client.subscribe(Route, &["no such route"]).await;
    client.accept(Route).await;
    let page = plane.page("/debug/syncz").await;
    let all: serde_json::Value = serde_json::from_str(&page).unwrap();
    let endpoints = &all[0]["resources"][Endpoint.type_url()];
    assert_eq!(endpoints["lastError"], "no thanks", "{page}");
    assert_eq!(
        (endpoints["sent"].as_str(), endpoints["acked"].as_str()),
        (Some("2"), Some("1"))
    );
    plane.write("reviews", &["10.1.0.8"]);
    assert_eq!(
        addresses(client.accept(Endpoint).await.resources[0].resource.as_ref()),
        ["10.1.0.8"]
    );
}

#[tokio::test]
async fn sotw_client_gets_everything_and_resumes_by_version() {
    let plane = Plane::start().await;
    let open =
        async || StateOfTheWorld::open(plane.plaintext().await, node("client-1", "default")).await;
    let mut client = open().await;
    client
        .send(Cluster.type_url(), DiscoveryRequest::default())
        .await;
    let clusters = client.next().await;
    let ack = DiscoveryRequest {
        version_info: clusters.version_info.clone(),
        response_nonce: clusters.nonce.clone(),
        ..Default::default()
    };
    client.send(Cluster.type_url(), ack).await;
    let resource_names = vec![cluster("reviews")];
    client
        .send(
            Endpoint.type_url(),
            DiscoveryRequest {
                resource_names: resource_names.clone(),
                ..Default::default()
            },
        )
        .await;
    let endpoints = client.next().await;
    assert_eq!(addresses(endpoints.resources.first()), ["10.1.0.1"]);

    let mut client = open().await;
    let held = DiscoveryRequest {
        version_info: clusters.version_info,
        ..Default::default()
    };
    client.send(Cluster.type_url(), held).await;
    client
        .send(
            Endpoint.type_url(),
            DiscoveryRequest {
                resource_names,
                ..Default::default()
            },
        )
        .await;
    assert_eq!(
        client.next().await.type_url,
        Endpoint.type_url(),
        "the clusters were held already"
    );
}

#[tokio::test]
async fn istioctl_sees_connected_proxies_over_xds() {
    let plane = Plane::start().await;
    let mut proxy = delta(&plane, "client-1").await;
    proxy.subscribe(Endpoint, &[&cluster("reviews")]).await;
    proxy.accept(Endpoint).await;
    proxy.subscribe(Route, &["no such route"]).await;
    proxy.accept(Route).await;
    let mut istioctl =
        StateOfTheWorld::open(plane.plaintext().await, node("test-1", "default")).await;
    let request = DiscoveryRequest {
        response_nonce: "2026-11-21".into(),
        ..Default::default()
    };
    istioctl.send("istio.io/debug/syncz", request).await;
    let answer = istioctl.next().await;
    assert_eq!(answer.type_url, "istio.io/debug/syncz");
    let identifier: serde_json::Value =
        serde_json::from_str(&answer.control_plane.unwrap().identifier).unwrap();
    assert_eq!(identifier["Component"], "istiod");
    let config: ClientConfig = unpack_any(&answer.resources[0]).unwrap();
    assert_eq!(config.node.unwrap().id, "client-1.default");
    let endpoints = config
        .generic_xds_configs
        .iter()
        .find(|c| c.type_url == Endpoint.type_url())
        .unwrap();
    assert_eq!(endpoints.config_status(), ConfigStatus::Synced);
}

#[tokio::test]
async fn istioctl_compares_a_proxy_with_what_it_should_run() {
    let plane = Plane::start().await;
    let mut proxy = delta(&plane, "client-1").await;
    proxy.subscribe(Endpoint, &[&cluster("reviews")]).await;
    proxy.accept(Endpoint).await;
    for (name, sections) in [("client-1.default", 3), ("nobody.default", 0)] {
        let mut istioctl =
            StateOfTheWorld::open(plane.plaintext().await, node("test-1", "default")).await;
        let request = DiscoveryRequest {
            resource_names: vec![name.to_owned()],
            ..Default::default()
        };
        istioctl.send("istio.io/debug/config_dump", request).await;
        let answer = istioctl.next().await;
        assert_eq!(answer.resources.len(), sections, "{name}");
        let Some(section) = answer.resources.first() else {
            continue;
        };
        let dump: ClustersConfigDump = unpack_any(section).unwrap();
        let mut bodies = dump.dynamic_active_clusters.iter();
        assert!(bodies.any(|dynamic| {
            let body: config::Cluster = unpack(dynamic.cluster.as_ref().unwrap()).unwrap();
            body.name == cluster("reviews")
        }));
    }
}

#[tokio::test]
async fn a_proxy_that_is_gone_is_no_longer_listed() {
    let plane = Plane::start().await;
    let mut client = delta(&plane, "client-1").await;
    client.subscribe(Cluster, &[]).await;
    client.accept(Cluster).await;
    assert!(
        plane
            .page("/debug/syncz")
            .await
            .contains("client-1.default")
    );
    drop(client);
    soon(async {
        while plane
            .page("/debug/syncz")
            .await
            .contains("client-1.default")
        {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_node_that_does_not_parse_is_named() {
    let plane = Plane::start().await;
    let mut broken = node("client-1", "default");
    broken.id = "nonsense".into();
    let mut client = Delta::open(plane.plaintext().await, broken, None)
        .await
        .unwrap();
    client.subscribe(Cluster, &[]).await;
    let error = client.next().await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    assert!(error.message().contains("node.id"), "{error}");
}

#[tokio::test]
async fn the_monitoring_port_answers_in_istios_shapes() {
    let plane = Plane::start().await;
    let mut client = delta(&plane, "client-1").await;
    client.subscribe(Cluster, &[]).await;
    client.accept(Cluster).await;
    assert_eq!(plane.page("/ready").await, "ready\n");
    assert!(
        plane
            .page("/version")
            .await
            .starts_with(env!("CARGO_PKG_VERSION"))
    );
    assert!(plane.page("/nowhere").await.contains("/debug/syncz"));
}
