//! Injection of one pod: decide, strip, build, patch.

use json_patch::Patch;
use serde_json::Value;
use xds_proto::well_known::PROXY_UID;

use crate::config::Config;
use crate::decide::{Decision, decide};
use crate::error::InjectError;
use crate::meta::{NamespaceMeta, Owner, PodMeta};
use crate::pod::{self, Overrides, Placement};
use crate::settings::Settings;
use crate::sidecar::{self, Context};
use crate::{probes, prometheus};

/// What became of a pod.
#[derive(Debug, Clone, PartialEq)]
pub struct Injected {
    /// The pod, with the sidecar if the decision was to inject.
    pub pod: Value,
    /// The change as JSON Patch; empty if the pod stays as it is.
    pub patch: Patch,
    /// Whether it was injected, and why.
    pub decision: Decision,
    /// What the user should know: wishes that are not honoured, pods whose traffic escapes.
    pub warnings: Vec<String>,
}

/// Injects a pod; its owner is read from its `ownerReferences`.
///
/// # Errors
/// When the pod is malformed, or an annotation is invalid or not supported; names it.
pub fn inject(
    pod: Value,
    namespace: &NamespaceMeta,
    config: &Config,
) -> Result<Injected, InjectError> {
    let owner = Owner::of_pod(&pod);
    inject_owned(pod, &owner, namespace, config)
}

/// Injects a pod, or the pod template of `owner`.
///
/// # Errors
/// As [`inject`].
pub fn inject_owned(
    before: Value,
    owner: &Owner,
    namespace: &NamespaceMeta,
    config: &Config,
) -> Result<Injected, InjectError> {
    check_shape(&before)?;
    let meta = PodMeta::of(&before)?;
    let decision = decide(&meta, namespace, &config.policy);
    let mut warnings = Vec::new();
    let pod = match decision {
        Decision::Skip(_) => before.clone(),
        Decision::Inject(_) => {
            let settings = Settings::of(&meta, config, &mut warnings)?;
            let target = Target {
                owner,
                namespace,
                config,
                settings: &settings,
            };
            target.inject(before.clone(), &mut warnings)
        }
    };
    let patch = json_patch::diff(&before, &pod);
    Ok(Injected {
        pod,
        patch,
        decision,
        warnings,
    })
}

fn check_shape(pod: &Value) -> Result<(), InjectError> {
    let invalid = |problem: &str| InjectError::NotAPod {
        object: pod["metadata"]["name"].as_str().unwrap_or("pod").to_owned(),
        problem: problem.to_owned(),
    };
    if !pod["spec"]["containers"].is_array() {
        return Err(invalid("spec.containers must be a list of containers"));
    }
    for list in ["initContainers", "volumes", "imagePullSecrets"] {
        if !(pod["spec"][list].is_array() || pod["spec"][list].is_null()) {
            return Err(invalid(&format!("spec.{list} must be a list")));
        }
    }
    match &pod["metadata"] {
        Value::Object(_) | Value::Null => Ok(()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(invalid("metadata must be a mapping"))
        }
    }
}

struct Target<'a> {
    owner: &'a Owner,
    namespace: &'a NamespaceMeta,
    config: &'a Config,
    settings: &'a Settings,
}

impl Target<'_> {
    fn inject(&self, mut pod: Value, warnings: &mut Vec<String>) -> Value {
        pod::object(&mut pod, "metadata");
        pod::strip(&mut pod);
        let overrides = Overrides::take(&mut pod);
        warnings.extend(users_of_the_proxys_id(&pod));
        let application = pod.clone();
        let rewritten = self.rewrite(&mut pod, warnings);
        let cx = Context {
            config: self.config,
            settings: self.settings,
            owner: self.owner,
            namespace: &self.namespace.name,
            pod: &application,
            rewritten,
        };
        let placement = Placement {
            native: self.settings.native,
            before_application: self.settings.hold_application,
            image_pull_secrets: &self.config.image_pull_secrets,
            revision: &self.config.policy.revision,
            owner: &self.owner.name,
        };
        pod::add(&mut pod, &sidecar::build(&cx), &overrides, &placement);
        pod
    }

    /// Points Prometheus and the kubelet at the sidecar; the variables that tell it what they wanted.
    fn rewrite(&self, pod: &mut Value, warnings: &mut Vec<String>) -> Vec<(&'static str, String)> {
        let Some(status_port) = self.settings.status_port else {
            return Vec::new();
        };
        let mut variables = Vec::new();
        if self.settings.merge_metrics {
            let annotations = pod::object(&mut pod["metadata"], "annotations");
            let own = prometheus::merge(annotations, status_port);
            variables.extend(own.map(|own| (prometheus::VARIABLE, own)));
        }
        if self.settings.rewrite_probes {
            let originals = probes::rewrite(pod, status_port, warnings);
            variables.extend(originals.map(|originals| (probes::VARIABLE, originals)));
        }
        variables
    }
}

/// The capture rules take whoever runs as the proxy's user for the proxy.
fn users_of_the_proxys_id(pod: &Value) -> Vec<String> {
    let of_pod = &pod["spec"]["securityContext"]["runAsUser"];
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    let same = containers.filter(|container| {
        let own = &container["securityContext"]["runAsUser"];
        let effective = if own.is_null() { of_pod } else { own };
        *effective == PROXY_UID
    });
    let name = |container: &Value| container["name"].as_str().unwrap_or_default().to_owned();
    same.map(|container| {
        let name = name(container);
        format!("container {name} runs as user {PROXY_UID}, the proxy's: its outbound traffic is not captured; choose another user")
    })
    .collect()
}
