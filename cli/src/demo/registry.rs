//! The directory that the demo's control plane watches: the manifest's objects, the pods with the addresses and the
//! health that they really have, and the changes that the story makes. Never the user's directory.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::{Value, json};

use super::manifest::identity;

/// Writes the directory.
#[derive(Debug)]
pub(super) struct Registry {
    dir: PathBuf,
}

impl Registry {
    pub(super) fn create(dir: PathBuf) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&dir)?;
        Ok(Self { dir })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Puts an object in, or in the place of the one with its kind and name.
    pub(super) fn put(&self, object: &Value) -> anyhow::Result<()> {
        let (namespace, name) = identity(object);
        let kind = object["kind"].as_str().unwrap_or_default();
        self.write(&format!("{kind}.{namespace}.{name}.json"), object)
    }

    /// Puts a pod in, with its address and health.
    pub(super) fn put_pod(&self, pod: &Value, ip: &str, ready: bool) -> anyhow::Result<()> {
        let mut pod = pod.clone();
        let status = if ready { "True" } else { "False" };
        pod["status"] = json!({
            "phase": "Running",
            "podIP": ip,
            "podIPs": [{"ip": ip}],
            "conditions": [{"type": "Ready", "status": status}],
        });
        self.put(&pod)
    }

    fn write(&self, file: &str, object: &Value) -> anyhow::Result<()> {
        let (path, fresh) = (self.dir.join(file), self.dir.join(format!(".{file}")));
        std::fs::write(&fresh, serde_json::to_vec_pretty(object)?)?;
        std::fs::rename(&fresh, &path).with_context(|| format!("cannot write {}", path.display()))
    }
}
