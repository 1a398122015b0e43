//! Explicit ports: the same mesh where nothing may be captured.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::demo::{NOBODY, children, is_running};
use crate::mesh::{Mesh, tulle, until};

/// Runs the program as a user without privileges, out of a folder that everyone may enter.
fn as_nobody(dir: &Path, args: &[&str]) -> Output {
    let program = dir.join("tulle");
    std::fs::copy(env!("CARGO_BIN_EXE_tulle"), &program).unwrap();
    let mut command = Command::new(program);
    command.args(args).env("TMPDIR", "/tmp").current_dir("/");
    if nix::unistd::Uid::effective().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.output().unwrap()
}

fn open_to_all() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    tempfile::Builder::new()
        .permissions(std::fs::Permissions::from_mode(0o755))
        .tempdir_in("/tmp")
        .unwrap()
}

#[test]
fn without_privileges_the_demo_shows_the_same() {
    let dir = open_to_all();
    let args = "demo --isolation ports --demo nobody --for 25s --json";
    let args: Vec<_> = args.split(' ').collect();
    let output = as_nobody(dir.path(), &args);
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}");
    let seen: Value = serde_json::from_str(&text).unwrap();
    assert!(seen["mode"].as_str().unwrap().starts_with("explicit ports"));
    let identity = "spiffe://cluster.local/ns/shop/sa/";
    assert_eq!(seen["mtls"][0][0], format!("{identity}client"));
    assert_eq!(seen["mtls"][0][1], format!("{identity}server"));
    assert!(seen["tcp_ok"].as_u64() > Some(10), "{text}");
    assert_eq!(seen["tcp_failed"], 0, "{text}");
    assert_eq!(seen["failover"]["failed"], 0, "{text}");
    let explained = seen["explanation"]["steps"].to_string();
    assert!(explained.contains("VirtualService shop/server"), "{text}");
}

#[test]
fn where_namespaces_are_refused_the_demo_takes_ports_and_says_why() {
    let refusing = format!(
        "echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all --inh-caps=-all {} \
         demo --demo refused --for 2s --json",
        env!("CARGO_BIN_EXE_tulle")
    );
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "sh", "-c", &refusing])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    // where this machine makes no user namespace for the test either, the demo itself tells of it
    let text = match text.is_empty() {
        false => text.into_owned(),
        true => {
            let args = "demo --demo refused --for 2s --json";
            let args: Vec<_> = args.split(' ').collect();
            let output = as_nobody(open_to_all().path(), &args);
            String::from_utf8_lossy(&output.stdout).into_owned()
        }
    };
    let seen: Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert!(seen["mode"].as_str().unwrap().starts_with("explicit ports"));
    let reason = seen["reason"].as_str().unwrap();
    assert!(reason.contains("does not let"), "{reason}");
}

#[test]
fn names_lead_to_services_and_nothing_is_left_behind() {
    let mesh = Mesh::start_with("ports", &["--isolation=ports".to_owned()]);
    let inner = children(mesh.id());
    assert_eq!(inner.len(), 1, "{inner:?}");
    let folder = state_of(inner[0]);
    mesh.until("an answer", |mesh| {
        mesh.curl("client", &["http://server/"])
            .contains("200 OK")
            .then_some(())
    });
    let unknown = mesh.curl("client", &["http://nobody.example/"]);
    assert!(unknown.contains("502"), "{unknown}");
    let explained = mesh.explain(&["--from", "client", "--to", "tcp://ledger:9000"]);
    assert!(
        explained.contains("outbound|9000||ledger.shop.svc.cluster.local"),
        "{explained}"
    );
    let plaintext = mesh.exec(
        "client",
        &[
            "sh",
            "-c",
            "curl -s -m 5 --noproxy '*' http://$LEDGER_SERVICE_HOST:15021/",
        ],
    );
    assert!(!plaintext.status.success(), "only declared ports are bound");
    let mut processes = descendants(inner[0]);
    assert!(processes.len() > 10, "{processes:?}");
    drop(mesh); // SIGKILL
    processes.extend(inner);
    until("the end of every process and the folder", || {
        let left = processes.iter().any(|pid| is_running(*pid)) || folder.exists();
        (!left).then_some(())
    });
}

fn descendants(of: u32) -> Vec<u32> {
    let mut found = children(of);
    let deeper: Vec<u32> = found.iter().flat_map(|pid| descendants(*pid)).collect();
    found.extend(deeper);
    found
}

/// The folder of a demo, from the command line of its second stage.
fn state_of(inner: u32) -> PathBuf {
    let line = std::fs::read_to_string(format!("/proc/{inner}/cmdline")).unwrap();
    let mut words = line.split('\0');
    words.find(|word| *word == "--state").unwrap();
    words.next().unwrap().into()
}

#[test]
fn a_program_that_listens_on_every_address_is_told_where_to_listen() {
    let dir = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    drop(listener); // it was free
    let pod = "\
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: PORT}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  containers:
    - name: web
      command: [tulle, app, server, --port, 'PORT']
      ports: [{containerPort: PORT}]
      readinessProbe: {httpGet: {port: PORT}}
"
    .replace("PORT", &port);
    std::fs::write(dir.path().join("web.yaml"), pod).unwrap();
    let output = tulle()
        .args([
            "demo",
            "--isolation",
            "ports",
            "--demo",
            "everywhere",
            "--for",
            "60s",
            "--config",
        ])
        .arg(dir.path())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    for part in ["pod web cannot run", "in use", "LISTEN_ADDRESS"] {
        assert!(errors.contains(part), "{part}: {errors}");
    }
}
