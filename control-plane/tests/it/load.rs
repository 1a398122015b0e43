//! Many services and many proxies: what one change costs, counted.

use prost::Message;
use xds_proto::resource::ResourceKind::{Cluster, Endpoint};

use crate::plane::{Delta, Plane, cluster, node, write_service};

const SERVICES: usize = 1000;
const PROXIES: usize = 50;
const CHANGES: u8 = 5;

/// Services `s0`, `s1` … with ten endpoints each, and `reviews`.
async fn plane() -> Plane {
    let home = tempfile::tempdir().unwrap();
    let mesh = home.path().join("mesh");
    std::fs::create_dir(&mesh).unwrap();
    let service = |number: usize| {
        let (high, low) = (number / 250, number % 250 + 1);
        let addresses: String = (1..=10)
            .map(|last| format!("- addresses: [\"10.{}.{low}.{last}\"]\n", 100 + high))
            .collect();
        format!(
            "---\napiVersion: v1\nkind: Service\nmetadata: {{name: s{number}, namespace: default}}\nspec:\n  clusterIP: 10.97.{high}.{low}\n  \
             ports: [{{name: http, port: 9080}}]\n---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: s{number}-1, \
             namespace: default, labels: {{kubernetes.io/service-name: s{number}}}}}\naddressType: IPv4\nports: [{{name: http, port: 9080}}]\n\
             endpoints:\n{addresses}"
        )
    };
    let services: Vec<_> = (0..SERVICES).map(service).collect();
    for (number, some) in services.chunks(100).enumerate() {
        std::fs::write(mesh.join(format!("{number}.yaml")), some.concat()).unwrap();
    }
    write_service(home.path(), "reviews", &["10.1.0.1"]);
    Plane::start_in(home).await
}

async fn subscribed(plane: &Plane, number: usize) -> Delta {
    let node = node(&format!("client-{number}"), "default");
    let mut client = Delta::open(plane.plaintext().await, node, None)
        .await
        .unwrap();
    client.subscribe(Cluster, &[]).await;
    // as many messages as it takes; the service `reviews` and the fixed clusters are among them
    let mut clusters = 0;
    while clusters <= SERVICES {
        clusters += client.accept(Cluster).await.resources.len();
    }
    let names: Vec<_> = (0..SERVICES)
        .map(|number| cluster(&format!("s{number}")))
        .chain([cluster("reviews")])
        .collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    client.subscribe(Endpoint, &names).await;
    let mut endpoints = 0;
    while endpoints < names.len() {
        endpoints += client.accept(Endpoint).await.resources.len();
    }
    client
}

#[tokio::test]
async fn an_endpoint_change_among_a_thousand_services_is_one_small_message_for_each_proxy() {
    let plane = plane().await;
    let mut clients = Vec::new();
    for number in 0..PROXIES {
        clients.push(subscribed(&plane, number).await);
    }
    for change in 2..2 + CHANGES {
        plane.write("reviews", &["10.1.0.1", &format!("10.1.0.{change}")]);
        for client in &mut clients {
            let changed = client.accept(Endpoint).await;
            assert_eq!(changed.resources.len(), 1);
            let bytes = changed.encoded_len();
            assert!(bytes < 2000, "{bytes} bytes for two endpoints");
        }
    }
}
