//! How pods are injected: image, policy, mesh configuration. The defaults are Istio's, but for the image.

use xds_proto::mesh::MeshConfig;
use xds_proto::well_known::{DEFAULT_CLUSTER_DOMAIN, ROOT_NAMESPACE};

use crate::decide::Policy;
use crate::error::InjectError;

/// What the injector is set up with.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Image of the sidecar and of the capture container.
    pub image: String,
    /// `imagePullPolicy` of both; the cluster's default if `None`.
    pub image_pull_policy: Option<String>,
    /// Secrets that the image is pulled with.
    pub image_pull_secrets: Vec<String>,
    /// Which pods are injected.
    pub policy: Policy,
    /// Whether the sidecar is a restartable init container unless a pod says otherwise. Needs Kubernetes 1.29.
    pub native_sidecars: bool,
    /// CPU and memory of the sidecar unless a pod says otherwise.
    pub resources: Resources,
    /// Namespace of the control plane.
    pub control_plane_namespace: String,
    /// Address of the CA; that of the control plane if `None`.
    pub ca_address: Option<String>,
    /// Name of the cluster.
    pub cluster_id: String,
    /// Name of the network, if there are several.
    pub network: Option<String>,
    /// DNS domain of the cluster.
    pub cluster_domain: String,
    /// Mesh configuration.
    pub mesh: MeshConfig,
}

/// CPU and memory of the sidecar, as Kubernetes quantities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resources {
    /// CPU request.
    pub cpu: String,
    /// CPU limit.
    pub cpu_limit: String,
    /// Memory request.
    pub memory: String,
    /// Memory limit.
    pub memory_limit: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            image: concat!("tulle/proxy:", env!("CARGO_PKG_VERSION")).to_owned(),
            image_pull_policy: None,
            image_pull_secrets: Vec::new(),
            policy: Policy::default(),
            native_sidecars: true,
            resources: Resources::default(),
            control_plane_namespace: ROOT_NAMESPACE.to_owned(),
            ca_address: None,
            cluster_id: "Kubernetes".to_owned(),
            network: None,
            cluster_domain: DEFAULT_CLUSTER_DOMAIN.to_owned(),
            mesh: MeshConfig::default(),
        }
    }
}

impl Default for Resources {
    fn default() -> Self {
        let [cpu, cpu_limit, memory, memory_limit] =
            ["100m", "2", "128Mi", "1Gi"].map(str::to_owned);
        Self {
            cpu,
            cpu_limit,
            memory,
            memory_limit,
        }
    }
}

impl Config {
    /// Takes a `MeshConfig` in YAML or JSON.
    ///
    /// # Errors
    /// When a field has the wrong type; says where.
    pub fn with_mesh_config(mut self, text: &str) -> Result<Self, InjectError> {
        let parsed = serde_saphyr::from_str::<Option<MeshConfig>>(text);
        let invalid = |error: serde_saphyr::Error| InjectError::InvalidMeshConfig {
            problem: error.to_string(),
        };
        self.mesh = parsed.map_err(invalid)?.unwrap_or_default();
        Ok(self)
    }

    pub(crate) fn ca_address(&self) -> String {
        self.ca_address.clone().unwrap_or_else(|| {
            let revision = match self.policy.revision.as_str() {
                "default" => String::new(),
                revision => format!("-{revision}"),
            };
            format!(
                "istiod{revision}.{}.svc:15012",
                self.control_plane_namespace
            )
        })
    }
}
