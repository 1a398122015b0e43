//! The containers and volumes that a pod gets, as typed objects.

mod env;
pub(crate) mod kubernetes;
mod proxy;
mod redirect;
mod volumes;

use serde_json::Value;

use crate::config::Config;
use crate::meta::Owner;
use crate::settings::Settings;
use kubernetes::Container;

/// Name of the sidecar's container.
pub(crate) const PROXY: &str = "istio-proxy";
/// Name of the capture container.
pub(crate) const INIT: &str = "istio-init";

/// What is known when a sidecar is built.
pub(crate) struct Context<'a> {
    pub(crate) config: &'a Config,
    pub(crate) settings: &'a Settings,
    pub(crate) owner: &'a Owner,
    pub(crate) namespace: &'a str,
    /// The pod before injection.
    pub(crate) pod: &'a Value,
    /// Variables that rewriting the pod left behind, such as the original probes.
    pub(crate) rewritten: Vec<(&'static str, String)>,
}

/// What is added to a pod.
pub(crate) struct Sidecar {
    /// The capture container, unless nothing is captured.
    pub(crate) init: Option<Container>,
    pub(crate) proxy: Container,
    pub(crate) volumes: Vec<Value>,
}

/// Builds the sidecar.
pub(crate) fn build(cx: &Context<'_>) -> Sidecar {
    Sidecar {
        init: redirect::container(cx),
        proxy: proxy::container(cx),
        volumes: volumes::volumes(cx),
    }
}
