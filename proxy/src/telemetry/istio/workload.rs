//! A workload as telemetry names it.

use std::sync::Arc;

use xds_proto::pb::envoy::config::core::v3::Node;
use xds_proto::pb::google::protobuf::value::Kind;
use xds_proto::pb::google::protobuf::{Struct, Value};

/// Bytes of one name; a longer one counts as unknown.
const LONGEST: usize = 256;

/// What is known of a workload; `None` is reported as `unknown`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Workload {
    /// The name of the deployment or the like.
    pub name: Option<Arc<str>>,
    /// Its namespace.
    pub namespace: Option<Arc<str>>,
    /// The service it mainly serves (Istio "Canonical service").
    pub canonical_service: Option<Arc<str>>,
    /// The revision of that service.
    pub canonical_revision: Option<Arc<str>>,
    /// The label `app`.
    pub app: Option<Arc<str>>,
    /// The label `version`.
    pub version: Option<Arc<str>>,
    /// The id of its Kubernetes cluster.
    pub cluster: Option<Arc<str>>,
    /// Its own SPIFFE identity.
    pub principal: Option<Arc<str>>,
    /// The node id of its proxy, by which it introduces itself.
    pub node: Option<Arc<str>>,
}

impl Workload {
    /// The workload that a proxy stands beside, by the metadata of its node (`WORKLOAD_NAME`, `NAMESPACE`, `LABELS`,
    /// `CLUSTER_ID`).
    pub fn of_node(node: &Node) -> Self {
        let Some(metadata) = &node.metadata else {
            return Self::default();
        };
        let node = Some(Arc::from(&*node.id)).filter(|id: &Arc<str>| !id.is_empty());
        Self {
            node,
            ..Self::of_metadata(metadata)
        }
    }

    /// The workload that node metadata describes, ours or a peer's.
    pub(super) fn of_metadata(metadata: &Struct) -> Self {
        let labels = match field(metadata, "LABELS").and_then(|value| value.kind.as_ref()) {
            Some(Kind::StructValue(labels)) => labels.clone(),
            _ => Struct::default(),
        };
        let name = text(metadata, "WORKLOAD_NAME");
        let label = |keys: &[&str]| keys.iter().find_map(|key| text(&labels, key));
        let service = label(&[
            "service.istio.io/canonical-name",
            "app.kubernetes.io/name",
            "app",
        ]);
        let revision = label(&[
            "service.istio.io/canonical-revision",
            "app.kubernetes.io/version",
            "version",
        ]);
        Self {
            canonical_service: service.or_else(|| name.clone()),
            canonical_revision: revision.or_else(|| Some("latest".into())),
            name,
            namespace: text(metadata, "NAMESPACE"),
            app: label(&["app"]),
            version: label(&["version"]),
            cluster: text(metadata, "CLUSTER_ID"),
            principal: None,
            node: None,
        }
    }

    /// The workload behind an endpoint, by Istio's text `name;namespace;canonical service;revision;cluster`.
    pub fn of_endpoint(text: &str) -> Self {
        let mut parts = text
            .split(';')
            .map(|part| (!part.is_empty()).then(|| Arc::from(part)));
        let mut next = || parts.next().flatten();
        Self {
            name: next(),
            namespace: next(),
            canonical_service: next(),
            canonical_revision: next(),
            cluster: next(),
            ..Self::default()
        }
    }

    /// The same with its SPIFFE identity.
    #[must_use]
    pub fn with_principal(self, principal: impl Into<Arc<str>>) -> Self {
        Self {
            principal: Some(principal.into()),
            ..self
        }
    }
}

fn field<'a>(of: &'a Struct, key: &str) -> Option<&'a Value> {
    of.fields.get(key)
}

fn text(of: &Struct, key: &str) -> Option<Arc<str>> {
    let Kind::StringValue(text) = field(of, key)?.kind.as_ref()? else {
        return None;
    };
    (!text.is_empty() && text.len() <= LONGEST).then(|| text.as_str().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(text: &str) -> Value {
        Value {
            kind: Some(Kind::StringValue(text.to_owned())),
        }
    }

    fn structure(fields: &[(&str, Value)]) -> Struct {
        Struct {
            fields: fields
                .iter()
                .map(|(key, value)| ((*key).to_owned(), value.clone()))
                .collect(),
        }
    }

    #[test]
    fn a_node_is_named_by_its_metadata_and_labels() {
        let labels = structure(&[("app", string("shop")), ("version", string("v2"))]);
        let labels = Value {
            kind: Some(Kind::StructValue(labels)),
        };
        let metadata = structure(&[
            ("WORKLOAD_NAME", string("shop-v2")),
            ("NAMESPACE", string("sales")),
            ("CLUSTER_ID", string("east")),
            ("LABELS", labels),
        ]);
        let node = Node {
            metadata: Some(metadata),
            ..Node::default()
        };
        let text = |text: &str| Some(Arc::from(text));
        let expected = Workload {
            name: text("shop-v2"),
            namespace: text("sales"),
            canonical_service: text("shop"),
            canonical_revision: text("v2"),
            app: text("shop"),
            version: text("v2"),
            cluster: text("east"),
            principal: None,
            node: None,
        };
        assert_eq!(Workload::of_node(&node), expected);
    }

    #[test]
    fn an_endpoint_is_named_by_istios_text() {
        let workload = Workload::of_endpoint("shop-v2;sales;shop;;east");
        assert_eq!(workload.name.as_deref(), Some("shop-v2"));
        assert_eq!(workload.canonical_service.as_deref(), Some("shop"));
        assert_eq!(workload.canonical_revision, None);
        assert_eq!(workload.cluster.as_deref(), Some("east"));
    }
}
