//! Which objects concern the mesh.

use super::problem::Invalid;
use super::security;
use super::tree::Node;
use crate::model::Kind;

/// What an object is to the mesh.
pub(super) enum Recognised {
    /// A kind that is read.
    Kind(Kind),
    /// Kubernetes' own business.
    NotOfTheMesh,
    /// It means the mesh, but nothing honours it: why.
    NotHonoured(String),
}

/// Groups whose objects are Kubernetes' own business; the core group is the empty one.
const QUIET_GROUPS: [&str; 17] = [
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
];

/// Kinds of the core group that are Kubernetes' own business.
const QUIET_CORE: [&str; 11] = [
    "ConfigMap",
    "Event",
    "LimitRange",
    "Node",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "PodTemplate",
    "ReplicationController",
    "ResourceQuota",
    "Secret",
    "List",
];

/// Reads `apiVersion` and `kind`.
pub(super) fn recognise(node: &Node) -> Result<Recognised, Invalid> {
    let text = |field: &str| {
        let value = node.get(field).and_then(Node::text);
        value.ok_or_else(|| {
            Invalid::new(format_args!(
                "`{field}` is missing; every object starts with `apiVersion` and `kind`"
            ))
        })
    };
    let (kind, api) = (text("kind")?, text("apiVersion")?);
    let (group, version) = api.rsplit_once('/').unwrap_or(("", api));
    match Kind::ALL
        .into_iter()
        .find(|known| known.as_str() == kind && known.group() == group)
    {
        Some(known) if known.versions().contains(&version) => Ok(Recognised::Kind(known)),
        Some(known) => Err(Invalid::new(format_args!(
            "version `{version}` of {kind} is not known; write one of {}",
            known.versions().join(", ")
        ))
        .at("apiVersion")),
        None => match security::kind(node) {
            Some(meant) => Err(Invalid::new(format_args!(
                "{kind} is not of group `{group}`; write {}/{}",
                meant.group(),
                meant.versions()[0]
            ))
            .at("apiVersion")),
            None => Ok(not_read(node, group, kind)),
        },
    }
}

fn not_read(node: &Node, group: &str, kind: &str) -> Recognised {
    let quiet = match group {
        "" => QUIET_CORE.contains(&kind),
        group => QUIET_GROUPS.contains(&group),
    };
    if quiet {
        return Recognised::NotOfTheMesh;
    }
    let metadata = |field: &str| {
        node.get("metadata")
            .and_then(|metadata| metadata.get(field))
            .and_then(Node::text)
    };
    let namespace = metadata("namespace").unwrap_or("default");
    let name = metadata("name").unwrap_or("(without name)");
    let why = match group.ends_with(".istio.io") || group.starts_with("gateway.networking") {
        true => "is not honoured yet; it has no effect",
        false => "is of a kind that is not known; check `kind` and `apiVersion`",
    };
    Recognised::NotHonoured(format!("{kind} {namespace}/{name} {why}"))
}
