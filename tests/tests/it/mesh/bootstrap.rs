//! What a proxy of ours or Envoy is started with: Envoy's bootstrap file.

use std::path::PathBuf;

use serde_json::{Value, json};
use xds_proto::well_known::port::ADMIN;

use super::node::{Node, PLANE, Pod};
use super::plane::{PLAINTEXT, SECURE};

/// How a proxy follows the control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ads {
    /// The incremental protocol, over TLS with a join token.
    Delta,
    /// State of the world, over plaintext.
    StateOfTheWorld,
}

/// Writes the bootstrap file of a pod's sidecar; its secrets come from [`secrets_socket`].
pub(crate) fn write(node: &Node, pod: &Pod, ads: Ads) -> PathBuf {
    let file = pod.home.join("bootstrap.json");
    std::fs::write(&file, bootstrap(node, pod, ads).to_string()).unwrap();
    file
}

/// Like [`write`], with secrets of its own in the file: a certificate that nobody else trusts.
pub(crate) fn write_with_secrets(node: &Node, pod: &Pod, ads: Ads) -> PathBuf {
    let own = rcgen::generate_simple_self_signed([pod.identity()]).unwrap();
    let (chain, key) = (own.cert.pem(), own.signing_key.serialize_pem());
    let mut bootstrap = bootstrap(node, pod, ads);
    bootstrap["static_resources"]["secrets"] = json!([
        {
            "name": "default",
            "tls_certificate": {
                "certificate_chain": { "inline_string": chain },
                "private_key": { "inline_string": key },
            },
        },
        { "name": "ROOTCA", "validation_context": { "trusted_ca": { "inline_string": chain } } },
    ]);
    let file = pod.home.join("bootstrap.json");
    std::fs::write(&file, bootstrap.to_string()).unwrap();
    file
}

/// The socket of the pod's secrets.
pub(crate) fn secrets_socket(pod: &Pod) -> PathBuf {
    pod.home.join("sds.sock")
}

fn bootstrap(node: &Node, pod: &Pod, ads: Ads) -> Value {
    let (api_type, port) = match ads {
        Ads::Delta => ("DELTA_GRPC", SECURE),
        Ads::StateOfTheWorld => ("GRPC", PLAINTEXT),
    };
    let mut control_plane = cluster(
        "xds-grpc",
        &json!({
            "socket_address": { "address": PLANE.to_string(), "port_value": port }
        }),
    );
    let mut service = json!({ "envoy_grpc": { "cluster_name": "xds-grpc" } });
    if ads == Ads::Delta {
        control_plane["transport_socket"] = tls(&node.plane.root_pem);
        let bearer = format!("Bearer {}", node.plane.token(&pod.account));
        service["initial_metadata"] = json!([{ "key": "authorization", "value": bearer }]);
    }
    let secrets = cluster(
        "sds-grpc",
        &json!({ "pipe": { "path": secrets_socket(pod) } }),
    );
    let over_ads = json!({ "ads": {}, "resource_api_version": "V3" });
    json!({
        "node": {
            "id": pod.node_id(),
            "cluster": format!("{}.default", pod.account),
            "metadata": {
                "NAMESPACE": "default",
                "INSTANCE_IPS": pod.ip.to_string(),
                "SERVICE_ACCOUNT": pod.account,
                "CLUSTER_ID": "Kubernetes",
            },
        },
        "admin": { "address": { "socket_address": { "address": "127.0.0.1", "port_value": ADMIN } } },
        "dynamic_resources": {
            "ads_config": {
                "api_type": api_type,
                "transport_api_version": "V3",
                "set_node_on_first_message_only": true,
                "grpc_services": [service],
            },
            "cds_config": over_ads,
            "lds_config": over_ads,
        },
        "static_resources": { "clusters": [control_plane, secrets] },
    })
}

fn cluster(name: &str, address: &Value) -> Value {
    let options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "typed_extension_protocol_options": { options: {
            "@type": format!("type.googleapis.com/{options}"),
            "explicit_http_config": { "http2_protocol_options": {} },
        } },
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address } }] }],
        },
    })
}

fn tls(root_pem: &str) -> Value {
    json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "sni": "istiod.istio-system.svc",
            "common_tls_context": {
                "alpn_protocols": ["h2"],
                "validation_context": {
                    "trusted_ca": { "inline_string": root_pem },
                    "match_typed_subject_alt_names": [
                        { "san_type": "DNS", "matcher": { "exact": "istiod.istio-system.svc" } }
                    ],
                },
            },
        },
    })
}
