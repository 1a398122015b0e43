use super::*;
use crate::crd;
use crate::model::endpoint::{Endpoint, EndpointAddress, Health};
use crate::model::{ConfigObject, Kind, Labels, Name, Object};
use std::net::IpAddr;

/// A store with one source, fed with YAML.
struct World {
    store: Store,
    source: Name,
}

impl World {
    fn new(yaml: &str) -> Self {
        let mut world = Self {
            store: Store::new(Mesh::default()),
            source: "file:test".into(),
        };
        world.replace(yaml);
        world
    }

    fn replace(&mut self, yaml: &str) -> Changes {
        self.store.apply(Event::Snapshot {
            source: self.source.clone(),
            objects: objects(yaml),
        })
    }

    fn upsert(&mut self, yaml: &str) -> Changes {
        let object = objects(yaml).remove(0);
        self.store.apply(Event::Upsert {
            source: self.source.clone(),
            object,
        })
    }

    fn remove(&mut self, kind: Kind, name: &str) -> Changes {
        let object = Object {
            kind,
            namespace: "default".into(),
            name: name.into(),
        };
        self.store.apply(Event::Remove {
            source: self.source.clone(),
            object,
        })
    }

    /// `address:port-of-service=port health` of each endpoint.
    fn endpoints(&self, host: &str) -> Vec<String> {
        let snapshot = self.store.snapshot();
        snapshot
            .endpoints(host, "default")
            .map(|set| set.endpoints.iter().map(print).collect())
            .unwrap_or_default()
    }
}

fn objects(yaml: &str) -> Vec<ConfigObject> {
    let documents = crd::read(yaml, "cluster.local").unwrap();
    documents
        .into_iter()
        .map(|document| {
            document
                .content
                .unwrap_or_else(|| panic!("{:?}", document.problems))
        })
        .collect()
}

fn print(endpoint: &Endpoint) -> String {
    let address = match &endpoint.address {
        EndpointAddress::Ip(ip) => ip.to_string(),
        EndpointAddress::Dns(name) | EndpointAddress::Unix(name) => name.to_string(),
    };
    let ports: Vec<String> = endpoint
        .ports
        .iter()
        .map(|port| format!("{}={}", port.service_port, port.number))
        .collect();
    let health = match endpoint.health {
        Health::Ready => "",
        Health::NotReady => " not-ready",
        Health::Draining => " draining",
    };
    format!("{address} {}{health}", ports.join(","))
}

const HOST: &str = "reviews.default.svc.cluster.local";

const SERVICE: &str = "
apiVersion: v1
kind: Service
metadata: {name: reviews}
spec:
  selector: {app: reviews}
  ports: [{name: http, port: 80, targetPort: web}, {name: tcp, port: 90, targetPort: 9090}]
";

fn pod(name: &str, ip: &str, ready: bool) -> String {
    let status = if ready { "True" } else { "False" };
    format!(
        "
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: reviews, security.istio.io/tlsMode: istio}}}}
spec: {{serviceAccountName: reviews, containers: [{{ports: [{{name: web, containerPort: 8080}}]}}]}}
status: {{podIP: {ip}, conditions: [{{type: Ready, status: '{status}'}}]}}
"
    )
}

fn yaml(parts: &[&str]) -> String {
    parts.join("\n---\n")
}

#[test]
fn a_selector_without_slices_gets_its_endpoints_from_pods() {
    let world = World::new(&yaml(&[
        SERVICE,
        &pod("a", "10.0.0.1", true),
        &pod("b", "10.0.0.2", false),
    ]));
    assert_eq!(
        world.endpoints(HOST),
        [
            "10.0.0.1 80=8080,90=9090",
            "10.0.0.2 80=8080,90=9090 not-ready"
        ]
    );
    let snapshot = world.store.snapshot();
    let set = snapshot.endpoints(HOST, "default").unwrap();
    assert!(set.endpoints[0].mtls && &*set.endpoints[0].service_account == "reviews");
}

const SLICE: &str = "
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: reviews-1, labels: {kubernetes.io/service-name: reviews}}
addressType: IPv4
ports: [{name: http, port: 8081}]
endpoints:
- {addresses: [10.0.0.1], targetRef: {kind: Pod, name: a}}
- {addresses: [10.0.0.9]}
- {addresses: [10.0.0.8], conditions: {ready: false, serving: true, terminating: true}}
";

#[test]
fn slices_replace_the_pods_and_learn_from_them() {
    let world = World::new(&yaml(&[
        SERVICE,
        SLICE,
        &pod("a", "10.0.0.1", true),
        &pod("b", "10.0.0.2", true),
    ]));
    assert_eq!(
        world.endpoints(HOST),
        [
            "10.0.0.1 80=8081",
            "10.0.0.8 80=8081 draining",
            "10.0.0.9 80=8081"
        ]
    );
    let snapshot = world.store.snapshot();
    let set = snapshot.endpoints(HOST, "default").unwrap();
    let accounts: Vec<&str> = set
        .endpoints
        .iter()
        .map(|endpoint| &*endpoint.service_account)
        .collect();
    assert_eq!(accounts, ["reviews", "", ""]);
    assert_eq!(set.endpoints[0].labels.get("app"), Some("reviews"));
}

#[test]
fn services_select_workload_entries_and_entries_select_pods() {
    let entry = "
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: vm}
spec: {address: 10.8.0.1, labels: {app: reviews}, ports: {http: 7070}}
";
    let service_entry = "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: all}
spec:
  hosts: [reviews.internal]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}]
  workloadSelector: {labels: {app: reviews}}
";
    let world = World::new(&yaml(&[
        SERVICE,
        entry,
        service_entry,
        &pod("a", "10.0.0.1", true),
    ]));
    assert_eq!(
        world.endpoints(HOST),
        ["10.0.0.1 80=8080,90=9090", "10.8.0.1 80=7070,90=9090"]
    );
    assert_eq!(
        world.endpoints("reviews.internal"),
        ["10.0.0.1 80=8080", "10.8.0.1 80=7070"]
    );
}

#[test]
fn names_that_proxies_resolve_are_endpoints_themselves() {
    let world = World::new(&yaml(&[
        "apiVersion: v1\nkind: Service\nmetadata: {name: out}\nspec: {type: ExternalName, externalName: example.com, ports: [{port: 443}]}",
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: api}\nspec: {hosts: [api.com], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}]}",
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: any}\nspec: {hosts: ['*.any.com'], resolution: NONE, ports: [{number: 80, name: http, protocol: HTTP}]}",
    ]));
    assert_eq!(
        world.endpoints("out.default.svc.cluster.local"),
        ["example.com 443=443"]
    );
    assert_eq!(world.endpoints("api.com"), ["api.com 80=8080"]);
    assert!(world.endpoints("*.any.com").is_empty());
    let snapshot = world.store.snapshot();
    let addresses = |host: &str| snapshot.service(host, "default").unwrap().addresses.len();
    assert_eq!(
        (
            addresses("out.default.svc.cluster.local"),
            addresses("api.com"),
            addresses("*.any.com")
        ),
        (0, 1, 0)
    );
}

#[test]
fn equal_input_is_silent() {
    let text = yaml(&[SERVICE, &pod("a", "10.0.0.1", true)]);
    let mut world = World::new(&text);
    let before = world.store.snapshot().generations();
    assert_eq!(world.replace(&text), Changes::default());
    assert_eq!(world.upsert(SERVICE), Changes::default());
    assert_eq!(world.store.snapshot().generations(), before);
}

#[test]
fn a_pod_that_comes_changes_endpoints_only_and_leaves_old_snapshots_alone() {
    let other = SERVICE.replace("reviews", "ratings");
    let mut world = World::new(&yaml(&[SERVICE, &other, &pod("a", "10.0.0.1", true)]));
    let before = world.store.snapshot();
    let changes = world.upsert(&pod("b", "10.0.0.2", true));
    assert!(changes.is_endpoints_only(), "{changes:?}");
    assert_eq!(
        changes
            .endpoints
            .iter()
            .map(|host| &**host)
            .collect::<Vec<_>>(),
        [HOST]
    );
    assert_eq!(
        before.endpoints(HOST, "default").unwrap().endpoints.len(),
        1
    );
    let after = world.store.snapshot();
    assert_eq!(after.endpoints(HOST, "default").unwrap().endpoints.len(), 2);
    let ratings = "ratings.default.svc.cluster.local";
    let shared = |snapshot: &Snapshot| snapshot.endpoints(ratings, "default").cloned().unwrap();
    assert!(Arc::ptr_eq(&shared(&before), &shared(&after)));
}

#[test]
fn a_new_identity_behind_a_service_changes_the_service() {
    let mut world = World::new(&yaml(&[SERVICE, &pod("a", "10.0.0.1", true)]));
    let changes = world.upsert(
        &pod("b", "10.0.0.2", true)
            .replace("serviceAccountName: reviews", "serviceAccountName: new"),
    );
    assert!(changes.services.contains(HOST) && changes.endpoints.contains(HOST));
    let identities = world.store.snapshot().identities(HOST, "default");
    assert_eq!(
        identities
            .iter()
            .map(|id| &*id.service_account)
            .collect::<Vec<_>>(),
        ["new", "reviews"]
    );
}

#[test]
fn what_is_removed_is_gone_with_its_endpoints() {
    let mut world = World::new(&yaml(&[SERVICE, &pod("a", "10.0.0.1", true)]));
    world.remove(Kind::Pod, "a");
    assert!(world.endpoints(HOST).is_empty());
    let changes = world.remove(Kind::Service, "reviews");
    assert!(changes.services.contains(HOST));
    let snapshot = world.store.snapshot();
    assert!(
        snapshot.service(HOST, "default").is_none()
            && snapshot.endpoints(HOST, "default").is_none()
    );
    assert_eq!(world.replace(""), Changes::default());
}

#[test]
fn the_first_source_by_name_wins_and_the_other_takes_over() {
    let mut world = World::new(SERVICE);
    let other: Name = "zookeeper:x".into();
    let changed = SERVICE.replace("port: 80", "port: 81");
    let event = Event::Snapshot {
        source: other,
        objects: objects(&changed),
    };
    assert!(world.store.apply(event).is_empty());
    world.replace("");
    let snapshot = world.store.snapshot();
    assert!(
        snapshot
            .service(HOST, "default")
            .unwrap()
            .port(81)
            .is_some()
    );
}

#[test]
fn kubernetes_services_come_before_entries_then_the_clients_own_namespace() {
    let entry = |namespace: &str, host: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: e, namespace: {namespace}}}\nspec: {{hosts: [{host}], resolution: DNS, ports: [{{number: 80, name: http, protocol: HTTP}}]}}"
        )
    };
    let world = World::new(&yaml(&[
        SERVICE,
        &entry("a", HOST),
        &entry("a", "x.com"),
        &entry("b", "x.com").replace("name: e,", "name: f,"),
    ]));
    let snapshot = world.store.snapshot();
    assert_eq!(
        snapshot.service(HOST, "a").unwrap().origin.kind,
        Kind::Service
    );
    assert_eq!(&*snapshot.service("x.com", "b").unwrap().namespace, "b");
    assert_eq!(&*snapshot.service("x.com", "c").unwrap().namespace, "a");
}

#[test]
fn services_lead_to_a_workload_by_selector_or_by_slice() {
    let manual = "
apiVersion: v1
kind: Service
metadata: {name: manual}
spec: {ports: [{name: http, port: 8000}]}
";
    let slice = SLICE.replace("reviews", "manual").replace("8081", "8080");
    let world = World::new(&yaml(&[
        SERVICE,
        manual,
        &slice,
        &pod("a", "10.0.0.1", false),
    ]));
    let snapshot = world.store.snapshot();
    let labels: Labels = [("app", "reviews")].into_iter().collect();
    let ip: IpAddr = "10.0.0.1".parse().unwrap();
    let found = snapshot.services_of(
        Target {
            namespace: "default",
            labels: &labels,
        },
        &[ip],
    );
    let found: Vec<(&str, Vec<u16>)> = found
        .iter()
        .map(|(service, ports)| {
            (
                &*service.name,
                ports.iter().map(|port| port.number).collect(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [("manual", vec![8080]), ("reviews", vec![8080, 9090])]
    );
}

#[test]
fn a_delegate_changes_the_routes_of_its_root() {
    let root = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: root}
spec: {hosts: [reviews], http: [{delegate: {name: rest}}]}
";
    let delegate = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: rest}
spec: {http: [{route: [{destination: {host: reviews}}]}]}
";
    let mut world = World::new(root);
    let changes = world.upsert(delegate);
    assert_eq!(
        changes
            .routes
            .iter()
            .map(|host| &**host)
            .collect::<Vec<_>>(),
        [HOST]
    );
    assert!(
        world
            .store
            .snapshot()
            .virtual_service_named("default", "rest")
            .is_some()
    );
}

#[test]
fn a_broken_peer_authentication_closes_until_a_good_one_takes_its_place() {
    use crate::model::authz::Closed;
    let good = "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: a}\nspec: {mtls: {mode: STRICT}}\n";
    let mut world = World::new("");
    let broken = Closed {
        origin: objects(good)[0].origin(),
        selector: Labels::default(),
    };
    world.store.apply(Event::Upsert {
        source: world.source.clone(),
        object: ConfigObject::Closed(std::sync::Arc::new(broken)),
    });
    let closed = |world: &World| {
        let labels = Labels::default();
        let target = Target {
            namespace: "default",
            labels: &labels,
        };
        world.store.snapshot().closed(target).len()
    };
    assert_eq!(closed(&world), 1);
    world.upsert(good);
    assert_eq!(closed(&world), 0);
}
