//! Whether a pod gets a sidecar, and because of what. Pure; Istio's rules.
//!
//! Istio splits them between the webhook's selectors (namespace and revision labels) and the webhook itself (the rest).
//! Here they are one function.

mod selector;
#[cfg(test)]
mod tests;

use std::fmt;

use xds_proto::well_known::{annotation, label};

use crate::meta::{NamespaceMeta, PodMeta};
pub use selector::{InvalidSelector, Selector};

/// Which pods are injected when they say nothing themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Whether pods of an enabled namespace are injected unless they object.
    pub enabled: bool,
    /// Revision that this injector serves; `default` also serves `istio-injection=enabled`.
    pub revision: String,
    /// Namespaces that are never touched.
    pub ignored_namespaces: Vec<String>,
    /// Pods that match are not injected unless they ask for it.
    pub never: Vec<Selector>,
    /// Pods that match are injected even where `enabled` is false, unless `never` matches.
    pub always: Vec<Selector>,
}

/// The answer, with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The pod gets a sidecar.
    Inject(InjectReason),
    /// The pod stays as it is.
    Skip(SkipReason),
}

/// Why a pod gets a sidecar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InjectReason {
    /// The pod's label asks for it.
    PodLabel,
    /// The pod's annotation asks for it.
    PodAnnotation,
    /// A selector of the policy asks for it.
    AlwaysSelector,
    /// The namespace has it on, and so has the policy.
    Namespace,
}

/// Why a pod stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SkipReason {
    /// Redirect rules would be the node's.
    HostNetwork,
    /// The namespace is the cluster's own.
    IgnoredNamespace(String),
    /// `istio-injection=disabled`.
    NamespaceDisabled(String),
    /// The namespace says nothing, and the pod has no label.
    NamespaceNotEnabled(String),
    /// Another control plane's revision is asked for.
    OtherRevision(String),
    /// The pod's label forbids it.
    PodLabel,
    /// The pod's annotation forbids it.
    PodAnnotation,
    /// The pod belongs to the ambient data plane.
    Ambient,
    /// A selector of the policy forbids it.
    NeverSelector,
    /// The policy is off.
    PolicyDisabled,
}

impl Default for Policy {
    fn default() -> Self {
        let ignored = [
            "kube-system",
            "kube-public",
            "kube-node-lease",
            "local-path-storage",
        ];
        Self {
            enabled: true,
            revision: "default".to_owned(),
            ignored_namespaces: ignored.map(str::to_owned).to_vec(),
            never: Vec::new(),
            always: Vec::new(),
        }
    }
}

/// Decides whether the pod gets a sidecar.
pub fn decide(pod: &PodMeta, namespace: &NamespaceMeta, policy: &Policy) -> Decision {
    if pod.host_network {
        return Decision::Skip(SkipReason::HostNetwork);
    }
    if policy.ignored_namespaces.contains(&namespace.name) {
        return Decision::Skip(SkipReason::IgnoredNamespace(namespace.name.clone()));
    }
    let namespace_says = match namespace_wish(pod, namespace, policy) {
        Ok(wish) => wish,
        Err(skip) => return Decision::Skip(skip),
    };
    match (pod_wish(pod), namespace_says) {
        (Some(PodWish::Refuse(reason)), _) => Decision::Skip(reason),
        (Some(PodWish::Want(InjectReason::PodLabel)), _) => {
            Decision::Inject(InjectReason::PodLabel)
        }
        (_, NamespaceWish::Silent) => {
            Decision::Skip(SkipReason::NamespaceNotEnabled(namespace.name.clone()))
        }
        (Some(PodWish::Want(reason)), NamespaceWish::Enabled) => Decision::Inject(reason),
        (None, NamespaceWish::Enabled) => by_policy(pod, policy),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NamespaceWish {
    Enabled,
    Silent,
}

enum PodWish {
    Want(InjectReason),
    Refuse(SkipReason),
}

fn namespace_wish(
    pod: &PodMeta,
    namespace: &NamespaceMeta,
    policy: &Policy,
) -> Result<NamespaceWish, SkipReason> {
    let ours = |revision: &String| match *revision == policy.revision {
        true => Ok(NamespaceWish::Enabled),
        false => Err(SkipReason::OtherRevision(revision.clone())),
    };
    match namespace
        .labels
        .get(label::NAMESPACE_INJECTION)
        .map(String::as_str)
    {
        Some("enabled") => ours(&"default".to_owned()),
        Some(_) => Err(SkipReason::NamespaceDisabled(namespace.name.clone())),
        None => match (
            namespace.labels.get(label::REVISION),
            pod.labels.get(label::REVISION),
        ) {
            (Some(revision), _) => ours(revision),
            (None, Some(revision)) => ours(revision).map(|_| NamespaceWish::Silent),
            (None, None) => Ok(NamespaceWish::Silent),
        },
    }
}

fn pod_wish(pod: &PodMeta) -> Option<PodWish> {
    if let Some(value) = pod.labels.get(label::INJECT) {
        return match value.as_str() {
            "true" => Some(PodWish::Want(InjectReason::PodLabel)),
            "false" => Some(PodWish::Refuse(SkipReason::PodLabel)),
            _ => ambient(pod),
        };
    }
    match pod.annotations.get(annotation::INJECT).map(String::as_str) {
        Some("true") => Some(PodWish::Want(InjectReason::PodAnnotation)),
        Some("false") => Some(PodWish::Refuse(SkipReason::PodAnnotation)),
        Some(_) | None => ambient(pod),
    }
}

fn ambient(pod: &PodMeta) -> Option<PodWish> {
    let ambient = pod
        .labels
        .get(label::DATAPLANE_MODE)
        .is_some_and(|mode| mode == "ambient");
    ambient.then_some(PodWish::Refuse(SkipReason::Ambient))
}

fn by_policy(pod: &PodMeta, policy: &Policy) -> Decision {
    let any = |selectors: &[Selector]| {
        selectors
            .iter()
            .any(|selector| selector.matches(&pod.labels))
    };
    if any(&policy.never) {
        Decision::Skip(SkipReason::NeverSelector)
    } else if any(&policy.always) {
        Decision::Inject(InjectReason::AlwaysSelector)
    } else if policy.enabled {
        Decision::Inject(InjectReason::Namespace)
    } else {
        Decision::Skip(SkipReason::PolicyDisabled)
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inject(reason) => write!(f, "injected: {reason}"),
            Self::Skip(reason) => write!(f, "not injected: {reason}"),
        }
    }
}

impl fmt::Display for InjectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PodLabel => write!(f, "the pod's label {}=true", label::INJECT),
            Self::PodAnnotation => {
                write!(f, "the pod's annotation {}: \"true\"", annotation::INJECT)
            }
            Self::AlwaysSelector => {
                f.write_str("the pod matches the injector's alwaysInjectSelector")
            }
            Self::Namespace => f.write_str("injection is on in the namespace"),
        }
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HostNetwork => {
                f.write_str("the pod uses the host network, whose traffic must not be redirected")
            }
            Self::IgnoredNamespace(name) => write!(f, "namespace {name} is never injected"),
            Self::NamespaceDisabled(name) => {
                write!(
                    f,
                    "namespace {name} has {} set to something other than enabled",
                    label::NAMESPACE_INJECTION
                )
            }
            Self::NamespaceNotEnabled(name) => write!(
                f,
                "injection is not on in namespace {name}; label the namespace {}=enabled or the pod {}=true",
                label::NAMESPACE_INJECTION,
                label::INJECT
            ),
            Self::OtherRevision(revision) => write!(f, "revision {revision} is another injector's"),
            Self::PodLabel => write!(f, "the pod's label {}=false", label::INJECT),
            Self::PodAnnotation => {
                write!(f, "the pod's annotation {}: \"false\"", annotation::INJECT)
            }
            Self::Ambient => write!(f, "the pod's label {}=ambient", label::DATAPLANE_MODE),
            Self::NeverSelector => {
                f.write_str("the pod matches the injector's neverInjectSelector")
            }
            Self::PolicyDisabled => write!(
                f,
                "the injector's policy is off; label the pod {}=true",
                label::INJECT
            ),
        }
    }
}
