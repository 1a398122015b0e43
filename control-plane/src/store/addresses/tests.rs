use super::*;
use crate::model::service::{Location, Resolution, TrafficDistribution};
use crate::model::{Created, Kind, Labels, Visibility};

fn service(name: &str, allocate: Allocate, addresses: Vec<IpNet>) -> Arc<Service> {
    Arc::new(Service {
        host: format!("{name}.default.svc.cluster.local").into(),
        namespace: "default".into(),
        name: name.into(),
        origin: Object {
            kind: Kind::Service,
            namespace: "default".into(),
            name: name.into(),
        },
        addresses,
        allocate,
        ports: Vec::new(),
        resolution: Resolution::Static,
        location: Location::MeshInternal,
        headless: false,
        selector: Labels::default(),
        publish_not_ready: false,
        external_name: None,
        export_to: Visibility::Default,
        subject_alt_names: Vec::new(),
        created: Created(0),
        traffic_distribution: TrafficDistribution::Any,
    })
}

fn colliding() -> (Arc<Service>, Arc<Service>) {
    let mut seen: HashMap<Ipv4Addr, Arc<Service>> = HashMap::new();
    for number in 0.. {
        let new = service(&format!("s{number}"), Allocate::ClusterIp, vec![]);
        if let Some(old) = seen.insert(candidate([10, 96], &new, 0), new.clone()) {
            return (old, new);
        }
    }
    unreachable!("64770 places are fewer than all services")
}

#[test]
fn addresses_are_the_same_after_a_restart() {
    let one = service("reviews", Allocate::ClusterIp, vec![]);
    let first = Addresses::default().claim(&one);
    assert_eq!(first, Addresses::default().claim(&one));
    assert!(
        "10.96.0.0/16".parse::<IpNet>().unwrap().contains(&first[0]),
        "{first:?}"
    );
    let entry = service("reviews", Allocate::ServiceEntry, vec![]);
    let outside = Addresses::default().claim(&entry);
    assert!(
        "240.240.0.0/16"
            .parse::<IpNet>()
            .unwrap()
            .contains(&outside[0]),
        "{outside:?}"
    );
}

#[test]
fn a_collision_never_moves_the_holder() {
    let (one, two) = colliding();
    let mut addresses = Addresses::default();
    let held = addresses.claim(&one);
    let probed = addresses.claim(&two);
    assert_ne!(held, probed);
    assert_eq!(addresses.claim(&one), held);
    // The first leaves: the second stays where it is.
    let holder = Arc::new(Service {
        addresses: held,
        ..Service::clone(&one)
    });
    addresses.release(&[holder], &[]);
    assert_eq!(addresses.claim(&two), probed);
}

#[test]
fn a_declared_address_displaces_an_allocated_one() {
    let one = service("one", Allocate::ClusterIp, vec![]);
    let mut addresses = Addresses::default();
    let held = addresses.claim(&one);
    let greedy = service("greedy", Allocate::No, held.clone());
    assert_eq!(addresses.claim(&greedy), held);
    assert_eq!(
        addresses.take_displaced(),
        BTreeSet::from([one.origin.clone()])
    );
    assert_ne!(addresses.claim(&one), held);
}
