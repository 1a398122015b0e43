//! The running mesh: a control plane, and a pod runtime for each pod, injected first.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tulle_control_plane::data_dir::DataDir;
use tulle_control_plane::token::{ServiceAccount, TokenKey};
use xds_proto::well_known::{path, port};

use super::containers::{self, Place};
use super::door::PodSockets;
use super::isolation::Isolation;
use super::kubelet::{Pod, PodEvent};
use super::manifest::{Manifest, identity};
use super::network;
use super::pod::{ADMIN_SOCKET, EXEC_SOCKET, Order, PodSpec};
use super::registry::Registry;
use hosts::Files;

mod hosts;
mod inject;

/// How long the demo's join tokens live.
const TOKEN_TTL: Duration = Duration::from_secs(24 * 3600);

/// Everything that runs.
pub(super) struct Mesh {
    pub(super) registry: Registry,
    pub(super) pods: BTreeMap<String, Member>,
    pub(super) events: mpsc::Receiver<PodEvent>,
    /// What was done differently from a cluster, a line each.
    pub(super) remarks: Vec<String>,
    control_plane: Child,
}

/// One pod of the mesh.
pub(super) struct Member {
    pub(super) pod: Pod,
    /// The object, injected.
    pub(super) object: Value,
    pub(super) ip: Ipv4Addr,
}

/// Where the demo keeps its things.
struct Folders {
    state: PathBuf,
    program: String,
}

impl Folders {
    fn prepare(state: &Path) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot find the running program")?;
        // the proxies run as another user, which may not pass through the folders above the program
        let copy = state.join("tulle");
        std::fs::write(&copy, [])?;
        super::isolation::replace_file(&program, &copy.display().to_string())?;
        Ok(Self {
            state: state.to_owned(),
            program: copy.display().to_string(),
        })
    }

    fn of_pod(&self, name: &str) -> PathBuf {
        self.state.join("pods").join(name)
    }
}

impl Mesh {
    /// Starts the control plane and every pod of the manifest.
    pub(super) async fn start(
        manifest: &Manifest,
        isolation: Isolation,
        state: &Path,
        verbose: bool,
    ) -> anyhow::Result<Self> {
        let folders = Folders::prepare(state)?;
        network::make_bridge().await?;
        let registry = Registry::create(state.join("registry"))?;
        for object in &manifest.objects {
            registry.put(object)?;
        }
        let hosts = Files::of(registry.dir(), state).await?;
        let data = DataDir::open(&state.join("control-plane"))?;
        let tokens = TokenKey::open(&data)?;
        let control_plane = start_control_plane(&folders, registry.dir(), verbose)?;
        let (sender, events) = mpsc::channel(1024);
        let mut mesh = Self {
            registry,
            pods: BTreeMap::new(),
            events,
            remarks: Vec::new(),
            control_plane,
        };
        let root = wait_for_root(
            &data.path_of("root-cert.pem"),
            &mut mesh.control_plane,
            state,
        )
        .await?;
        for (index, pod) in manifest.pods.iter().enumerate() {
            let index = u8::try_from(index)
                .ok()
                .filter(|index| *index < 200)
                .context("the demo runs 200 pods at most")?;
            let injected = inject::inject_pod(pod, &manifest.namespaces)?;
            mesh.remarks.extend(
                injected
                    .warnings
                    .iter()
                    .map(|warning| format!("{}: {warning}", identity(pod).1)),
            );
            let injected = injected.pod;
            let context = PodContext {
                folders: &folders,
                hosts: &hosts,
                root: &root,
                tokens: &tokens,
                isolation,
                verbose,
            };
            let spec = context.spec(&injected, index)?;
            mesh.note_stand_ins(&spec);
            let (ip, name) = (spec.ip, spec.name.clone());
            mesh.registry.put_pod(&injected, &ip.to_string(), true)?;
            let pod = Pod::start(spec, index, sender.clone()).await?;
            mesh.pods.insert(
                name,
                Member {
                    pod,
                    object: injected,
                    ip,
                },
            );
        }
        Ok(mesh)
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
        self.registry
            .put_pod(&member.object, &member.ip.to_string(), ready)
    }

    fn member(&mut self, pod: &str) -> anyhow::Result<&mut Member> {
        self.pods
            .get_mut(pod)
            .with_context(|| format!("there is no pod {pod}"))
    }

    /// Where a pod is reached from outside its network.
    pub(super) fn sockets(&self, pod: &str) -> anyhow::Result<PodSockets> {
        let dir = &self
            .pods
            .get(pod)
            .with_context(|| format!("there is no pod {pod}"))?
            .pod
            .spec
            .dir;
        Ok(PodSockets {
            admin: dir.join(ADMIN_SOCKET),
            exec: dir.join(EXEC_SOCKET),
        })
    }
}

/// Asks an admin interface for a path.
pub(super) async fn ask_admin(socket: &Path, request_path: &str) -> anyhow::Result<String> {
    let mut stream = UnixStream::connect(socket).await?;
    let request =
        format!("GET {request_path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .context("the admin interface gave no answer")?;
    let body = if head
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked")
    {
        unchunk(body)
    } else {
        body.to_owned()
    };
    anyhow::ensure!(head.starts_with("HTTP/1.1 200"), "{}", body.trim());
    Ok(body)
}

fn unchunk(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let Some(chunk) = usize::from_str_radix(size.trim(), 16)
            .ok()
            .and_then(|size| rest.get(..size))
        else {
            break;
        };
        whole.push_str(chunk);
        body = rest.get(chunk.len() + 2..).unwrap_or_default();
    }
    whole
}

fn start_control_plane(folders: &Folders, registry: &Path, verbose: bool) -> anyhow::Result<Child> {
    let log = if verbose {
        Stdio::inherit()
    } else {
        std::fs::File::create(folders.state.join("control-plane.log"))?.into()
    };
    Command::new(&folders.program)
        .arg("control-plane")
        .args(["--registry", &format!("file:{}", registry.display())])
        .args([
            "--data-dir",
            &folders.state.join("control-plane").display().to_string(),
        ])
        .args([
            "--xds-address",
            &format!("{}:{}", network::GATEWAY, port::XDS_TLS),
        ])
        .args([
            "--xds-plaintext",
            &format!("{}:{}", network::GATEWAY, port::XDS_PLAINTEXT),
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .context("cannot start the control plane")
}

async fn wait_for_root(
    file: &Path,
    control_plane: &mut Child,
    state: &Path,
) -> anyhow::Result<String> {
    for _ in 0..1000 {
        if let Ok(root) = std::fs::read_to_string(file)
            && root.contains("END CERTIFICATE")
        {
            return Ok(root);
        }
        if let Some(status) = control_plane.try_wait()? {
            let log = std::fs::read_to_string(state.join("control-plane.log")).unwrap_or_default();
            anyhow::bail!("the control plane ended with {status}:\n{log}");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    anyhow::bail!(
        "the control plane wrote no root certificate to {}",
        file.display()
    )
}

/// What every pod is built with.
struct PodContext<'a> {
    folders: &'a Folders,
    hosts: &'a Files,
    root: &'a str,
    tokens: &'a TokenKey,
    isolation: Isolation,
    verbose: bool,
}

impl PodContext<'_> {
    fn spec(&self, object: &Value, index: u8) -> anyhow::Result<PodSpec> {
        let (namespace, name) = identity(object);
        let dir = self.folders.of_pod(&name);
        self.mount_files(object, &namespace, &dir)?;
        let ip = network::pod_address(index);
        let place = Place {
            pod: object,
            ip,
            host_ip: network::GATEWAY,
            program: &self.folders.program,
            root_dir: &dir.display().to_string(),
            isolation: self.isolation,
        };
        Ok(PodSpec {
            ip,
            choose_user: self.isolation == Isolation::Root,
            verbose: self.verbose,
            hosts: self.hosts.hosts(&namespace)?,
            resolv: self.hosts.resolv.clone(),
            containers: containers::containers(&place),
            name,
            dir,
        })
    }

    /// The files that volumes of an injected pod hold: token, root certificate, labels, annotations.
    fn mount_files(&self, object: &Value, namespace: &str, dir: &Path) -> anyhow::Result<()> {
        let account = object
            .pointer("/spec/serviceAccountName")
            .and_then(Value::as_str)
            .unwrap_or("default");
        let token = self
            .tokens
            .mint(&ServiceAccount::new(namespace, account)?, TOKEN_TTL)?;
        let map = |key: &str| {
            object["metadata"][key]
                .as_object()
                .cloned()
                .unwrap_or_default()
        };
        let lines = |map: serde_json::Map<String, Value>| {
            map.iter()
                .map(|(key, value)| format!("{key}={value}\n"))
                .collect::<String>()
        };
        for (file, text) in [
            (path::TOKEN, token),
            (path::ROOT_CERT, self.root.to_owned()),
            (path::POD_LABELS, lines(map("labels"))),
            (path::POD_ANNOTATIONS, lines(map("annotations"))),
        ] {
            let file = dir.join(file.trim_start_matches('/'));
            std::fs::create_dir_all(file.parent().context("a mounted file has a folder")?)?;
            std::fs::write(file, text)?;
        }
        Ok(())
    }
}
