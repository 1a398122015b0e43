//! The running mesh: a control plane, and a pod runtime for each pod, injected first.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::Value;
use tokio::process::Child;
use tokio::sync::mpsc;
use tulle_control_plane::data_dir::DataDir;
use tulle_control_plane::token::TokenKey;

use super::door::PodSockets;
use super::isolation::{self, Isolation};
use super::kubelet::{Pod, PodEvent};
use super::manifest::{Manifest, identity};
use super::network::Network;
use super::pod::{ADMIN_SOCKET, EXEC_SOCKET, Order, PodSpec};
use super::registry::Registry;
use explicit::Arranged;
use pod_context::PodContext;

mod admin;
mod control_plane;
mod explicit;
mod hosts;
mod inject;
mod pod_context;
mod services;

pub(super) use admin::ask_admin;
pub(super) use explicit::Ways;

/// Everything that runs.
pub(super) struct Mesh {
    pub(super) registry: Registry,
    pub(super) pods: BTreeMap<String, Member>,
    pub(super) events: mpsc::Receiver<PodEvent>,
    /// What was done differently from a cluster, a line each.
    pub(super) remarks: Vec<String>,
    /// `None` once it has ended.
    control_plane: Option<Child>,
    /// Holds what belongs to this demo.
    network: Network,
}

/// One pod of the mesh.
pub(super) struct Member {
    pub(super) pod: Pod,
    /// The object, injected.
    object: Value,
    ways: Ways,
}

/// How a mesh is run.
#[derive(Clone, Copy)]
pub(super) struct Settings<'a> {
    pub(super) isolation: Isolation,
    pub(super) state: &'a Path,
    pub(super) verbose: bool,
}

/// Where the demo keeps its things.
struct Folders {
    state: PathBuf,
    program: String,
}

impl Folders {
    fn prepare(settings: Settings<'_>) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot find the running program")?;
        let program = match settings.isolation {
            // the proxies run as another user, which may not pass through the folders above the program
            Isolation::Root | Isolation::User => {
                let copy = settings.state.join("tulle");
                std::fs::write(&copy, [])?;
                isolation::replace_file(&program, &copy.display().to_string())?;
                copy
            }
            Isolation::Ports => program,
        };
        Ok(Self {
            state: settings.state.to_owned(),
            program: program.display().to_string(),
        })
    }

    fn of_pod(&self, name: &str) -> PathBuf {
        self.state.join("pods").join(name)
    }
}

/// A pod that is to start.
struct Planned {
    index: u8,
    object: Value,
    ways: Ways,
}

impl Mesh {
    /// Starts the control plane and every pod of the manifest.
    pub(super) async fn start(manifest: &Manifest, settings: Settings<'_>) -> anyhow::Result<Self> {
        let Settings {
            isolation,
            state,
            verbose,
        } = settings;
        let folders = Folders::prepare(settings)?;
        let network = Network::make(isolation).await?;
        let registry = Registry::create(state.join("registry"))?;
        for object in &manifest.objects {
            registry.put(object)?;
        }
        let services = services::read(registry.dir()).await?;
        let data = DataDir::open(&state.join("control-plane"))?;
        let tokens = TokenKey::open(&data)?;
        let mut control_plane = control_plane::start(
            &folders,
            &control_plane::Settings {
                registry: registry.dir(),
                address: network.control_plane(),
                isolation,
                verbose,
            },
        )?;
        let root = data.path_of("root-cert.pem");
        let root = control_plane::wait_for_root(&root, &mut control_plane, state).await?;
        let (sender, events) = mpsc::channel(1024);
        let mut mesh = Self {
            registry,
            pods: BTreeMap::new(),
            events,
            remarks: Vec::new(),
            control_plane: Some(control_plane),
            network,
        };
        let planned = mesh.plan(manifest, isolation, &services)?;
        for Planned {
            index,
            object,
            ways,
        } in planned
        {
            let context = PodContext {
                folders: &folders,
                network: &mesh.network,
                services: &services,
                root: &root,
                tokens: &tokens,
                isolation,
                verbose,
            };
            let spec = context.spec(&object, index, &ways)?;
            mesh.note_stand_ins(&spec);
            let name = spec.name.clone();
            mesh.registry
                .put_pod(&object, &spec.addresses.pod.to_string(), false)?;
            let pod = Pod::start(spec, index, sender.clone()).await?;
            mesh.pods.insert(name, Member { pod, object, ways });
        }
        Ok(mesh)
    }

    /// Injects every pod and puts what its sidecar needs into the registry.
    fn plan(
        &mut self,
        manifest: &Manifest,
        isolation: Isolation,
        services: &[std::sync::Arc<tulle_control_plane::model::service::Service>],
    ) -> anyhow::Result<Vec<Planned>> {
        let config = inject::config(isolation, &self.network);
        let mut planned = Vec::new();
        for (index, pod) in manifest.pods.iter().enumerate() {
            let index = u8::try_from(index)
                .ok()
                .filter(|index| *index < 200)
                .context("the demo runs 200 pods at most")?;
            let (_, name) = identity(pod);
            let injected = inject::inject_pod(pod, &manifest.namespaces, &config, isolation)
                .with_context(|| format!("pod {name}"))?;
            let warnings = injected.warnings.iter();
            self.remarks
                .extend(warnings.map(|warning| format!("{name}: {warning}")));
            let object = injected.pod;
            let mut ways = Ways::captured(services, &identity(&object).0);
            if isolation == Isolation::Ports && inject::has_sidecar(&object) {
                let Arranged {
                    sidecar,
                    ways: arranged,
                    remarks,
                } = explicit::arrange(&object, index, &self.network, services)?;
                ways = arranged;
                self.remarks.extend(remarks);
                sidecar.map_or(Ok(()), |sidecar| self.registry.put(&sidecar))?;
            }
            planned.push(Planned {
                index,
                object,
                ways,
            });
        }
        Ok(planned)
    }

    fn note_stand_ins(&mut self, spec: &PodSpec) {
        for container in spec
            .containers
            .iter()
            .filter(|container| container.stand_in)
        {
            let line = format!(
                "{}: container {} has no command, so the echo server stands in for it",
                spec.name, container.name
            );
            self.remarks.push(line);
        }
    }

    /// Kills every process of a pod.
    pub(super) async fn kill(&mut self, pod: &str) -> anyhow::Result<()> {
        self.member(pod)?.pod.order(Order::Kill).await
    }

    /// Starts the processes of a killed pod again.
    pub(super) async fn restart(&mut self, pod: &str) -> anyhow::Result<()> {
        self.member(pod)?.pod.order(Order::Restart).await
    }

    /// Writes a pod's health into the registry, as its kubelet would.
    pub(super) fn set_ready(&mut self, pod: &str, ready: bool) -> anyhow::Result<()> {
        let member = self
            .pods
            .get(pod)
            .with_context(|| format!("there is no pod {pod}"))?;
        self.registry.put_pod(
            &member.object,
            &member.pod.spec.addresses.pod.to_string(),
            ready,
        )
    }

    /// How the control plane ended, told once.
    pub(super) fn control_plane_ended(&mut self) -> Option<String> {
        let status = self.control_plane.as_mut()?.try_wait().ok().flatten()?;
        self.control_plane = None;
        Some(status.to_string())
    }

    fn member(&mut self, pod: &str) -> anyhow::Result<&mut Member> {
        self.pods
            .get_mut(pod)
            .with_context(|| format!("there is no pod {pod}"))
    }

    /// Where a pod is reached from outside its network.
    pub(super) fn sockets(&self, pod: &str) -> anyhow::Result<PodSockets> {
        let member = self
            .pods
            .get(pod)
            .with_context(|| format!("there is no pod {pod}"))?;
        let dir = &member.pod.spec.dir;
        Ok(PodSockets {
            admin: dir.join(ADMIN_SOCKET),
            exec: dir.join(EXEC_SOCKET),
            ways: member.ways.clone(),
        })
    }
}
