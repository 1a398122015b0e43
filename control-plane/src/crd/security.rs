//! Istio `AuthorizationPolicy` and `RequestAuthentication`: not honoured yet, so they close what they select.

use super::cx::Cx;
use super::peer_authentication::Selector;
use crate::model::authz::Closed;
use serde::Deserialize;
use serde::de::IgnoredAny;

#[derive(Deserialize)]
pub(super) struct Raw {
    #[serde(default)]
    spec: Spec,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    selector: Selector,
    target_ref: Option<IgnoredAny>,
    target_refs: Vec<IgnoredAny>,
}

/// `None`: it is meant for gateways and waypoints, never for sidecars.
pub(super) fn lower(raw: Raw, cx: &Cx<'_>) -> Option<Closed> {
    let Raw {
        spec:
            Spec {
                selector,
                target_ref,
                target_refs,
            },
    } = raw;
    if target_ref.is_some() || !target_refs.is_empty() {
        cx.warn("spec.targetRefs", "policies attached to gateways or waypoints do not concern sidecars; select workloads instead");
        return None;
    }
    let selector = selector.labels();
    let whom = match selector.is_empty() {
        true => format!(
            "all workloads of namespace {} (of the mesh, if that is the root namespace)",
            cx.origin.namespace
        ),
        false => "the workloads that its selector names".to_owned(),
    };
    cx.warn(
        "spec",
        format_args!(
            "its rules are not honoured yet, so {whom} refuse every request; remove it to open them"
        ),
    );
    Some(Closed {
        origin: cx.origin.clone(),
        selector,
    })
}
