//! The main job: one command, a whole mesh.

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};
use serde_json::Value;

use crate::mesh::{Mesh, namespaces, skip, tulle, until};

/// A user without any privilege.
pub(crate) const NOBODY: u32 = 65534;

#[test]
fn one_command_shows_mtls_a_canary_shift_and_a_failover() {
    let Some(isolation) = namespaces("verdict") else {
        return;
    };
    let output = tulle()
        .args(["demo", "--demo", "verdict", "--for", "25s", "--json"])
        .arg(isolation)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let seen: Value = serde_json::from_str(&text).unwrap();
    let mode = seen["mode"].as_str().unwrap();
    assert!(mode.starts_with("network namespaces"), "{mode}");
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
    let Some(mesh) = Mesh::captured("killed", None) else {
        return;
    };
    let inner = children(mesh.id());
    assert_eq!(inner.len(), 1, "{inner:?}");
    let pods = children(inner[0]);
    assert!(
        pods.len() >= 6,
        "control plane and five pods, found {pods:?}"
    );
    let networks: BTreeSet<_> = pods.iter().filter_map(|pid| network_of(*pid)).collect();
    assert!(networks.len() >= 6, "one each, found {networks:?}");
    drop(mesh); // SIGKILL
    until("the end of every process", || {
        let mut all = pods.iter().chain(&inner);
        (!all.any(|pid| is_running(*pid))).then_some(())
    });
    until("the end of every network", || {
        let mut held = processes().into_iter().filter_map(network_of);
        (!held.any(|network| networks.contains(&network))).then_some(())
    });
}

/// The network namespace that a process holds.
fn network_of(pid: u32) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/ns/net")).ok()
}

#[test]
fn traffic_goes_on_without_the_control_plane() {
    let Some(mesh) = Mesh::captured("orphan", None) else {
        return;
    };
    let answered = |mesh: &Mesh| {
        mesh.curl("client", &["http://server/"])
            .contains("200 OK")
            .then_some(())
    };
    mesh.until("an answer", answered);
    let inner = children(mesh.id());
    let is_control_plane = |pid: &u32| {
        let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split('\0').nth(1) == Some("control-plane")
    };
    let all = children(inner[0]);
    let control_plane = *all.iter().find(|pid| is_control_plane(pid)).unwrap();
    let pid = Pid::from_raw(control_plane.try_into().unwrap());
    kill(pid, Signal::SIGKILL).unwrap();
    until("the end of the control plane", || {
        (!is_running(control_plane)).then_some(())
    });
    for _ in 0..5 {
        assert!(
            answered(&mesh).is_some(),
            "no answer without the control plane"
        );
    }
}

#[test]
fn explanations_find_tcp_services_by_their_address() {
    let Some(mesh) = Mesh::captured("tcp", None) else {
        return;
    };
    let explained = mesh.explain(&["--from", "client", "--to", "tcp://ledger:9000"]);
    assert!(
        explained.contains("outbound|9000||ledger.shop.svc.cluster.local"),
        "{explained}"
    );
}

#[test]
fn the_door_is_shut_to_other_users() {
    let mesh = Mesh::start_with("door", &["--isolation=ports".to_owned()]);
    let own = mesh.exec("client", &["echo", "inside"]);
    assert_eq!(own.stdout, b"inside\n");
    if !Uid::effective().is_root() {
        return skip("door", "needs root to become another user");
    }
    // whatever is sent is not read: the answer comes first
    let output = Command::new("curl")
        .args(["-s", "-m", "20", "--http0.9"])
        .args([
            "--abstract-unix-socket",
            "tulle-demo-0-door",
            "http://door/",
        ])
        .uid(NOBODY)
        .gid(NOBODY)
        .output()
        .unwrap();
    let answer = String::from_utf8_lossy(&output.stdout);
    assert!(answer.contains("belongs to another user"), "{output:?}");
}

fn processes() -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap();
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}

pub(crate) fn children(parent: u32) -> Vec<u32> {
    let status =
        |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let is_child = |pid: &u32| {
        status(*pid)
            .lines()
            .any(|line| line == format!("PPid:\t{parent}"))
    };
    processes().into_iter().filter(is_child).collect()
}

pub(crate) fn is_running(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}
