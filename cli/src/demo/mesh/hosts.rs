//! The pods' `/etc/hosts`, which is the demo's name service: every service under the names that its namespace's pods
//! use, with the virtual address that the control plane gives it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tulle_control_plane::model::service::Service;

use super::services::{address, names};
use crate::demo::network::bridge;

/// The files that stand in for the machine's own inside a pod.
#[derive(Debug, Clone)]
pub(super) struct Files {
    state: PathBuf,
    /// `/etc/resolv.conf`: a name server that refuses at once, so that unknown names fail fast.
    pub(super) resolv: PathBuf,
}

impl Files {
    pub(super) fn write(state: &Path) -> anyhow::Result<Self> {
        let resolv = state.join("resolv.conf");
        std::fs::write(
            &resolv,
            format!(
                "nameserver {}\noptions timeout:1 attempts:1\n",
                bridge::GATEWAY
            ),
        )?;
        Ok(Self {
            state: state.to_owned(),
            resolv,
        })
    }

    /// The hosts file of a namespace's pods.
    pub(super) fn hosts(
        &self,
        namespace: &str,
        services: &[Arc<Service>],
    ) -> anyhow::Result<PathBuf> {
        let file = self.state.join(format!("hosts.{namespace}"));
        if file.exists() {
            return Ok(file); // pods that run already read it
        }
        let mut text = "127.0.0.1 localhost\n::1 localhost\n".to_owned();
        text += &format!(
            "{} istiod.istio-system.svc istiod.istio-system\n",
            bridge::GATEWAY
        );
        for service in services {
            if let Some(address) = address(service) {
                let names: Vec<_> = names(service, namespace).into_iter().collect();
                text += &format!("{address} {}\n", names.join(" "));
            }
        }
        std::fs::write(&file, text)?;
        Ok(file)
    }
}
