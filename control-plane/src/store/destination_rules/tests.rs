use super::*;
use crate::model::load_balancing::{Algorithm, LoadBalancer};
use crate::model::traffic_policy::{PortPolicy, Subset, TrafficPolicy};
use crate::model::{Created, Kind, Labels, Visibility};

const HOST: &str = "reviews.prod.svc.cluster.local";

fn rule(namespace: &str, name: &str, host: &str) -> DestinationRule {
    DestinationRule {
        origin: Object {
            kind: Kind::DestinationRule,
            namespace: namespace.into(),
            name: name.into(),
        },
        host: host.into(),
        export_to: Visibility::Default,
        workload_selector: Labels::default(),
        policy: TrafficPolicy::default(),
        subsets: Vec::new(),
        created: Created(0),
    }
}

fn subset(name: &str, of: &DestinationRule) -> Subset {
    Subset {
        name: name.into(),
        labels: [("from", &*of.origin.name)].into_iter().collect(),
        policy: TrafficPolicy::default(),
        origin: of.origin.clone(),
    }
}

fn found(rules: Vec<DestinationRule>, client: &str) -> Option<Arc<DestinationRule>> {
    let mut index = DestinationRules::default();
    for rule in rules {
        let rule = Arc::new(rule);
        replace(&mut index, &rule.host, &rule.origin, Some(rule.clone()));
    }
    let labels = [("app", "web")].into_iter().collect();
    let client = Target {
        namespace: client,
        labels: &labels,
    };
    let call = Call {
        client,
        host: HOST,
        service_namespace: "prod",
    };
    find(
        &index,
        call,
        Conventions {
            root: "istio-system",
            default_export_to: &[],
        },
    )
}

fn name(rules: Vec<DestinationRule>, client: &str) -> Option<String> {
    found(rules, client).map(|rule| rule.origin.name.to_string())
}

#[test]
fn client_namespace_then_service_namespace_then_root() {
    let all = || {
        vec![
            rule("istio-system", "root", HOST),
            rule("prod", "service", HOST),
            rule("web", "client", HOST),
        ]
    };
    assert_eq!(name(all(), "web").as_deref(), Some("client"));
    assert_eq!(name(all(), "other").as_deref(), Some("service"));
    assert_eq!(name(all()[..1].to_vec(), "other").as_deref(), Some("root"));
    assert_eq!(name(vec![rule("third", "unrelated", HOST)], "web"), None);
}

#[test]
fn exact_hosts_before_wildcards_within_a_namespace_only() {
    let here = vec![
        rule("prod", "wild", "*.prod.svc.cluster.local"),
        rule("prod", "exact", HOST),
    ];
    assert_eq!(name(here, "web").as_deref(), Some("exact"));
    let nearer = vec![
        rule("web", "wild", "*.cluster.local"),
        rule("prod", "exact", HOST),
    ];
    assert_eq!(name(nearer, "web").as_deref(), Some("wild"));
    let longer = vec![
        rule("prod", "short", "*.local"),
        rule("prod", "long", "*.prod.svc.cluster.local"),
    ];
    assert_eq!(name(longer, "web").as_deref(), Some("long"));
}

#[test]
fn rules_that_are_not_exported_to_the_client_do_not_count() {
    let private = DestinationRule {
        export_to: Visibility::Namespaces(vec!["prod".into()]),
        ..rule("prod", "p", HOST)
    };
    assert_eq!(name(vec![private.clone()], "prod").as_deref(), Some("p"));
    assert_eq!(name(vec![private], "web"), None);
}

#[test]
fn selectors_choose_clients_and_come_first() {
    let mut selecting = rule("web", "z-selecting", HOST);
    selecting.workload_selector = [("app", "web")].into_iter().collect();
    let mut other = rule("web", "a-other", HOST);
    other.workload_selector = [("app", "db")].into_iter().collect();
    let rules = vec![rule("web", "general", HOST), selecting, other.clone()];
    assert_eq!(name(rules, "web").as_deref(), Some("z-selecting"));
    assert_eq!(name(vec![other], "web"), None);
}

#[test]
fn rules_for_one_host_merge_with_the_oldest_first() {
    let mut old = DestinationRule {
        created: Created(1),
        ..rule("prod", "z-old", HOST)
    };
    old.subsets = vec![subset("v1", &old)];
    let mut young = DestinationRule {
        created: Created(2),
        ..rule("prod", "a-young", HOST)
    };
    young.subsets = vec![subset("v1", &young), subset("v2", &young)];
    young.policy.base = PortPolicy {
        load_balancer: Some(LoadBalancer {
            algorithm: Some(Algorithm::Random),
            locality: None,
            warmup: None,
        }),
        ..PortPolicy::default()
    };
    let merged = found(vec![young.clone(), old.clone()], "web").expect("both are visible");
    assert_eq!(merged.origin, old.origin);
    assert_eq!(merged.policy, young.policy);
    let subsets: Vec<_> = merged
        .subsets
        .iter()
        .map(|s| (&*s.name, s.labels.get("from")))
        .collect();
    assert_eq!(subsets, [("v1", Some("z-old")), ("v2", Some("a-young"))]);
}
