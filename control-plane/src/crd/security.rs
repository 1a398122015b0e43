//! Istio `AuthorizationPolicy` and `RequestAuthentication`: not honoured yet, so they close what they select. So does any
//! security object that cannot be read.

use super::cx::Cx;
use super::peer_authentication::Selector;
use super::tree::{Node, Value};
use super::value;
use crate::model::authz::Closed;
use crate::model::{Kind, Labels, Object};
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

/// What a broken security object closes: what its selector names if that can be read, else its namespace. `None`: it is
/// of another kind, or even its namespace cannot be read, or it is meant for gateways and waypoints.
pub(super) fn broken(node: &Node) -> Option<Closed> {
    let kind = kind(node)?;
    let metadata = node.get("metadata");
    let namespace = match metadata.and_then(|metadata| metadata.get("namespace")) {
        None => "default",
        Some(namespace) if namespace.value == Value::Null => "default",
        Some(namespace) => namespace.text()?,
    };
    value::check_object_name(namespace).ok()?;
    let spec = node.get("spec");
    if kind != Kind::PeerAuthentication && spec.is_some_and(is_for_gateways) {
        return None;
    }
    let selector = spec.and_then(selector).unwrap_or_default();
    let name = metadata
        .and_then(|metadata| metadata.get("name"))
        .and_then(Node::text)
        .filter(|name| value::check_object_name(name).is_ok())
        .map_or_else(|| nameless(&selector), str::to_owned);
    Some(Closed {
        origin: Object {
            kind,
            namespace: namespace.into(),
            name: name.into(),
        },
        selector,
    })
}

/// The security kind that an object claims to be, whatever version of it. Other meshes have kinds of these names too.
pub(super) fn kind(node: &Node) -> Option<Kind> {
    let kind = node.get("kind").and_then(Node::text)?;
    let api = node.get("apiVersion").and_then(Node::text).unwrap_or("");
    let group = api.split_once('/').map_or("", |(group, _)| group);
    let ours = group.is_empty() || group.starts_with("security.") || group.ends_with("istio.io");
    [
        Kind::AuthorizationPolicy,
        Kind::RequestAuthentication,
        Kind::PeerAuthentication,
    ]
    .into_iter()
    .find(|known| ours && known.as_str() == kind)
}

fn is_for_gateways(spec: &Node) -> bool {
    let is_reference = |node: &Node| node.get("kind").and_then(Node::text).is_some();
    let several = spec.get("targetRefs").and_then(Node::items);
    several.is_some_and(|several| !several.is_empty() && several.iter().all(is_reference))
        || spec.get("targetRef").is_some_and(is_reference)
}

/// All labels of the selector, or none if one of them cannot be read.
fn selector(spec: &Node) -> Option<Labels> {
    let Value::Map(labels) = &spec.get("selector")?.get("matchLabels")?.value else {
        return None;
    };
    labels
        .iter()
        .map(|(key, value)| Some((key.name.as_str(), value.text()?)))
        .collect()
}

/// A name for what has none: equal only for those that close the same.
fn nameless(selector: &Labels) -> String {
    let labels: Vec<String> = selector
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    match labels.is_empty() {
        true => "(without name)".to_owned(),
        false => format!("(without name, of {})", labels.join(",")),
    }
}
