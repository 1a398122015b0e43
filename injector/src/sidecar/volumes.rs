//! The volumes of a sidecar, those of Istio's.

use serde_json::{Map, Value, json};
use xds_proto::well_known::TOKEN_AUDIENCE;

use super::Context;

/// Lifetime of the projected token, seconds; the kubelet renews it well before.
const TOKEN_SECONDS: u32 = 43_200;

pub(super) fn volumes(cx: &Context<'_>) -> Vec<Value> {
    let field =
        |path: &str| json!({"path": path, "fieldRef": {"fieldPath": format!("metadata.{path}")}});
    let token = json!({"path": "istio-token", "expirationSeconds": TOKEN_SECONDS, "audience": TOKEN_AUDIENCE});
    let mut volumes = vec![
        json!({"name": "workload-socket", "emptyDir": {}}),
        json!({"name": "credential-socket", "emptyDir": {}}),
        json!({"name": "workload-certs", "emptyDir": {}}),
        json!({"name": "istio-envoy", "emptyDir": {"medium": "Memory"}}),
        json!({"name": "istio-data", "emptyDir": {}}),
        json!({"name": "istio-podinfo", "downwardAPI": {"items": [field("labels"), field("annotations")]}}),
        json!({"name": "istio-token", "projected": {"sources": [{"serviceAccountToken": token}]}}),
        json!({"name": "istiod-ca-cert", "configMap": {"name": "istio-ca-root-cert"}}),
        json!({"name": "istio-ca-crl", "configMap": {"name": "istio-ca-crl", "optional": true}}),
    ];
    volumes.extend(named(&cx.settings.user_volumes));
    volumes
}

/// Objects keyed by name, as the annotations have them, as a list with names.
pub(super) fn named(objects: &Map<String, Value>) -> impl Iterator<Item = Value> {
    objects.iter().map(|(name, object)| {
        let mut object = object.as_object().cloned().unwrap_or_default();
        object.insert("name".to_owned(), Value::from(name.as_str()));
        Value::Object(object)
    })
}
