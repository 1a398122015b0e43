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

/// A `VirtualService` for `host` that sends to `destination`.
fn rules(namespace: &str, host: &str, destination: &str) -> String {
    format!(
        "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: rules, namespace: {namespace}}}\n\
         spec: {{hosts: [{host}], http: [{{route: [{{destination: {{host: {destination}}}}}]}}]}}\n"
    )
}

/// The names of all clusters and load assignments, of those that are about `host`.
fn about(scope: &Scope, host: &str) -> Vec<String> {
    let kinds = [ResourceKind::Cluster, ResourceKind::Endpoint].map(|kind| generate(scope, kind));
    let names = kinds
        .iter()
        .flat_map(|set| set.iter().map(|(name, _)| name.to_string()));
    names.filter(|name| name.ends_with(host)).collect()
}

#[test]
fn where_imported_rules_lead_is_known_but_not_called_by_name() {
    let objects = service("default", "reviews", 80)
        + &service("other", "reviews-v2", 80)
        + &service("other", "unseen", 80)
        + &rules("default", "reviews", "reviews-v2.other.svc.cluster.local")
        + &sidecar("{hosts: [\"./*\"]}");
    let world = World::of(PROXY, &objects);
    let cluster = "outbound|80||reviews-v2.other.svc.cluster.local";
    let scope = world.scope();
    assert_eq!(
        about(&scope, "reviews-v2.other.svc.cluster.local"),
        [cluster, cluster]
    );
    assert!(about(&scope, "unseen.other.svc.cluster.local").is_empty());
    for kind in [ResourceKind::Cluster, ResourceKind::Endpoint] {
        // A fresh scope has not looked at anything else.
        assert!(one(&world.scope(), kind, cluster).is_some(), "{kind}");
    }
    let domains = domains(&scope, "80");
    assert!(domains.iter().any(|domain| domain == "reviews"));
    assert!(
        !domains
            .iter()
            .any(|domain| domain.starts_with("reviews-v2"))
    );
}

#[test]
fn rules_that_a_sidecar_does_not_list_change_nothing() {
    let web = "web.default.svc.cluster.local";
    let objects = |egress: &str| {
        service("default", "web", 80)
            + &service("other", "elsewhere", 80)
            + &rules("other", &format!("{web}, ext.example"), "elsewhere")
            + &sidecar(egress)
    };
    let table = |egress: &str| {
        let scope = World::of(PROXY, &objects(egress)).scope();
        let table = one(&scope, ResourceKind::Route, "80").expect("a table");
        json(&table).to_string()
    };
    let limited = table("{hosts: [\"./*\"]}");
    assert!(
        limited.contains(&format!("outbound|80||{web}")),
        "{limited}"
    );
    assert!(!limited.contains("elsewhere") && !limited.contains("ext.example"));
    for listed in [
        "other/*",
        "*/*.example",
        "other/*.default.svc.cluster.local",
    ] {
        let open = table(&format!("{{hosts: [\"./*\", \"{listed}\"]}}"));
        assert!(
            open.contains("elsewhere") && open.contains("ext.example"),
            "{listed}"
        );
    }
}
