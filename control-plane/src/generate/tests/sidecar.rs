//! What a `Sidecar` does to tables and clusters.

use super::*;

const PROXY: &str = "{pod: web-1, namespace: default, ip: 10.1.0.1}";

/// A service with one HTTP port.
fn service(namespace: &str, name: &str, port: u16) -> String {
    format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
         spec: {{clusterIP: 10.96.0.{}, ports: [{{name: http, port: {port}}}]}}\n",
        name.len()
    )
}

/// The `Sidecar` of namespace `default` with this list of egress listeners.
fn sidecar(egress: &str) -> String {
    format!(
        "---\napiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {{name: default}}\nspec: {{egress: [{egress}]}}\n"
    )
}

/// The domains of a route table; empty where there is no such table.
fn domains(scope: &Scope, table: &str) -> Vec<String> {
    let table = one(scope, ResourceKind::Route, table).map(|table| json(&table));
    let hosts = table
        .iter()
        .flat_map(|table| table["virtualHosts"].as_array());
    hosts
        .flatten()
        .flat_map(|host| host["domains"].as_array().into_iter().flatten())
        .filter_map(|domain| domain.as_str().map(str::to_owned))
        .collect()
}

#[test]
fn a_forward_proxy_has_a_table_of_its_own() {
    let proxy = |ip: &str, hosts: &str| {
        format!(
            "{{port: {{number: 8081, protocol: HTTP_PROXY, name: p}}, bind: {ip}, captureMode: NONE, hosts: [\"{hosts}\"]}}"
        )
    };
    let egress = [
        proxy("127.0.0.1", "./*"),
        proxy("127.0.0.2", "data/*"),
        "{hosts: [\"*/*\"]}".to_owned(),
    ];
    let objects = service("default", "shop", 8081) + &service("data", "bank", 80);
    let world = World::of(PROXY, &(objects + &sidecar(&egress.join(", "))));
    let scope = world.scope();
    let has = |table: &str, domain: &str| domains(&scope, table).iter().any(|d| d == domain);
    assert!(has("8081", "shop"), "captured requests keep their table");
    assert!(has("127.0.0.1_8081", "shop:8081"));
    assert!(!has("127.0.0.1_8081", "bank.data"));
    assert!(has("127.0.0.2_8081", "bank.data"));
    assert!(!has("127.0.0.2_8081", "shop:8081"));
}
