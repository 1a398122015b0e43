//! Annotations on pods, namespaces and objects.

/// On a pod: older form of the label of the same name.
pub const INJECT: &str = "sidecar.istio.io/inject";
/// On a pod, written by the injector: what was added.
pub const STATUS: &str = "sidecar.istio.io/status";
/// On a pod: comma separated list of injection templates.
pub const TEMPLATES: &str = "inject.istio.io/templates";
/// On a pod: YAML of a ProxyConfig for this pod alone.
pub const PROXY_CONFIG: &str = "proxy.istio.io/config";
/// On a pod, written by the injector: the user's own sidecar container before injection.
pub const PROXY_OVERRIDES: &str = "proxy.istio.io/overrides";
/// On a pod or namespace: revision of the control plane.
pub const REVISION: &str = "istio.io/rev";

/// Whether probes of the application go through the sidecar.
pub const REWRITE_APP_PROBERS: &str = "sidecar.istio.io/rewriteAppHTTPProbers";
/// Image of the sidecar.
pub const PROXY_IMAGE: &str = "sidecar.istio.io/proxyImage";
/// Variant of the sidecar's image.
pub const PROXY_IMAGE_TYPE: &str = "sidecar.istio.io/proxyImageType";
/// CPU request of the sidecar.
pub const PROXY_CPU: &str = "sidecar.istio.io/proxyCPU";
/// CPU limit of the sidecar.
pub const PROXY_CPU_LIMIT: &str = "sidecar.istio.io/proxyCPULimit";
/// Memory request of the sidecar.
pub const PROXY_MEMORY: &str = "sidecar.istio.io/proxyMemory";
/// Memory limit of the sidecar.
pub const PROXY_MEMORY_LIMIT: &str = "sidecar.istio.io/proxyMemoryLimit";
/// How traffic gets into the sidecar.
pub const INTERCEPTION_MODE: &str = "sidecar.istio.io/interceptionMode";
/// Whether the sidecar is a restartable init container.
pub const NATIVE_SIDECAR: &str = "sidecar.istio.io/nativeSidecar";
/// Log level of the proxy.
pub const LOG_LEVEL: &str = "sidecar.istio.io/logLevel";
/// Log levels of parts of the proxy.
pub const COMPONENT_LOG_LEVEL: &str = "sidecar.istio.io/componentLogLevel";
/// Log level of the agent.
pub const AGENT_LOG_LEVEL: &str = "sidecar.istio.io/agentLogLevel";
/// Extra volumes of the pod, JSON.
pub const USER_VOLUME: &str = "sidecar.istio.io/userVolume";
/// Extra mounts of the sidecar, JSON.
pub const USER_VOLUME_MOUNT: &str = "sidecar.istio.io/userVolumeMount";
/// ConfigMap with changes to the bootstrap.
pub const BOOTSTRAP_OVERRIDE: &str = "sidecar.istio.io/bootstrapOverride";
/// Address of the control plane.
pub const DISCOVERY_ADDRESS: &str = "sidecar.istio.io/discoveryAddress";
/// Whether the sidecar may bind low ports.
pub const CAP_NET_BIND_SERVICE: &str = "sidecar.istio.io/capNetBindService";
/// Prefixes of the statistics to keep.
pub const STATS_INCLUSION_PREFIXES: &str = "sidecar.istio.io/statsInclusionPrefixes";
/// Suffixes of the statistics to keep.
pub const STATS_INCLUSION_SUFFIXES: &str = "sidecar.istio.io/statsInclusionSuffixes";
/// Regular expressions of the statistics to keep.
pub const STATS_INCLUSION_REGEXPS: &str = "sidecar.istio.io/statsInclusionRegexps";
/// Buckets of histograms.
pub const STATS_HISTOGRAM_BUCKETS: &str = "sidecar.istio.io/statsHistogramBuckets";
/// Bins of histograms.
pub const STATS_HISTOGRAM_BINS: &str = "sidecar.istio.io/statsHistogramBins";
/// Interval at which statistics are flushed.
pub const STATS_FLUSH_INTERVAL: &str = "sidecar.istio.io/statsFlushInterval";
/// Interval at which unused statistics are dropped.
pub const STATS_EVICTION_INTERVAL: &str = "sidecar.istio.io/statsEvictionInterval";
/// Whether the metrics page is compressed.
pub const STATS_COMPRESSION: &str = "sidecar.istio.io/statsCompression";
/// Extra labels of the standard metrics.
pub const EXTRA_STAT_TAGS: &str = "sidecar.istio.io/extraStatTags";

/// Port of the sidecar's status server; 0 turns it off.
pub const STATUS_PORT: &str = "status.sidecar.istio.io/port";
/// Delay before the sidecar's first readiness probe, seconds.
pub const READINESS_INITIAL_DELAY: &str = "readiness.status.sidecar.istio.io/initialDelaySeconds";
/// Period of the sidecar's readiness probe, seconds.
pub const READINESS_PERIOD: &str = "readiness.status.sidecar.istio.io/periodSeconds";
/// Failures after which the sidecar is not ready.
pub const READINESS_FAILURE_THRESHOLD: &str = "readiness.status.sidecar.istio.io/failureThreshold";
/// Ports of the application that readiness waits for.
pub const READINESS_APPLICATION_PORTS: &str = "readiness.status.sidecar.istio.io/applicationPorts";

/// Destination ranges to capture.
pub const INCLUDE_OUTBOUND_IP_RANGES: &str = "traffic.sidecar.istio.io/includeOutboundIPRanges";
/// Destination ranges to leave alone.
pub const EXCLUDE_OUTBOUND_IP_RANGES: &str = "traffic.sidecar.istio.io/excludeOutboundIPRanges";
/// Inbound ports to capture.
pub const INCLUDE_INBOUND_PORTS: &str = "traffic.sidecar.istio.io/includeInboundPorts";
/// Inbound ports to leave alone.
pub const EXCLUDE_INBOUND_PORTS: &str = "traffic.sidecar.istio.io/excludeInboundPorts";
/// Outbound ports to capture even when their range is not.
pub const INCLUDE_OUTBOUND_PORTS: &str = "traffic.sidecar.istio.io/includeOutboundPorts";
/// Outbound ports to leave alone.
pub const EXCLUDE_OUTBOUND_PORTS: &str = "traffic.sidecar.istio.io/excludeOutboundPorts";
/// Interfaces to leave alone.
pub const EXCLUDE_INTERFACES: &str = "traffic.sidecar.istio.io/excludeInterfaces";
/// Bridges of virtual machines, older form.
pub const KUBEVIRT_INTERFACES: &str = "traffic.sidecar.istio.io/kubevirtInterfaces";
/// Bridges of virtual machines whose inbound traffic is treated as outbound.
pub const REROUTE_VIRTUAL_INTERFACES: &str = "istio.io/reroute-virtual-interfaces";

/// Whether the application's metrics are merged into the sidecar's.
pub const MERGE_METRICS: &str = "prometheus.istio.io/merge-metrics";
/// Several metric pages of one application.
pub const SCRAPE_TARGETS: &str = "prometheus.istio.io/scrape-targets";
/// Port on which metrics are served over mesh TLS.
pub const SECURE_METRICS_PORT: &str = "prometheus.istio.io/secure-port";
/// Whether Prometheus reads metrics from the pod.
pub const PROMETHEUS_SCRAPE: &str = "prometheus.io/scrape";
/// Port that Prometheus reads metrics from.
pub const PROMETHEUS_PORT: &str = "prometheus.io/port";
/// Path that Prometheus reads metrics from.
pub const PROMETHEUS_PATH: &str = "prometheus.io/path";

/// On a Service: namespaces that may see it.
pub const EXPORT_TO: &str = "networking.istio.io/exportTo";
/// On a Service, ServiceEntry or namespace: preference for near endpoints.
pub const TRAFFIC_DISTRIBUTION: &str = "networking.istio.io/traffic-distribution";
/// On a Service: extra service accounts of its endpoints, outside the cluster.
pub const KUBERNETES_SERVICE_ACCOUNTS: &str = "alpha.istio.io/kubernetes-serviceaccounts";
/// On a Service: extra identities of its endpoints.
pub const CANONICAL_SERVICE_ACCOUNTS: &str = "alpha.istio.io/canonical-serviceaccounts";
/// On a namespace: control planes that may inject into it from another cluster.
pub const CONTROL_PLANE_CLUSTERS: &str = "topology.istio.io/controlPlaneClusters";
/// On an AuthorizationPolicy: only report what it would refuse.
pub const DRY_RUN: &str = "istio.io/dry-run";
/// On an object: analysis messages to silence.
pub const ANALYZE_SUPPRESS: &str = "galley.istio.io/analyze-suppress";
/// On a ServiceEntry: how its hosts are connected to.
pub const CONNECT_STRATEGY: &str = "istio.io/connect-strategy";
/// On a pod: container that `kubectl` takes when none is named.
pub const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";
/// On a pod: container whose logs `kubectl` takes when none is named.
pub const DEFAULT_LOGS_CONTAINER: &str = "kubectl.kubernetes.io/default-logs-container";
