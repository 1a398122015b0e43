//! What the proxy tells about its work: metrics and access logs.

pub mod access_log;
pub mod istio;
pub mod metrics;
