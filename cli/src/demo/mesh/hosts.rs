//! The pods' `/etc/hosts`, which is the demo's name service: every service under the names that its namespace's pods
//! use, with the virtual address that the control plane gives it. The control plane's own code works the addresses out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tokio::sync::{mpsc, watch};
use tulle_control_plane::model::service::Service;
use tulle_control_plane::registry::file;
use tulle_control_plane::store::{Mesh, Store};

use crate::demo::network;

/// The files that stand in for the machine's own inside a pod.
#[derive(Debug, Clone)]
pub(super) struct Files {
    state: PathBuf,
    services: Vec<(String, String, String)>,
    /// `/etc/resolv.conf`: a name server that refuses at once, so that unknown names fail fast.
    pub(super) resolv: PathBuf,
}

impl Files {
    /// Reads the registry's directory as the control plane does.
    pub(super) async fn of(registry: &Path, state: &Path) -> anyhow::Result<Self> {
        let (events, mut received) = mpsc::channel(1);
        let (stop, stopped) = watch::channel(false);
        let watching = tokio::spawn(file::run(registry.to_owned(), events, stopped));
        let event = received
            .recv()
            .await
            .context("the registry's directory cannot be read")?;
        stop.send_replace(true);
        watching.abort();
        let mut store = Store::new(Mesh::default());
        store.apply(event);
        let resolv = state.join("resolv.conf");
        std::fs::write(
            &resolv,
            format!(
                "nameserver {}\noptions timeout:1 attempts:1\n",
                network::GATEWAY
            ),
        )?;
        let services = store
            .snapshot()
            .services()
            .filter_map(|service| entry(service))
            .collect();
        Ok(Self {
            state: state.to_owned(),
            services,
            resolv,
        })
    }

    /// The hosts file of a namespace's pods.
    pub(super) fn hosts(&self, namespace: &str) -> anyhow::Result<PathBuf> {
        let file = self.state.join(format!("hosts.{namespace}"));
        if file.exists() {
            return Ok(file); // pods that run already read it
        }
        let mut text = "127.0.0.1 localhost\n::1 localhost\n".to_owned();
        text += &format!(
            "{} istiod.istio-system.svc istiod.istio-system\n",
            network::GATEWAY
        );
        for (address, host, owner) in &self.services {
            let mut names = BTreeSet::from([host.clone()]);
            if let Some((name, _)) = host.split_once(&format!(".{owner}.svc.")) {
                names.extend([format!("{name}.{owner}.svc"), format!("{name}.{owner}")]);
                names.extend((owner == namespace).then(|| name.to_owned()));
            }
            text += &format!(
                "{address} {}\n",
                names.into_iter().collect::<Vec<_>>().join(" ")
            );
        }
        std::fs::write(&file, text)?;
        Ok(file)
    }
}

/// Address, host and namespace of a service that has an address.
fn entry(service: &Service) -> Option<(String, String, String)> {
    let address = service.addresses.first()?.addr();
    Some((
        address.to_string(),
        service.host.to_string(),
        service.namespace.to_string(),
    ))
}
