//! What decisions are made from: metadata of pods, namespaces and owners.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use xds_proto::well_known::label;

use crate::error::InjectError;

/// The part of a pod that decisions look at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PodMeta {
    /// Name, or name prefix of a pod that has no name yet.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// Whether the pod uses the node's network namespace.
    pub host_network: bool,
}

/// The part of a namespace that decisions look at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamespaceMeta {
    /// Name.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// The object that a pod belongs to, as telemetry names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Such as `apps/v1`.
    pub api_version: String,
    /// Such as `Deployment`.
    pub kind: String,
    /// Name.
    pub name: String,
}

impl PodMeta {
    /// Reads a pod, or the template of one.
    ///
    /// # Errors
    /// When labels or annotations are not maps of strings.
    pub fn of(pod: &Value) -> Result<Self, InjectError> {
        let meta = &pod["metadata"];
        let name = [&meta["name"], &meta["generateName"]]
            .into_iter()
            .find_map(Value::as_str)
            .unwrap_or_default();
        Ok(Self {
            name: name.to_owned(),
            labels: strings(name, "metadata.labels", &meta["labels"])?,
            annotations: strings(name, "metadata.annotations", &meta["annotations"])?,
            host_network: pod["spec"]["hostNetwork"].as_bool().unwrap_or(false),
        })
    }
}

impl NamespaceMeta {
    /// A namespace in which injection is on.
    pub fn enabled(name: &str) -> Self {
        let on = (label::NAMESPACE_INJECTION.to_owned(), "enabled".to_owned());
        Self {
            name: name.to_owned(),
            labels: BTreeMap::from([on]),
        }
    }

    /// Reads a `Namespace` object.
    ///
    /// # Errors
    /// When labels are not a map of strings.
    pub fn of(namespace: &Value) -> Result<Self, InjectError> {
        let meta = &namespace["metadata"];
        let name = meta["name"].as_str().unwrap_or_default();
        Ok(Self {
            name: name.to_owned(),
            labels: strings(name, "metadata.labels", &meta["labels"])?,
        })
    }
}

impl Owner {
    /// The owner that a pod's `ownerReferences` name: for a ReplicaSet its Deployment, for a Job of a CronJob that; else
    /// the pod itself.
    pub fn of_pod(pod: &Value) -> Self {
        let meta = &pod["metadata"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let references = meta["ownerReferences"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        if let Some(controller) = references
            .iter()
            .find(|reference| reference["controller"] == true)
        {
            let owner = Self {
                api_version: text(&controller["apiVersion"]),
                kind: text(&controller["kind"]),
                name: text(&controller["name"]),
            };
            return owner.climb(meta["labels"]["pod-template-hash"].as_str());
        }
        let name = meta["name"]
            .as_str()
            .or(meta["generateName"].as_str())
            .unwrap_or_default();
        Self {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            name: name.trim_end_matches('-').to_owned(),
        }
    }

    fn climb(mut self, template_hash: Option<&str>) -> Self {
        let parent = match self.kind.as_str() {
            "ReplicaSet" => template_hash
                .and_then(|hash| self.name.strip_suffix(hash)?.strip_suffix('-'))
                .map(|name| ("Deployment", name.to_owned())),
            "Job" => self
                .name
                .rsplit_once('-')
                .filter(|(_, minute)| {
                    minute.len() == 8 && minute.bytes().all(|b| b.is_ascii_digit())
                })
                .map(|(name, _)| ("CronJob", name.to_owned())),
            _ => None,
        };
        if let Some((kind, name)) = parent {
            self.kind = kind.to_owned();
            self.name = name;
        }
        self
    }
}

fn strings(
    object: &str,
    field: &str,
    value: &Value,
) -> Result<BTreeMap<String, String>, InjectError> {
    if value.is_null() {
        return Ok(BTreeMap::new());
    }
    BTreeMap::deserialize(value).map_err(|problem| InjectError::NotAPod {
        object: object.to_owned(),
        problem: format!(
            "{field} must map strings to strings ({problem}); quote numbers and booleans"
        ),
    })
}
