//! Application protocols named in TLS hellos.

/// HTTP/1.0.
pub const HTTP_10: &str = "http/1.0";
/// HTTP/1.1.
pub const HTTP_11: &str = "http/1.1";
/// HTTP/2 over TLS.
pub const H2: &str = "h2";
/// HTTP/2 without TLS; never sent in a TLS hello by browsers, but matched by filter chains.
pub const H2C: &str = "h2c";
/// HTTP/1.0 between sidecars.
pub const ISTIO_HTTP_10: &str = "istio-http/1.0";
/// HTTP/1.1 between sidecars.
pub const ISTIO_HTTP_11: &str = "istio-http/1.1";
/// HTTP/2 between sidecars.
pub const ISTIO_H2: &str = "istio-h2";
/// Anything else between sidecars.
pub const ISTIO: &str = "istio";
/// TCP between sidecars that exchange peer metadata first.
pub const ISTIO_PEER_EXCHANGE: &str = "istio-peer-exchange";

/// Every protocol that only a sidecar sends.
pub const MESH: [&str; 5] = [
    ISTIO_PEER_EXCHANGE,
    ISTIO,
    ISTIO_HTTP_10,
    ISTIO_HTTP_11,
    ISTIO_H2,
];
