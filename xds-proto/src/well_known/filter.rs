//! Names of Envoy's filters, transport sockets and other extensions, and the type URLs of their configuration.

/// What an extension is called and which message configures it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Extension {
    /// Canonical name.
    pub name: &'static str,
    /// Type URL of its configuration.
    pub type_url: &'static str,
}

macro_rules! extensions {
    ($($(#[$doc:meta])* $constant:ident = $name:literal, $message:literal;)*) => {
        $($(#[$doc])* pub const $constant: Extension =
            Extension { name: $name, type_url: concat!("type.googleapis.com/", $message) };)*

        /// Every extension named in this module.
        pub const ALL: &[Extension] = &[$($constant),*];
    };
}

extensions! {
    /// HTTP: sends the request upstream; last in its chain.
    ROUTER = "envoy.filters.http.router", "envoy.extensions.filters.http.router.v3.Router";
    /// HTTP: delays and aborts.
    HTTP_FAULT = "envoy.filters.http.fault", "envoy.extensions.filters.http.fault.v3.HTTPFault";
    /// HTTP: cross-origin rules.
    CORS = "envoy.filters.http.cors", "envoy.extensions.filters.http.cors.v3.Cors";
    /// HTTP: authorization.
    HTTP_RBAC = "envoy.filters.http.rbac", "envoy.extensions.filters.http.rbac.v3.RBAC";
    /// HTTP: tokens.
    JWT_AUTHN = "envoy.filters.http.jwt_authn", "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication";
    /// HTTP: external authorization.
    HTTP_EXT_AUTHZ = "envoy.filters.http.ext_authz", "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz";
    /// HTTP: rate limit within one proxy.
    LOCAL_RATE_LIMIT =
        "envoy.filters.http.local_ratelimit", "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit";
    /// HTTP: counts gRPC messages.
    GRPC_STATS = "envoy.filters.http.grpc_stats", "envoy.extensions.filters.http.grpc_stats.v3.FilterConfig";
    /// HTTP: gRPC for browsers.
    GRPC_WEB = "envoy.filters.http.grpc_web", "envoy.extensions.filters.http.grpc_web.v3.GrpcWeb";
    /// Network: HTTP.
    HTTP_CONNECTION_MANAGER =
        "envoy.filters.network.http_connection_manager",
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
    /// Network: bytes.
    TCP_PROXY = "envoy.filters.network.tcp_proxy", "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy";
    /// Network: authorization.
    NETWORK_RBAC = "envoy.filters.network.rbac", "envoy.extensions.filters.network.rbac.v3.RBAC";
    /// Network: chooses the cluster by server name.
    SNI_CLUSTER = "envoy.filters.network.sni_cluster", "envoy.extensions.filters.network.sni_cluster.v3.SniCluster";
    /// Listener: restores the destination that the client meant.
    ORIGINAL_DST =
        "envoy.filters.listener.original_dst", "envoy.extensions.filters.listener.original_dst.v3.OriginalDst";
    /// Listener: reads the TLS hello.
    TLS_INSPECTOR =
        "envoy.filters.listener.tls_inspector", "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector";
    /// Listener: recognises HTTP.
    HTTP_INSPECTOR =
        "envoy.filters.listener.http_inspector", "envoy.extensions.filters.listener.http_inspector.v3.HttpInspector";
    /// Listener: PROXY protocol.
    PROXY_PROTOCOL =
        "envoy.filters.listener.proxy_protocol", "envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol";
    /// Transport socket to an upstream: TLS.
    UPSTREAM_TLS =
        "envoy.transport_sockets.tls", "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
    /// Transport socket from a downstream: TLS.
    DOWNSTREAM_TLS =
        "envoy.transport_sockets.tls", "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext";
    /// Transport socket: no TLS.
    RAW_BUFFER =
        "envoy.transport_sockets.raw_buffer", "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer";
    /// Options of HTTP towards an upstream, held by a cluster.
    HTTP_PROTOCOL_OPTIONS =
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    /// Access log to a file.
    FILE_ACCESS_LOG = "envoy.access_loggers.file", "envoy.extensions.access_loggers.file.v3.FileAccessLog";
}

/// HTTP filters of Istio that only collect or exchange data: metadata exchange.
pub const METADATA_EXCHANGE: &str = "istio.metadata_exchange";
/// HTTP filters of Istio that only collect or exchange data: peer metadata.
pub const PEER_METADATA: &str = "istio.peer_metadata";
/// HTTP and network filter of Istio that keeps the standard metrics.
pub const ISTIO_STATS: &str = "istio.stats";
/// HTTP filter of Istio that adapts ALPN to the request's protocol.
pub const ISTIO_ALPN: &str = "istio.alpn";
/// HTTP filter that copies TLS identity for authorization.
pub const ISTIO_AUTHN: &str = "istio_authn";
