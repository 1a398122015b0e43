//! Files of an injected sidecar, where Istio's injector puts them.

/// Projected service-account token for the control plane.
pub const TOKEN: &str = "/var/run/secrets/tokens/istio-token";
/// Kubernetes' own service-account token.
pub const KUBERNETES_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";
/// Roots that verify the control plane.
pub const ROOT_CERT: &str = "/var/run/secrets/istio/root-cert.pem";
/// Revocation lists of the mesh CA.
pub const CA_CRL: &str = "/var/run/secrets/istio/crl/ca-crl.pem";
/// Folder of the pod's own labels and annotations.
pub const POD_INFO: &str = "/etc/istio/pod";
/// Labels of the pod, one `key="value"` a line.
pub const POD_LABELS: &str = "/etc/istio/pod/labels";
/// Annotations of the pod, one `key="value"` a line.
pub const POD_ANNOTATIONS: &str = "/etc/istio/pod/annotations";
/// Folder for the sidecar's own files.
pub const PROXY_CONFIG: &str = "/etc/istio/proxy";
/// Folder that outlives a restart of the sidecar's container.
pub const PROXY_DATA: &str = "/var/lib/istio/data";
/// Folder of the workload identity socket.
pub const WORKLOAD_SOCKET_DIR: &str = "/var/run/secrets/workload-spiffe-uds";
/// Workload identity socket (SDS).
pub const WORKLOAD_SOCKET: &str = "/var/run/secrets/workload-spiffe-uds/socket";
/// Folder of the socket for gateways' credentials.
pub const CREDENTIAL_SOCKET_DIR: &str = "/var/run/secrets/credential-uds";
/// Socket for gateways' credentials.
pub const CREDENTIAL_SOCKET: &str = "/var/run/secrets/credential-uds/socket";
/// Folder of certificates that something else on the node provides.
pub const WORKLOAD_CERTS: &str = "/var/run/secrets/workload-spiffe-credentials";
/// Socket over which the sidecar relays xDS.
pub const XDS_SOCKET: &str = "/etc/istio/proxy/XDS";
