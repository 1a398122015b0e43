//! A refused version of a resource names the field, and what served before goes on, for each type.

use prost_reflect::{DescriptorPool, DynamicMessage};

use super::*;
use crate::secret::Secret;

/// Reads YAML as a resource of its type.
fn resource(kind: ResourceKind, name: &str, yaml: &str) -> Incoming {
    let pool = DescriptorPool::decode(xds_proto::FILE_DESCRIPTOR_SET).unwrap();
    let (_, message) = kind.type_url().rsplit_once('/').unwrap();
    let message = pool.get_message_by_name(message).unwrap();
    let value: serde_json::Value = serde_saphyr::from_str(yaml).unwrap();
    let message = DynamicMessage::deserialize(message, value).unwrap();
    Incoming {
        name: name.to_owned(),
        version: "1".into(),
        body: Body {
            type_url: kind.type_url().to_owned(),
            value: prost::Message::encode_to_vec(&message).into(),
        },
    }
}

/// What is in force, by the identity of each object.
fn in_force(stores: &Stores) -> String {
    let cluster = stores.clusters.get("c").expect("the cluster is in force");
    let listener = stores.listeners.get("l").expect("the listener is in force");
    let table = stores
        .routes
        .get(&Source::Ads, "r")
        .expect("the table is in force");
    let secret = stores
        .secrets
        .cell_from(&Source::Ads, "s")
        .get()
        .expect("the secret is there");
    let Secret::Validation(secret) = secret else {
        panic!("another kind of secret");
    };
    format!(
        "{:p} {:p} {listener:p} {table:p} {secret:p}",
        cluster,
        cluster.endpoints()
    )
}

/// A type, a name, a good and a bad version, and what the refusal of the bad one begins with.
type Row = (ResourceKind, &'static str, [String; 2], &'static str);

fn rows() -> [Row; 5] {
    let ca = rcgen::generate_simple_self_signed(["ca".to_owned()]).unwrap();
    let ca = serde_json::json!(ca.cert.pem()).to_string();
    let secret = |root: &str| {
        format!("{{name: s, validation_context: {{trusted_ca: {{inline_string: {root}}}}}}}")
    };
    let cluster = |rest: &str| {
        format!(
            "{{name: c, type: EDS, eds_cluster_config: {{eds_config: {{ads: {{}}}}}}, {rest},
            transport_socket: {{name: tls, typed_config: {{
            '@type': type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext,
            common_tls_context: {{validation_context_sds_secret_config: {{name: s, sds_config: {{ads: {{}}}}}}}}}}}}}}"
        )
    };
    let assignment = |weight: u32| {
        format!(
            "{{cluster_name: c, endpoints: [{{lb_endpoints: [{{load_balancing_weight: {weight},
            endpoint: {{address: {{socket_address: {{address: 10.0.0.1, port_value: 80}}}}}}}}]}}]}}"
        )
    };
    let listener = |filter: &str| {
        format!(
            "{{name: l, bind_to_port: false, address: {{socket_address: {{address: 127.0.0.1, port_value: 1}}}},
            filter_chains: [{{filters: [{{name: http, typed_config: {{
            '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager,
            stat_prefix: s, rds: {{route_config_name: r, config_source: {{ads: {{}}}}}},
            http_filters: [{{name: x, typed_config: {{'@type': type.googleapis.com/{filter}}}}}]}}}}]}}]}}"
        )
    };
    let table = |regex: &str| {
        format!(
            "{{name: r, virtual_hosts: [{{name: v, domains: ['*'],
            routes: [{{match: {{safe_regex: {{regex: '{regex}'}}}}, route: {{cluster: c}}}}]}}]}}"
        )
    };
    let router = "envoy.extensions.filters.http.router.v3.Router";
    let guard = "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication";
    [
        (
            ResourceKind::Cluster,
            "c",
            [
                cluster("connect_timeout: 1s"),
                cluster("connect_timeout: -1s"),
            ],
            "connect_timeout: ",
        ),
        (
            ResourceKind::Endpoint,
            "c",
            [assignment(1), assignment(0)],
            "endpoints[0].lb_endpoints[0].load_balancing_weight: ",
        ),
        (
            ResourceKind::Secret,
            "s",
            [secret(&ca), secret("no-certificate")],
            "validation_context.trusted_ca: ",
        ),
        (
            ResourceKind::Listener,
            "l",
            [listener(router), listener(guard)],
            "filter_chains[0].filters[0].typed_config.http_filters[0].typed_config: ",
        ),
        (
            ResourceKind::Route,
            "r",
            [table("/a"), table("(")],
            "virtual_hosts[0].routes[0].match.safe_regex.regex: ",
        ),
    ]
}

#[test]
fn a_refused_version_names_its_field_and_leaves_the_good_one_in_force() {
    let rows = rows();
    on_control_runtime(|| {
        let stores = Stores::default();
        let wanted = Wanted {
            listeners: Some(Source::Ads),
            clusters: Some(Source::Ads),
        };
        let state = XdsState::default();
        let mut applier = Applier::new(stores.clone(), state, wanted, Lifecycle::new());
        for (kind, name, [good, _], _) in &rows {
            let outcome = applier.apply(
                &Source::Ads,
                delta(*kind, vec![resource(*kind, name, good)], &[]),
            );
            assert_eq!(outcome.rejected, [], "{name}");
        }
        applier.settle();
        let before = in_force(&stores);
        for (kind, name, [_, bad], path) in &rows {
            let outcome = applier.apply(
                &Source::Ads,
                delta(*kind, vec![resource(*kind, name, bad)], &[]),
            );
            let [refused] = &outcome.rejected[..] else {
                panic!("{name} is not refused");
            };
            assert!(refused.reason.starts_with(path), "{}", refused.reason);
            assert_eq!(refused.name, *name);
            assert_eq!(in_force(&stores), before, "{refused}");
        }
    });
}
