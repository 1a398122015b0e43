//! What came with the bootstrap and is not the stream's to change.

use xds_proto::resource::ResourceKind;

use super::Applier;
use super::convert::Refusal;

impl Applier {
    /// Static clusters and listeners may name endpoints, routes and secrets that come over the stream.
    pub(super) fn refer_to_what_static_resources_name(&mut self) {
        for cluster in self.stores.clusters.snapshot().values() {
            self.join(cluster);
        }
        for listener in self.stores.listeners.snapshot().values() {
            self.refer(listener);
        }
    }

    /// What the bootstrap brought stays as it is: nothing on the stream replaces it, and so nothing there removes it.
    pub(super) fn refuse_static(&self, kind: ResourceKind, name: &str) -> Result<(), Refusal> {
        let serves = match kind {
            ResourceKind::Cluster => self.stores.clusters.get(name).is_some(),
            ResourceKind::Listener => self.stores.listeners.get(name).is_some(),
            ResourceKind::Endpoint
            | ResourceKind::Route
            | ResourceKind::VirtualHost
            | ResourceKind::Secret
            | ResourceKind::ExtensionConfig
            | ResourceKind::NameTable => false,
        };
        if !serves || self.known(kind).contains(name) {
            return Ok(());
        }
        let reason = "the bootstrap has a static one of this name; give one of them another name";
        Err((name.to_owned(), reason.to_owned()))
    }
}
