//! What a service costs while it is not used: the mesh is large, and every sidecar holds all of it.

use super::*;
use crate::config::bootstrap;

const SERVICES: usize = 1000;

/// A cluster as a mesh's control plane sends it: mesh TLS to endpoints with a sidecar, plaintext to others.
fn mesh_cluster(name: &str) -> Incoming {
    let text = format!(
        r#"
static_resources:
  clusters:
  - name: {name}
    type: EDS
    eds_cluster_config: {{eds_config: {{ads: {{}}}}, service_name: {name}}}
    connect_timeout: 10s
    circuit_breakers: {{thresholds: [{{max_connections: 4294967295, max_pending_requests: 4294967295, max_requests: 4294967295, max_retries: 4294967295}}]}}
    metadata: {{filter_metadata: {{istio: {{config: /apis/networking.istio.io/v1/namespaces/default/destination-rule/{name}}}}}}}
    transport_socket_matches:
    - name: tlsMode-istio
      match: {{tlsMode: istio}}
      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
          sni: {name}
          common_tls_context:
            alpn_protocols: [istio]
            tls_certificate_sds_secret_configs:
            - name: default
              sds_config: {{api_config_source: {{api_type: GRPC, grpc_services: [{{envoy_grpc: {{cluster_name: sds-grpc}}}}]}}}}
            combined_validation_context:
              default_validation_context:
                match_typed_subject_alt_names: [{{san_type: URI, matcher: {{exact: spiffe://cluster.local/ns/default/sa/default}}}}]
              validation_context_sds_secret_config:
                name: ROOTCA
                sds_config: {{api_config_source: {{api_type: GRPC, grpc_services: [{{envoy_grpc: {{cluster_name: sds-grpc}}}}]}}}}
    - name: tlsMode-disabled
      match: {{}}
      transport_socket: {{name: envoy.transport_sockets.raw_buffer, typed_config: {{'@type': type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer}}}}
"#
    );
    let bootstrap = bootstrap::parse(&text, "test").unwrap();
    packed(&bootstrap.clusters[0])
}

/// Ten endpoints with a sidecar, as a control plane describes them.
fn mesh_endpoints(name: &str) -> Incoming {
    let text = |value: &str| xds_proto::pb::google::protobuf::Value {
        kind: Some(xds_proto::pb::google::protobuf::value::Kind::StringValue(
            value.to_owned(),
        )),
    };
    let fields = |pairs: &[(&str, &str)]| xds_proto::pb::google::protobuf::Struct {
        fields: pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), text(value)))
            .collect(),
    };
    let Incoming { body, .. } = assignment(name, &(1..=10).collect::<Vec<_>>());
    let mut message: endpoint::ClusterLoadAssignment = unpacked(&body);
    for one in &mut message.endpoints[0].lb_endpoints {
        let workload = fields(&[("workload", "web-v1;default;web;v1;Kubernetes")]);
        let mode = fields(&[("tlsMode", "istio")]);
        one.metadata = Some(core::Metadata {
            filter_metadata: [
                ("istio".to_owned(), workload),
                ("envoy.transport_socket_match".to_owned(), mode),
            ]
            .into(),
            ..Default::default()
        });
    }
    packed(&message)
}

#[test]
fn a_service_with_ten_endpoints_is_kept_in_less_than_ten_kilobytes() {
    let stores = Stores::default();
    on_control_runtime(|| {
        let mut applier = applier(&stores);
        let names: Vec<_> = (0..SERVICES)
            .map(|number| format!("outbound|80||s{number}.default.svc.cluster.local"))
            .collect();
        // read once, renamed for each: reading YAML is not what is measured
        let template = mesh_cluster("NAME");
        let template: pb::Cluster = unpacked(&template.body);
        let cluster = |name: &String| {
            let mut cluster = template.clone();
            cluster.name.clone_from(name);
            if let Some(eds) = &mut cluster.eds_cluster_config {
                eds.service_name.clone_from(name);
            }
            packed(&cluster)
        };
        let before = allocations::live();
        let response = delta(
            ResourceKind::Cluster,
            names.iter().map(cluster).collect(),
            &[],
        );
        drop(applier.apply(&Source::Ads, response));
        let clusters = allocations::live() - before;
        stores.secrets.apply("default", roots());
        stores.secrets.apply("ROOTCA", roots());
        drop(applier.take_changes(ResourceKind::Endpoint, &Source::Ads));
        let response = delta(
            ResourceKind::Endpoint,
            names.iter().map(|name| mesh_endpoints(name)).collect(),
            &[],
        );
        drop(applier.apply(&Source::Ads, response));
        let all = allocations::live() - before;
        assert_eq!(stores.clusters.snapshot().len(), SERVICES);
        let each = |bytes: i64| bytes / i64::try_from(SERVICES).unwrap();
        let (cluster, endpoints) = (each(clusters), each(all - clusters));
        assert!(
            cluster + endpoints < 10 * 1024,
            "{cluster} bytes for a cluster, {endpoints} for its endpoints"
        );
    });
}

fn roots() -> crate::secret::Secret {
    let anybody = crate::secret::ValidationContext::default();
    crate::secret::Secret::Validation(Arc::new(anybody))
}
