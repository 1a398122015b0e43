//! HTTP headers that the mesh reads, writes or strips. All are lower case.

/// Identity of one request through all hops.
pub const REQUEST_ID: &str = "x-request-id";
/// Addresses that a request came through.
pub const FORWARDED_FOR: &str = "x-forwarded-for";
/// Scheme that the client used.
pub const FORWARDED_PROTO: &str = "x-forwarded-proto";
/// Authority that the client used.
pub const FORWARDED_HOST: &str = "x-forwarded-host";
/// Port that the client used.
pub const FORWARDED_PORT: &str = "x-forwarded-port";
/// Identity of the TLS client, as its server saw it.
pub const FORWARDED_CLIENT_CERT: &str = "x-forwarded-client-cert";
/// Tells a peer's metadata.
pub const PEER_METADATA: &str = "x-envoy-peer-metadata";
/// Tells a peer's node id.
pub const PEER_METADATA_ID: &str = "x-envoy-peer-metadata-id";
/// How often a request was sent, the present attempt included.
pub const ATTEMPT_COUNT: &str = "x-envoy-attempt-count";
/// Name of the operation in traces.
pub const DECORATOR_OPERATION: &str = "x-envoy-decorator-operation";
/// Milliseconds that the upstream took.
pub const UPSTREAM_SERVICE_TIME: &str = "x-envoy-upstream-service-time";
/// Path before a rewrite.
pub const ORIGINAL_PATH: &str = "x-envoy-original-path";
/// Authority before a rewrite.
pub const ORIGINAL_HOST: &str = "x-envoy-original-host";
/// Method before a rewrite.
pub const ORIGINAL_METHOD: &str = "x-envoy-original-method";
/// Says that a circuit breaker or overload refused the request.
pub const OVERLOADED: &str = "x-envoy-overloaded";
/// Says that a rate limit refused the request.
pub const RATE_LIMITED: &str = "x-envoy-ratelimited";
/// Says that the degraded endpoint answered.
pub const DEGRADED: &str = "x-envoy-degraded";
/// Says that the response failed at once and health checks need not be waited for.
pub const IMMEDIATE_HEALTH_CHECK_FAIL: &str = "x-envoy-immediate-health-check-fail";
/// Address of the client outside the mesh.
pub const EXTERNAL_ADDRESS: &str = "x-envoy-external-address";
/// Says that the request came from inside.
pub const INTERNAL: &str = "x-envoy-internal";
/// Asks for a trace.
pub const FORCE_TRACE: &str = "x-envoy-force-trace";
/// Timeout of the whole request, milliseconds.
pub const UPSTREAM_RQ_TIMEOUT_MS: &str = "x-envoy-upstream-rq-timeout-ms";
/// Timeout of one attempt, milliseconds.
pub const UPSTREAM_RQ_PER_TRY_TIMEOUT_MS: &str = "x-envoy-upstream-rq-per-try-timeout-ms";
/// Timeout that the caller still expects, milliseconds.
pub const EXPECTED_RQ_TIMEOUT_MS: &str = "x-envoy-expected-rq-timeout-ms";
/// Answers a timeout with 204 instead of 504.
pub const UPSTREAM_RQ_TIMEOUT_ALT_RESPONSE: &str = "x-envoy-upstream-rq-timeout-alt-response";
/// Reasons for a retry.
pub const RETRY_ON: &str = "x-envoy-retry-on";
/// Reasons for a retry, by gRPC status.
pub const RETRY_GRPC_ON: &str = "x-envoy-retry-grpc-on";
/// Status codes that are retried.
pub const RETRIABLE_STATUS_CODES: &str = "x-envoy-retriable-status-codes";
/// Response headers that are retried.
pub const RETRIABLE_HEADER_NAMES: &str = "x-envoy-retriable-header-names";
/// Most retries of a request.
pub const MAX_RETRIES: &str = "x-envoy-max-retries";
/// Sends a hedged attempt when one attempt times out.
pub const HEDGE_ON_PER_TRY_TIMEOUT: &str = "x-envoy-hedge-on-per-try-timeout";
/// Other name under which a request's virtual cluster is counted.
pub const UPSTREAM_ALT_STAT_NAME: &str = "x-envoy-upstream-alt-stat-name";
/// Cluster behind an internal redirect.
pub const UPSTREAM_CANARY: &str = "x-envoy-upstream-canary";
/// Cluster of the calling service.
pub const DOWNSTREAM_SERVICE_CLUSTER: &str = "x-envoy-downstream-service-cluster";
/// Node of the calling service.
pub const DOWNSTREAM_SERVICE_NODE: &str = "x-envoy-downstream-service-node";
/// Addresses that a request was forwarded to.
pub const IP_TAGS: &str = "x-envoy-ip-tags";
/// Trace of Zipkin: trace.
pub const B3_TRACE_ID: &str = "x-b3-traceid";
/// Trace of Zipkin: span.
pub const B3_SPAN_ID: &str = "x-b3-spanid";
/// Trace of Zipkin: parent span.
pub const B3_PARENT_SPAN_ID: &str = "x-b3-parentspanid";
/// Trace of Zipkin: sampling decision.
pub const B3_SAMPLED: &str = "x-b3-sampled";
/// Trace of Zipkin: flags.
pub const B3_FLAGS: &str = "x-b3-flags";
/// Trace of Zipkin in one header.
pub const B3: &str = "b3";
/// Trace of the W3C: trace and span.
pub const TRACEPARENT: &str = "traceparent";
/// Trace of the W3C: vendors' parts.
pub const TRACESTATE: &str = "tracestate";
/// Values carried along by the W3C's propagation.
pub const BAGGAGE: &str = "baggage";
/// Client's span of older tracers.
pub const OT_SPAN_CONTEXT: &str = "x-ot-span-context";
