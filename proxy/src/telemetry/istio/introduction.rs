//! How sidecars introduce their workloads to each other: the headers `x-envoy-peer-metadata-id` (the node id) and
//! `x-envoy-peer-metadata` (a `google.protobuf.Struct` of node metadata in base64). Source: Istio's metadata exchange.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use prost::Message as _;
use xds_proto::pb::google::protobuf::value::Kind;
use xds_proto::pb::google::protobuf::{Struct, Value};
use xds_proto::well_known::label;

use super::Workload;

/// Bytes of an introduction; a longer one is not read.
const LONGEST: usize = 8 * 1024;

/// Some proxies leave the padding away.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The values of the two headers that introduce a workload.
#[derive(Debug)]
pub(crate) struct Introduction {
    /// Of `x-envoy-peer-metadata-id`.
    pub(crate) id: Arc<str>,
    /// Of `x-envoy-peer-metadata`.
    pub(crate) metadata: Box<str>,
}

impl Introduction {
    /// Introduces the workload of a node; `None` where the node says nothing of one. Of all the node's metadata peers are
    /// told only what telemetry labels need.
    pub(crate) fn of(workload: &Workload) -> Option<Self> {
        let id = Arc::clone(workload.node.as_ref()?);
        if workload.name.is_none() && workload.namespace.is_none() {
            return None;
        }
        let mut told = texts([
            ("NAMESPACE", &workload.namespace),
            ("WORKLOAD_NAME", &workload.name),
            ("CLUSTER_ID", &workload.cluster),
        ]);
        let labels = texts([
            (label::APP, &workload.app),
            (label::VERSION, &workload.version),
            (label::CANONICAL_NAME, &workload.canonical_service),
            (label::CANONICAL_REVISION, &workload.canonical_revision),
        ]);
        let labels = Value {
            kind: Some(Kind::StructValue(labels)),
        };
        told.fields.insert("LABELS".to_owned(), labels);
        Some(Self {
            id,
            metadata: STANDARD.encode(told.encode_to_vec()).into(),
        })
    }
}

fn texts<const N: usize>(fields: [(&str, &Option<Arc<str>>); N]) -> Struct {
    let text = |(key, text): (&str, &Option<Arc<str>>)| {
        let kind = Some(Kind::StringValue(text.as_ref()?.to_string()));
        Some((key.to_owned(), Value { kind }))
    };
    Struct {
        fields: fields.into_iter().filter_map(text).collect(),
    }
}

/// How the other side of one connection introduced itself. It does so with every message in the same words, so that they
/// are read once.
#[derive(Debug, Default)]
pub(crate) struct Heard(RefCell<Option<Last>>);

#[derive(Debug)]
struct Last {
    text: Box<[u8]>,
    workload: Option<Rc<Workload>>,
}

impl Heard {
    /// The workload that the value of `x-envoy-peer-metadata` names; `None` when it cannot be read.
    pub(crate) fn workload(&self, text: &[u8]) -> Option<Rc<Workload>> {
        if text.len() > LONGEST {
            return None;
        }
        let mut last = self.0.borrow_mut();
        if let Some(last) = &*last
            && *last.text == *text
        {
            return last.workload.clone();
        }
        let workload = read(text).map(Rc::new);
        *last = Some(Last {
            text: text.into(),
            workload: workload.clone(),
        });
        workload
    }
}

fn read(text: &[u8]) -> Option<Workload> {
    let bytes = LENIENT.decode(text).ok()?;
    let metadata = Struct::decode(bytes.as_slice()).ok()?;
    Some(Workload::of_metadata(&metadata))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use xds_proto::pb::envoy::config::core::v3::Node;
    use xds_proto::protobuf_struct;

    fn workload(metadata: serde_json::Value) -> Workload {
        Workload::of_node(&Node {
            id: "sidecar~10.0.0.1~web-1.shop~shop.svc.cluster.local".to_owned(),
            metadata: protobuf_struct::from_json(&metadata),
            ..Node::default()
        })
    }

    #[test]
    fn a_peer_learns_what_its_labels_need_and_nothing_else() {
        let own = workload(json!({
            "NAME": "web-1", "NAMESPACE": "shop", "WORKLOAD_NAME": "web", "CLUSTER_ID": "east",
            "SECRET": "s3", "LABELS": {"app": "web", "version": "v2", "password": "s3"},
        }));
        let introduction = Introduction::of(&own).expect("the node names a workload");
        let peer = Heard::default().workload(introduction.metadata.as_bytes());
        let expected = Workload { node: None, ..own };
        assert_eq!(peer.as_deref(), Some(&expected));
        let bytes = STANDARD
            .decode(introduction.metadata.as_bytes())
            .expect("base64");
        assert!(!bytes.windows(2).any(|pair| pair == b"s3"));
    }

    #[test]
    fn a_node_without_a_workload_introduces_nobody() {
        assert!(Introduction::of(&Workload::default()).is_none());
        assert!(Introduction::of(&workload(json!({}))).is_none());
    }

    #[test]
    fn words_that_make_no_sense_name_nobody() {
        let heard = Heard::default();
        for text in [&b"!"[..], b"////", &[b'A'; LONGEST + 4]] {
            assert_eq!(heard.workload(text), None);
        }
        let nameless = heard.workload(b"").expect("an empty struct");
        assert_eq!((&nameless.name, &nameless.namespace), (&None, &None));
    }
}
