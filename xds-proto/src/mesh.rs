//! Mesh-wide settings: Istio's MeshConfig and ProxyConfig.
//!
//! Both are read from Istio's YAML. A field that is absent has Istio's default, given by the method of the same name. What
//! this version does not honour is kept in `rest` and named by `not_honoured`, never dropped in silence.

mod config;
mod duration;
mod policy;
mod proxy;
mod unhonoured;

pub use config::MeshConfig;
pub use duration::{Duration, InvalidDuration};
pub use policy::{
    AccessLogEncoding, H2UpgradePolicy, HttpRetry, InboundPolicyMode, InboundTrafficPolicy,
    MeshTls, OutboundPolicyMode, OutboundTrafficPolicy, PathNormalization, PathNormalizationMode,
    TcpKeepalive, TlsVersion,
};
pub use proxy::{ProxyConfig, ProxyImage, ProxyStatsMatcher};
pub use unhonoured::Rest;
