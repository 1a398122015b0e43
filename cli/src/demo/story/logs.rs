//! The logs of the demo's parts, for an error that ends it.

use std::path::Path;

/// The last lines of every log, for an error that ends the demo.
pub(super) fn tails(state: &Path) -> String {
    let mut text = String::new();
    let mut files = vec![state.join("control-plane.log")];
    for pod in std::fs::read_dir(state.join("pods"))
        .into_iter()
        .flatten()
        .flatten()
    {
        files.push(pod.path().join("istio-proxy.log"));
    }
    for file in files {
        let log = std::fs::read_to_string(&file).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        for line in &lines[lines.len().saturating_sub(3)..] {
            text.push_str(&format!(
                "{}: {line}\n",
                file.strip_prefix(state).unwrap_or(&file).display()
            ));
        }
    }
    text + "the demo ended early"
}
