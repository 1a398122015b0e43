//! The proxy under test, and the other things that its program does.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::bootstrap::secrets_socket;
use super::http::until;
use super::node::{Node, PLANE, PROXY_USER, Pod, for_every_user};
use super::plane::SECURE;
use super::process::Process;

/// The program.
const PROGRAM: &str = env!("CARGO_BIN_EXE_sidecar");

/// Serves the pod's secrets to a neighbour, as `tulle-proxy sds`.
pub(crate) fn serve_secrets(node: &Node, pod: &Pod) -> Process {
    let socket = secrets_socket(pod);
    let mut command = as_sidecar(node, pod);
    command
        .args(["sds", "--socket"])
        .arg(&socket)
        .arg("--root-dir")
        .arg(&pod.home);
    let process = Process::start(&pod.namespace, command, &pod.home.join("sds.log"));
    until("the secrets are served", &pod.namespace, || {
        socket.exists().then_some(())
    });
    process
}

/// Starts the proxy in a pod as an injected sidecar is started.
pub(crate) fn start(node: &Node, pod: &Pod) -> Process {
    start_with(node, pod, &[])
}

/// The same with further variables in its environment.
pub(crate) fn start_with(node: &Node, pod: &Pod, environment: &[(&str, &str)]) -> Process {
    let mut command = as_sidecar(node, pod);
    command
        .envs(environment.iter().copied())
        .args([
            "proxy",
            "sidecar",
            "--domain",
            "default.svc.cluster.local",
            "--concurrency",
            "1",
        ])
        .arg("--root-dir")
        .arg(&pod.home);
    Process::start(&pod.namespace, command, &pod.home.join("sidecar.log"))
}

/// Starts the proxy in a pod from an Envoy bootstrap file.
pub(crate) fn start_from(bootstrap: &Path, pod: &Pod) -> Process {
    let mut command = Command::new(for_every_user(Path::new(PROGRAM), &pod.home));
    command
        .args(["--concurrency", "1", "-c"])
        .arg(bootstrap)
        .env_clear()
        .uid(PROXY_USER)
        .gid(PROXY_USER);
    Process::start(&pod.namespace, command, &pod.home.join("sidecar.log"))
}

/// Brings the pod's connections to its sidecar.
pub(crate) fn capture(pod: &Pod) {
    let output = pod.namespace.run(|| {
        Command::new(PROGRAM)
            .args([
                "capture", "-p", "15001", "-z", "15006", "-u", "1337", "-g", "1337",
            ])
            .args([
                "-m",
                "REDIRECT",
                "-i",
                "*",
                "-x",
                "",
                "-b",
                "*",
                "-d",
                "15090,15021,15020",
            ])
            .output()
            .unwrap()
    });
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A command with the environment of an injected sidecar.
fn as_sidecar(node: &Node, pod: &Pod) -> Command {
    let program = for_every_user(Path::new(PROGRAM), &pod.home);
    mount(
        &pod.home.join("var/run/secrets/tokens"),
        "istio-token",
        &node.plane.token(&pod.account),
    );
    mount(
        &pod.home.join("var/run/secrets/istio"),
        "root-cert.pem",
        &node.plane.root_pem,
    );
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("POD_NAME", &pod.name)
        .env("POD_NAMESPACE", "default")
        .env("INSTANCE_IP", pod.ip.to_string())
        .env("SERVICE_ACCOUNT", &pod.account)
        .env("CA_ADDR", format!("{PLANE}:{SECURE}"))
        .env(
            "PROXY_CONFIG",
            format!("discoveryAddress: {PLANE}:{SECURE}"),
        )
        .uid(PROXY_USER)
        .gid(PROXY_USER);
    command
}

fn mount(folder: &Path, name: &str, content: &str) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join(name), content).unwrap();
}
