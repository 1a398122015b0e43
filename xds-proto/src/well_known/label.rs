//! Labels on pods, namespaces and services.

/// On a pod: `true` or `false` forces or forbids injection.
pub const INJECT: &str = "sidecar.istio.io/inject";
/// On a namespace: `enabled` or `disabled`.
pub const NAMESPACE_INJECTION: &str = "istio-injection";
/// On a pod or namespace: revision or tag of the control plane.
pub const REVISION: &str = "istio.io/rev";
/// On a webhook: the revision tag it stands for.
pub const TAG: &str = "istio.io/tag";
/// On a pod, written by the injector: `istio` says that it speaks mesh TLS.
pub const TLS_MODE: &str = "security.istio.io/tlsMode";
/// On a pod: service name in telemetry.
pub const CANONICAL_NAME: &str = "service.istio.io/canonical-name";
/// On a pod: service revision in telemetry.
pub const CANONICAL_REVISION: &str = "service.istio.io/canonical-revision";
/// On a pod: workload name in telemetry.
pub const WORKLOAD_NAME: &str = "service.istio.io/workload-name";
/// On a pod or namespace: network that it is attached to.
pub const NETWORK: &str = "topology.istio.io/network";
/// On an object: cluster that it belongs to.
pub const CLUSTER: &str = "topology.istio.io/cluster";
/// On a node: subzone.
pub const SUBZONE: &str = "topology.istio.io/subzone";
/// On a pod: locality that overrides the node's.
pub const LOCALITY: &str = "topology.istio.io/locality";
/// On a pod: locality in the older form `region.zone.subzone`.
pub const LEGACY_LOCALITY: &str = "istio-locality";
/// On a node: region.
pub const REGION: &str = "topology.kubernetes.io/region";
/// On a node: zone.
pub const ZONE: &str = "topology.kubernetes.io/zone";
/// On a pod: application, by convention.
pub const APP: &str = "app";
/// On a pod: version, by convention.
pub const VERSION: &str = "version";
/// On a pod: application, by Kubernetes' recommendation.
pub const KUBERNETES_NAME: &str = "app.kubernetes.io/name";
/// On a pod: version, by Kubernetes' recommendation.
pub const KUBERNETES_VERSION: &str = "app.kubernetes.io/version";
/// On a slice: service whose endpoints it holds.
pub const SLICE_SERVICE: &str = "kubernetes.io/service-name";
/// On a pod or namespace: data plane of another mode, which sidecar mode leaves alone.
pub const DATAPLANE_MODE: &str = "istio.io/dataplane-mode";
/// On a pod or service: cookie of a persistent session.
pub const PERSISTENT_SESSION: &str = "istio.io/persistent-session";
/// On a pod or service: header of a persistent session.
pub const PERSISTENT_SESSION_HEADER: &str = "istio.io/persistent-session-header";
/// On a pod: it only keeps the sessions it has.
pub const DRAINING: &str = "istio.io/draining";
/// On a service entry: whether it gets an address when it names none.
pub const AUTO_ALLOCATE_IP: &str = "networking.istio.io/enable-autoallocate-ip";
/// On a service: port of the gateway between networks.
pub const GATEWAY_PORT: &str = "networking.istio.io/gatewayPort";
/// On a pod: tunnel that it understands.
pub const TUNNEL: &str = "networking.istio.io/tunnel";
