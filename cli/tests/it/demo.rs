//! The main job: one command, a whole mesh.

use std::path::Path;

use serde_json::Value;

use crate::mesh::{Mesh, tulle};

#[test]
fn one_command_shows_mtls_a_canary_shift_and_a_failover() {
    let output = tulle()
        .args(["demo", "--demo", "verdict", "--for", "25s", "--json"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let seen: Value = serde_json::from_str(&text).unwrap();
    let identity = "spiffe://cluster.local/ns/shop/sa/";
    assert_eq!(seen["mtls"][0][0], format!("{identity}client"));
    assert_eq!(seen["mtls"][0][1], format!("{identity}server"));
    assert!(seen["tcp_ok"].as_u64() > Some(10), "{text}");
    assert_eq!(seen["tcp_failed"], 0, "{text}");
    let explained = seen["explanation"]["steps"].to_string();
    assert!(
        explained.contains("VirtualService shop/server"),
        "{explained}"
    );
}

#[test]
fn a_killed_demo_leaves_nothing_behind() {
    let mesh = Mesh::start("killed", None);
    let inner = children(mesh.id());
    assert_eq!(inner.len(), 1, "{inner:?}");
    let pods = children(inner[0]);
    assert!(
        pods.len() >= 6,
        "control plane and five pods, found {pods:?}"
    );
    drop(mesh); // SIGKILL
    while pods.iter().chain(&inner).any(|pid| is_running(*pid)) {
        std::thread::yield_now();
    }
    assert!(
        !std::fs::read_to_string("/proc/net/dev")
            .unwrap()
            .contains("mesh0")
    );
    assert!(!Path::new("/mnt/pods").exists());
}

#[test]
fn traffic_goes_on_without_the_control_plane() {
    let mesh = Mesh::start("orphan", None);
    let answered = |mesh: &Mesh| {
        mesh.curl("client", &["http://server/"])
            .contains("200 OK")
            .then_some(())
    };
    mesh.until("an answer", answered);
    assert!(
        mesh.exec(
            "client",
            &["pkill", "-KILL", "-f", "control-plane --registry"]
        )
        .status
        .success()
    );
    for _ in 0..5 {
        assert!(
            answered(&mesh).is_some(),
            "no answer without the control plane"
        );
    }
}

#[test]
fn explanations_find_tcp_services_by_their_address() {
    let mesh = Mesh::start("tcp", None);
    let explained = mesh.explain(&["--from", "client", "--to", "tcp://ledger:9000"]);
    assert!(
        explained.contains("outbound|9000||ledger.shop.svc.cluster.local"),
        "{explained}"
    );
}

pub(crate) fn children(parent: u32) -> Vec<u32> {
    let status =
        |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let is_child = |pid: &u32| {
        status(*pid)
            .lines()
            .any(|line| line == format!("PPid:\t{parent}"))
    };
    let pids = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    pids.filter(is_child).collect()
}

pub(crate) fn is_running(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}
