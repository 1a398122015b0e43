//! The pod's labels and annotations as the downward API writes them: a line `key="value"` each, the value quoted as Go
//! quotes strings.

use std::path::Path;

use serde_json::{Map, Value};

/// Reads one pod-info file; empty where there is none, as outside Kubernetes.
pub(super) fn read(path: &Path) -> Map<String, Value> {
    std::fs::read_to_string(path)
        .map(|text| parse(&text))
        .unwrap_or_default()
}

fn parse(text: &str) -> Map<String, Value> {
    text.lines().filter_map(entry).collect()
}

fn entry(line: &str) -> Option<(String, Value)> {
    let (key, quoted) = line.split_once('=')?;
    // Go's quoting is JSON's but for \a, \v and \x, which the API server's keys and common values never hold
    let value: String = serde_json::from_str(quoted.trim())
        .ok()
        .unwrap_or_else(|| quoted.trim_matches('"').to_owned());
    Some((key.to_owned(), value.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_downward_api_writes() {
        let map = parse(
            "app=\"reviews\"\nproxy.istio.io/config=\"concurrency: 2\\ntracing: {}\\n\"\n\nbroken\n",
        );
        assert_eq!(map["app"], "reviews");
        assert_eq!(
            map["proxy.istio.io/config"],
            "concurrency: 2\ntracing: {}\n"
        );
        assert_eq!(map.len(), 2);
    }
}
