//! Peer authentication: what a workload accepts from its callers.

use super::{Created, Labels, Name, Object};

/// The mutual TLS mode of a workload or one of its ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MtlsMode {
    /// Plaintext and mutual TLS on the same port.
    #[default]
    Permissive,
    /// Mutual TLS only.
    Strict,
    /// Plaintext only.
    Disable,
}

/// One `PeerAuthentication`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PeerAuthentication {
    /// Because of what it exists.
    pub origin: Object,
    /// The workloads it selects; empty = the namespace, or the mesh from the root namespace.
    pub selector: Labels,
    /// The mode; `None` inherits from the wider policy.
    pub mode: Option<MtlsMode>,
    /// Modes by workload port; `None` inherits. Only where `selector` is not empty. Sorted.
    pub ports: Vec<(u16, Option<MtlsMode>)>,
    /// When it was created: the oldest of equals wins.
    pub created: Created,
}

/// What holds for one workload: the mode of all its ports and those that differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct EffectiveMtls {
    /// The mode of every port that `ports` does not name.
    pub mode: MtlsMode,
    /// The modes of single workload ports, sorted.
    pub ports: Vec<(u16, MtlsMode)>,
    /// The policy that decided `mode`; `None` when it is the default.
    pub origin: Option<Object>,
}

impl EffectiveMtls {
    /// The mode of a workload port.
    #[must_use]
    pub fn on_port(&self, port: u16) -> MtlsMode {
        self.ports
            .iter()
            .find(|(number, _)| *number == port)
            .map_or(self.mode, |(_, mode)| *mode)
    }
}

/// The identity of a caller or a workload, before a trust domain is put in front.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// The namespace.
    pub namespace: Name,
    /// The service account.
    pub service_account: Name,
}
