//! Metrics of application and sidecar on one page: Prometheus is pointed at the sidecar, which asks the application.

use serde_json::{Map, Value, json};
use xds_proto::well_known::annotation::{PROMETHEUS_PATH, PROMETHEUS_PORT, PROMETHEUS_SCRAPE};

/// The variable that tells the sidecar where the application's own metrics are.
pub(crate) const VARIABLE: &str = "ISTIO_PROMETHEUS_ANNOTATIONS";

const FIELDS: [(&str, &str); 3] = [
    ("scrape", PROMETHEUS_SCRAPE),
    ("path", PROMETHEUS_PATH),
    ("port", PROMETHEUS_PORT),
];
const MERGED_PATH: &str = "/stats/prometheus";

/// Points Prometheus at the status port; the value of [`VARIABLE`] if the application has metrics.
pub(crate) fn merge(annotations: &mut Map<String, Value>, status_port: u16) -> Option<String> {
    if annotations
        .get(PROMETHEUS_SCRAPE)
        .is_some_and(|scrape| scrape == "false")
    {
        return None;
    }
    let present = FIELDS
        .iter()
        .any(|(_, name)| annotations.contains_key(*name));
    let own: Map<String, Value> = FIELDS
        .iter()
        .map(|(field, name)| {
            (
                (*field).to_owned(),
                annotations.get(*name).cloned().unwrap_or_else(|| json!("")),
            )
        })
        .collect();
    let merged = [
        "true".to_owned(),
        MERGED_PATH.to_owned(),
        status_port.to_string(),
    ];
    for ((_, name), value) in FIELDS.iter().zip(merged) {
        annotations.insert((*name).to_owned(), Value::from(value));
    }
    present.then(|| Value::Object(own).to_string())
}

/// Undoes [`merge`], given what it returned.
pub(crate) fn restore(annotations: &mut Map<String, Value>, variable: Option<&str>) {
    if annotations
        .get(PROMETHEUS_PATH)
        .is_none_or(|path| path != MERGED_PATH)
    {
        return;
    }
    let own: Map<String, Value> = variable
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    for (field, name) in FIELDS {
        match own.get(field).filter(|value| *value != "") {
            Some(value) => annotations.insert(name.to_owned(), value.clone()),
            None => annotations.remove(name),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn annotations(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn the_applications_page_is_remembered_and_restored() {
        let before =
            annotations(json!({"prometheus.io/scrape": "true", "prometheus.io/port": "8080"}));
        let mut after = before.clone();
        let variable = merge(&mut after, 15020).unwrap();
        assert_eq!(variable, r#"{"path":"","port":"8080","scrape":"true"}"#);
        assert_eq!(after["prometheus.io/port"], "15020");
        assert_eq!(after["prometheus.io/path"], "/stats/prometheus");
        restore(&mut after, Some(&variable));
        assert_eq!(after, before);
    }

    #[test]
    fn an_application_without_metrics_leaves_nothing_to_tell() {
        let mut merged = Map::new();
        assert_eq!(merge(&mut merged, 15020), None);
        assert_eq!(merged["prometheus.io/scrape"], "true");
        restore(&mut merged, None);
        assert!(merged.is_empty());
    }

    #[test]
    fn scraping_that_is_off_stays_off() {
        let before = annotations(json!({"prometheus.io/scrape": "false"}));
        let mut after = before.clone();
        assert_eq!(merge(&mut after, 15020), None);
        assert_eq!(after, before);
    }
}
