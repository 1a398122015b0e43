use super::*;

const NONE: &[(&str, &str)] = &[];
const ON: &[(&str, &str)] = &[("istio-injection", "enabled")];

fn map(pairs: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn decided(
    namespace: &[(&str, &str)],
    labels: &[(&str, &str)],
    annotations: &[(&str, &str)],
) -> Decision {
    let pod = PodMeta {
        labels: map(labels),
        annotations: map(annotations),
        ..PodMeta::default()
    };
    let namespace = NamespaceMeta {
        name: "shop".to_owned(),
        labels: map(namespace),
    };
    decide(&pod, &namespace, &Policy::default())
}

fn skip_not_enabled() -> Decision {
    Decision::Skip(SkipReason::NamespaceNotEnabled("shop".to_owned()))
}

#[test]
fn namespace_and_pod_decide_as_istios_webhooks_do() {
    use Decision::{Inject, Skip};
    let yes: &[(&str, &str)] = &[("sidecar.istio.io/inject", "true")];
    let no: &[(&str, &str)] = &[("sidecar.istio.io/inject", "false")];
    let odd: &[(&str, &str)] = &[("sidecar.istio.io/inject", "maybe")];
    let off: &[(&str, &str)] = &[("istio-injection", "disabled")];
    let canary: &[(&str, &str)] = &[("istio.io/rev", "canary")];
    let ours: &[(&str, &str)] = &[("istio.io/rev", "default")];
    let disabled = || Skip(SkipReason::NamespaceDisabled("shop".to_owned()));
    let other = || Skip(SkipReason::OtherRevision("canary".to_owned()));
    let cases = [
        ("silent namespace", NONE, NONE, NONE, skip_not_enabled()),
        (
            "enabled namespace",
            ON,
            NONE,
            NONE,
            Inject(InjectReason::Namespace),
        ),
        (
            "our revision",
            ours,
            NONE,
            NONE,
            Inject(InjectReason::Namespace),
        ),
        ("another revision", canary, NONE, NONE, other()),
        ("disabled namespace", off, NONE, NONE, disabled()),
        (
            "a disabled namespace beats the pod",
            off,
            yes,
            NONE,
            disabled(),
        ),
        (
            "a label suffices in a silent namespace",
            NONE,
            yes,
            NONE,
            Inject(InjectReason::PodLabel),
        ),
        (
            "an annotation does not",
            NONE,
            NONE,
            yes,
            skip_not_enabled(),
        ),
        (
            "an annotation in an enabled namespace",
            ON,
            NONE,
            yes,
            Inject(InjectReason::PodAnnotation),
        ),
        (
            "the label beats the annotation",
            ON,
            no,
            yes,
            Skip(SkipReason::PodLabel),
        ),
        (
            "the annotation forbids",
            ON,
            NONE,
            no,
            Skip(SkipReason::PodAnnotation),
        ),
        (
            "an odd label says nothing",
            ON,
            odd,
            no,
            Inject(InjectReason::Namespace),
        ),
        (
            "the pod names another revision",
            NONE,
            canary,
            NONE,
            other(),
        ),
    ];
    for (case, namespace, labels, annotations, expected) in cases {
        assert_eq!(decided(namespace, labels, annotations), expected, "{case}");
    }
}

#[test]
fn host_network_and_the_clusters_own_namespaces_are_never_injected() {
    let asks = map(&[("sidecar.istio.io/inject", "true")]);
    let pod = PodMeta {
        labels: asks,
        host_network: true,
        ..PodMeta::default()
    };
    let policy = Policy::default();
    let decision = decide(&pod, &NamespaceMeta::enabled("shop"), &policy);
    assert_eq!(decision, Decision::Skip(SkipReason::HostNetwork));
    let pod = PodMeta {
        host_network: false,
        ..pod
    };
    let decision = decide(&pod, &NamespaceMeta::enabled("kube-system"), &policy);
    assert_eq!(
        decision,
        Decision::Skip(SkipReason::IgnoredNamespace("kube-system".to_owned()))
    );
}

#[test]
fn ambient_pods_are_left_alone_unless_they_ask() {
    let ambient = ("istio.io/dataplane-mode", "ambient");
    assert_eq!(
        decided(ON, &[ambient], NONE),
        Decision::Skip(SkipReason::Ambient)
    );
    let asks = [ambient, ("sidecar.istio.io/inject", "true")];
    assert_eq!(
        decided(ON, &asks, NONE),
        Decision::Inject(InjectReason::PodLabel)
    );
}

#[test]
fn never_beats_always_beats_the_policy() {
    let selector = |yaml: &str| serde_saphyr::from_str::<Selector>(yaml).unwrap();
    let policy = Policy {
        enabled: false,
        never: vec![selector(
            "matchExpressions: [{key: batch, operator: Exists}]",
        )],
        always: vec![selector("matchLabels: {app: web}")],
        ..Policy::default()
    };
    let with = |labels: &[(&str, &str)]| {
        let pod = PodMeta {
            labels: map(labels),
            ..PodMeta::default()
        };
        decide(&pod, &NamespaceMeta::enabled("shop"), &policy)
    };
    assert_eq!(
        with(&[("app", "web"), ("batch", "")]),
        Decision::Skip(SkipReason::NeverSelector)
    );
    assert_eq!(
        with(&[("app", "web")]),
        Decision::Inject(InjectReason::AlwaysSelector)
    );
    assert_eq!(
        with(&[("app", "api")]),
        Decision::Skip(SkipReason::PolicyDisabled)
    );
}

#[test]
fn selectors_know_every_operator_and_refuse_others() {
    let matches = |yaml: &str, labels: &[(&str, &str)]| {
        serde_saphyr::from_str::<Selector>(yaml).map(|selector| selector.matches(&map(labels)))
    };
    assert!(!matches("{}", &[("a", "b")]).unwrap());
    let any_of = "matchExpressions: [{key: a, operator: In, values: [b, c]}]";
    assert!(matches(any_of, &[("a", "c")]).unwrap() && !matches(any_of, NONE).unwrap());
    let none_of = "matchExpressions: [{key: a, operator: NotIn, values: [b]}]";
    assert!(matches(none_of, NONE).unwrap() && !matches(none_of, &[("a", "b")]).unwrap());
    let absent = "matchExpressions: [{key: a, operator: DoesNotExist}]";
    assert!(matches(absent, NONE).unwrap() && !matches(absent, &[("a", "")]).unwrap());
    assert!(matches("matchExpressions: [{key: a, operator: Near}]", NONE).is_err());
    assert!(matches("matchExpressions: [{key: a, operator: In}]", NONE).is_err());
}

#[test]
fn every_reason_reads_as_a_sentence() {
    let said = skip_not_enabled().to_string();
    assert_eq!(
        said,
        "not injected: injection is not on in namespace shop; label the namespace istio-injection=enabled or the pod sidecar.istio.io/inject=true"
    );
}
