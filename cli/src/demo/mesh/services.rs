//! The services of the mesh, as the control plane's own code reads them, and the names they go by.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::{mpsc, watch};
use tulle_control_plane::model::service::Service;
use tulle_control_plane::registry::file;
use tulle_control_plane::store::{Mesh, Store};

/// Reads the registry's directory as the control plane does.
pub(super) async fn read(registry: &Path) -> anyhow::Result<Vec<Arc<Service>>> {
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
    let mut services: Vec<_> = store.snapshot().services().cloned().collect();
    services.sort_by(|a, b| a.host.cmp(&b.host));
    Ok(services)
}

/// The names under which pods of `namespace` know a service.
pub(super) fn names(service: &Service, namespace: &str) -> BTreeSet<String> {
    let (host, owner) = (&service.host, &service.namespace);
    let mut names = BTreeSet::from([host.to_string()]);
    if let Some((name, _)) = host.split_once(&format!(".{owner}.svc.")) {
        names.extend([format!("{name}.{owner}.svc"), format!("{name}.{owner}")]);
        names.extend((**owner == *namespace).then(|| name.to_owned()));
    }
    names
}

/// Its virtual address.
pub(super) fn address(service: &Service) -> Option<IpAddr> {
    service.addresses.first().map(|network| network.addr())
}

/// `NAME_SERVICE_HOST` and `NAME_SERVICE_PORT` of the services in a namespace, as a kubelet sets them. `at` says where a
/// service is found.
pub(super) fn variables(
    services: &[Arc<Service>],
    namespace: &str,
    at: impl Fn(&Service, u16) -> Option<IpAddr>,
) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for service in services
        .iter()
        .filter(|service| *service.namespace == *namespace)
    {
        let found = service
            .ports
            .iter()
            .find_map(|port| Some((at(service, port.number)?, port.number)));
        if let Some((address, port)) = found {
            let name = service.name.to_ascii_uppercase().replace(['-', '.'], "_");
            variables.insert(format!("{name}_SERVICE_HOST"), address.to_string());
            variables.insert(format!("{name}_SERVICE_PORT"), port.to_string());
        }
    }
    variables
}
