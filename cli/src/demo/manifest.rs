//! The YAML of the demo, its own or the user's, split into what the control plane reads and the pods to run.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tulle_control_plane::crd;
use xds_proto::well_known::DEFAULT_CLUSTER_DOMAIN;

/// The mesh that runs without `--config`.
const BUILT_IN: &str = include_str!("mesh.yaml");

/// Everything that was read.
#[derive(Debug, Default)]
pub(super) struct Manifest {
    /// Objects for the control plane, as they were written.
    pub(super) objects: Vec<Value>,
    /// Pods, the replicas of workloads among them, not injected.
    pub(super) pods: Vec<Value>,
    /// What is wrong with objects, with file and line.
    pub(super) problems: Vec<String>,
    /// Labels of each namespace.
    pub(super) namespaces: BTreeMap<String, BTreeMap<String, String>>,
}

impl Manifest {
    /// The built-in mesh.
    pub(super) fn built_in() -> anyhow::Result<Self> {
        let mut manifest = Self::default();
        manifest.read(BUILT_IN, Path::new("mesh.yaml"))?;
        Ok(manifest)
    }

    /// The user's files: every `*.yaml`, `*.yml` and `*.json` below the directory.
    pub(super) fn of_directory(dir: &Path) -> anyhow::Result<Self> {
        let mut manifest = Self::default();
        for file in files(dir)? {
            let text = std::fs::read_to_string(&file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            manifest.read(&text, &file)?;
        }
        if manifest.pods.is_empty() {
            bail!(
                "{} has no Pod and no workload with a pod template; there is nothing to run",
                dir.display()
            );
        }
        Ok(manifest)
    }

    fn read(&mut self, text: &str, file: &Path) -> anyhow::Result<()> {
        let documents: Vec<Value> = serde_saphyr::from_multiple(text)
            .with_context(|| format!("{} is not valid YAML", file.display()))?;
        // the control plane reads copies: what it finds is said of the user's own lines
        let read = crd::read(text, DEFAULT_CLUSTER_DOMAIN).unwrap_or_default();
        for problem in read.iter().flat_map(|document| &document.problems) {
            self.problems.push(format!("{}:{problem}", file.display()));
        }
        for document in documents {
            self.add(document);
        }
        Ok(())
    }

    fn add(&mut self, object: Value) {
        let kind = object["kind"].as_str().unwrap_or_default();
        if kind == "List" || (kind.ends_with("List") && object["items"].is_array()) {
            let items = object["items"].as_array().cloned().unwrap_or_default();
            return items.into_iter().for_each(|item| self.add(item));
        }
        match kind {
            "Pod" => self.pods.push(object),
            "Deployment" | "StatefulSet" | "ReplicaSet" | "DaemonSet" | "Job" => {
                self.add_replicas(&object)
            }
            "Namespace" => {
                let labels = object
                    .pointer("/metadata/labels")
                    .cloned()
                    .unwrap_or_default();
                let name = object
                    .pointer("/metadata/name")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned();
                self.namespaces
                    .insert(name, serde_json::from_value(labels).unwrap_or_default());
                self.objects.push(object);
            }
            "" => {}
            _ => self.objects.push(object),
        }
    }

    fn add_replicas(&mut self, workload: &Value) {
        let metadata = &workload["metadata"];
        let replicas = workload
            .pointer("/spec/replicas")
            .and_then(Value::as_u64)
            .unwrap_or(1);
        for replica in 0..replicas {
            let template = workload
                .pointer("/spec/template")
                .cloned()
                .unwrap_or_default();
            let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": template["metadata"], "spec": template["spec"]});
            pod["metadata"]["name"] = format!(
                "{}-{replica}",
                metadata["name"].as_str().unwrap_or_default()
            )
            .into();
            if let Some(namespace) = metadata["namespace"].as_str() {
                pod["metadata"]["namespace"] = namespace.into();
            }
            self.pods.push(pod);
        }
    }
}

fn files(dir: &Path) -> anyhow::Result<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    let mut entries: Vec<_> = std::fs::read_dir(dir)
        .with_context(|| format!("cannot read the directory {}", dir.display()))?
        .collect::<Result<_, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if path.extension().is_some_and(|extension| {
            ["yaml", "yml", "json"]
                .iter()
                .any(|known| extension == *known)
        }) {
            found.push(path);
        }
    }
    Ok(found)
}

/// Namespace and name of an object, the namespace `default` where none is written.
pub(super) fn identity(object: &Value) -> (String, String) {
    let field = |key: &str| object["metadata"][key].as_str().map(str::to_owned);
    (
        field("namespace").unwrap_or_else(|| "default".to_owned()),
        field("name").unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_told_of_the_users_own_lines() {
        let mut manifest = Manifest::default();
        let rules = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: v}\nspec: {hosts: [a], http: [{rout: []}]}\n";
        manifest.read(rules, Path::new("my.yaml")).unwrap();
        assert!(
            manifest.problems[0].starts_with("my.yaml:4:")
                && manifest.problems[0].contains("VirtualService default/v"),
            "{:?}",
            manifest.problems
        );
        assert_eq!(Manifest::built_in().unwrap().problems, [""; 0]);
    }

    #[test]
    fn replicas_become_pods_and_the_rest_goes_to_the_control_plane() {
        let manifest = Manifest::built_in().unwrap();
        let names: Vec<_> = manifest.pods.iter().map(|pod| identity(pod).1).collect();
        assert_eq!(
            names,
            [
                "server-v1",
                "server-v2-0",
                "server-v2-1",
                "ledger",
                "client"
            ]
        );
        assert!(
            manifest
                .objects
                .iter()
                .any(|object| object["kind"] == "VirtualService")
        );
        assert_eq!(manifest.namespaces["shop"]["istio-injection"], "enabled");
    }
}
