//! Ports of the sidecar and of the control plane.

/// Sidecar: admin interface, loopback only.
pub const ADMIN: u16 = 15000;
/// Sidecar: captured outbound traffic.
pub const OUTBOUND: u16 = 15001;
/// Sidecar: probe of the capture rules while a pod starts.
pub const CAPTURE_PROBE: u16 = 15002;
/// Sidecar: debug endpoint of the xDS client.
pub const XDS_DEBUG: u16 = 15004;
/// Sidecar: captured inbound traffic.
pub const INBOUND: u16 = 15006;
/// Sidecar: inbound HBONE tunnels.
pub const HBONE: u16 = 15008;
/// Control plane: xDS and CA without TLS.
pub const XDS_PLAINTEXT: u16 = 15010;
/// Control plane: xDS and CA over TLS.
pub const XDS_TLS: u16 = 15012;
/// Control plane: metrics and debug pages.
pub const CONTROL_PLANE_METRICS: u16 = 15014;
/// Control plane: webhooks.
pub const WEBHOOK: u16 = 15017;
/// Sidecar: readiness, rewritten probes of the application, merged metrics.
pub const STATUS: u16 = 15020;
/// Sidecar: health of the sidecar itself.
pub const HEALTH: u16 = 15021;
/// Sidecar: DNS proxy.
pub const DNS: u16 = 15053;
/// Sidecar: metrics of the proxy alone.
pub const PROMETHEUS: u16 = 15090;
/// Gateways: TLS between networks, forwarded by server name.
pub const CROSS_NETWORK: u16 = 15443;

/// Ports on which inbound traffic reaches the sidecar without being captured.
pub const NEVER_CAPTURED_INBOUND: [u16; 4] = [HBONE, PROMETHEUS, HEALTH, STATUS];
/// Ports that `proxy.istio.io/config` and Services must leave to the sidecar.
pub const RESERVED: [u16; 10] = [
    ADMIN,
    OUTBOUND,
    CAPTURE_PROBE,
    XDS_DEBUG,
    INBOUND,
    HBONE,
    STATUS,
    HEALTH,
    DNS,
    PROMETHEUS,
];
