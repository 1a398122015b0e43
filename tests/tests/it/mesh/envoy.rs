//! The real Envoy as a pod's sidecar.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::admin;
use super::bootstrap::{self, Ads};
use super::node::{Node, PROXY_USER, Pod, for_every_user};
use super::process::Process;

/// The version that `.ci/install` unpacks.
const INSTALLED: &str = "../target/tools/envoy-1.40.0/envoy";

/// The program: the installed one, else `$TULLE_ENVOY`, else the one in `$PATH`.
pub(crate) fn program() -> Option<PathBuf> {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join(INSTALLED);
    let named = std::env::var_os("TULLE_ENVOY").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("envoy"));
    [Some(installed), named]
        .into_iter()
        .flatten()
        .chain(found)
        .find(|candidate| candidate.is_file())
}

/// A running Envoy.
pub(crate) struct Envoy<'a> {
    pod: &'a Pod,
    process: Process,
}

impl<'a> Envoy<'a> {
    /// Starts Envoy in a pod.
    pub(crate) fn start(program: &Path, node: &Node, pod: &'a Pod, ads: Ads) -> Self {
        let mut command = Command::new(for_every_user(program, &pod.home));
        command
            .args(["--concurrency", "1", "--use-dynamic-base-id"])
            .args(["--log-level", "warning", "--config-path"])
            .arg(bootstrap::write(node, pod, ads))
            .uid(PROXY_USER)
            .gid(PROXY_USER);
        let log = pod.home.join("envoy.log");
        let process = Process::start(&pod.namespace, command, &log);
        Self { pod, process }
    }

    /// Fails if Envoy has refused anything, ever.
    pub(crate) fn assert_nothing_was_refused(&self) {
        let counters = "/stats?filter=(update_rejected|update_failure|listener_create_failure)";
        let stats = admin::page(self.pod, counters);
        for counter in ["cluster_manager.cds", "listener_manager.lds"] {
            let line = format!("{counter}.update_rejected: 0");
            assert!(stats.contains(&line), "{stats}");
        }
        let refused: Vec<&str> = stats
            .lines()
            .filter(|line| !line.ends_with(": 0"))
            .collect();
        let log = self.process.log();
        let complains = |line: &&str| {
            let words = ["rejected", "[error]", "[critical]"];
            words.iter().any(|word| line.contains(word))
        };
        let complaints: Vec<&str> = log.lines().filter(complains).collect();
        assert!(
            refused.is_empty() && complaints.is_empty(),
            "{refused:#?}\n{complaints:#?}"
        );
    }
}
