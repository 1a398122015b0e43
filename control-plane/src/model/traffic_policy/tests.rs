use super::*;
use crate::model::Kind;
use crate::model::load_balancing::{Algorithm, LoadBalancer};

fn tls(mode: ClientTlsMode) -> Option<ClientTls> {
    Some(ClientTls {
        mode,
        client_certificate: None,
        private_key: None,
        ca_certificates: None,
        ca_crl: None,
        credential_name: None,
        subject_alt_names: Vec::new(),
        sni: None,
        insecure_skip_verify: false,
    })
}

fn balanced(algorithm: Algorithm) -> Option<LoadBalancer> {
    Some(LoadBalancer {
        algorithm: Some(algorithm),
        locality: None,
        warmup: None,
    })
}

fn rule(policy: TrafficPolicy, subset: TrafficPolicy) -> DestinationRule {
    let origin = Object {
        kind: Kind::DestinationRule,
        namespace: "default".into(),
        name: "r".into(),
    };
    DestinationRule {
        origin: origin.clone(),
        host: "r.default.svc.cluster.local".into(),
        export_to: Visibility::Default,
        workload_selector: Labels::default(),
        policy,
        subsets: vec![Subset {
            name: "v1".into(),
            labels: Labels::default(),
            policy: subset,
            origin,
        }],
        created: Created(0),
    }
}

#[test]
fn a_subset_overlays_the_host_field_by_field() {
    let host = TrafficPolicy {
        base: PortPolicy {
            tls: tls(ClientTlsMode::Simple),
            ..PortPolicy::default()
        },
        ports: Vec::new(),
    };
    let own = TrafficPolicy {
        base: PortPolicy {
            load_balancer: balanced(Algorithm::Random),
            ..PortPolicy::default()
        },
        ports: Vec::new(),
    };
    let rule = rule(host, own);
    let effective = rule.effective(rule.subset("v1"), 80);
    assert_eq!(effective.tls, tls(ClientTlsMode::Simple));
    assert_eq!(effective.load_balancer, balanced(Algorithm::Random));
}

#[test]
fn port_settings_replace_instead_of_inheriting() {
    let host = TrafficPolicy {
        base: PortPolicy {
            tls: tls(ClientTlsMode::Simple),
            ..PortPolicy::default()
        },
        ports: vec![(
            80,
            PortPolicy {
                load_balancer: balanced(Algorithm::Random),
                ..PortPolicy::default()
            },
        )],
    };
    let rule = rule(host, TrafficPolicy::default());
    assert_eq!(rule.effective(None, 80).tls, None);
    assert_eq!(
        rule.effective(rule.subset("v1"), 80).load_balancer,
        balanced(Algorithm::Random)
    );
    assert_eq!(rule.effective(None, 81).tls, tls(ClientTlsMode::Simple));
}
