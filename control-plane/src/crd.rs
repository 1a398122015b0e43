//! Users' YAML: one file per kind, read to a struct, validated, lowered to the model.
//!
//! Nothing is ignored in silence: a field that has no effect is a warning with its place, an invalid one an error with
//! file, line, column and hint. Kinds that do not concern the mesh are passed over quietly.

mod cx;
mod de;
mod destination_rule;
mod endpoint_slice;
mod kinds;
mod peer_authentication;
mod pod;
pub mod problem;
mod security;
mod service;
mod service_entry;
mod sidecar;
mod tree;
mod value;
mod virtual_service;
mod workload_entry;

pub use problem::{Position, Problem, Severity};

use crate::model::authz::Closed;
use crate::model::namespace::{Namespace, ServiceAccount};
use crate::model::{ConfigObject, Kind, Object};
use cx::Cx;
use de::Unknown;
use kinds::Recognised;
use problem::{Invalid, Place};
use std::cell::RefCell;
use std::sync::Arc;
use tree::Node;

/// One object of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its name, if that could be read.
    pub object: Option<Object>,
    /// Where it starts.
    pub position: Position,
    /// Its content; `None` when it is broken or does not concern the mesh.
    pub content: Option<ConfigObject>,
    /// A broken security object: what must stay closed until it can be read, unless a good version serves.
    pub closed: Option<Arc<Closed>>,
    /// What is to be said about it.
    pub problems: Vec<Problem>,
}

impl Document {
    /// It is broken: what served under its name before must go on.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.problems
            .iter()
            .any(|problem| problem.severity == Severity::Error)
    }
}

/// Reads all objects of a text: YAML documents, JSON, `List` kinds. `domain` is the cluster's DNS domain.
///
/// # Errors
/// The text is no YAML: nothing in it can be told apart.
pub fn read(text: &str, domain: &str) -> Result<Vec<Document>, Box<Problem>> {
    let documents =
        tree::parse(text).map_err(|invalid| Box::new(problem(None, invalid, &Node::nothing())))?;
    let objects = documents.iter().flat_map(|document| objects(document, 0));
    Ok(objects.map(|node| document(node, domain)).collect())
}

/// The object itself, or the items of a list.
fn objects(node: &Node, depth: usize) -> Vec<&Node> {
    let is_list = node
        .get("kind")
        .and_then(Node::text)
        .is_some_and(|kind| kind.ends_with("List"));
    match node.get("items").and_then(Node::items) {
        Some(items) if is_list && depth < 4 => items
            .iter()
            .flat_map(|item| objects(item, depth + 1))
            .collect(),
        _ => vec![node],
    }
}

fn document(node: &Node, domain: &str) -> Document {
    let mut document = lowered(node, domain);
    if document.is_broken() {
        document.closed = security::broken(node).map(Arc::new);
    }
    document
}

fn lowered(node: &Node, domain: &str) -> Document {
    let mut document = Document {
        object: None,
        position: node.position,
        content: None,
        closed: None,
        problems: Vec::new(),
    };
    let kind = match kinds::recognise(node) {
        Ok(Recognised::Kind(kind)) => kind,
        Ok(Recognised::NotOfTheMesh) => return document,
        Ok(Recognised::NotHonoured(warning)) => {
            let warning = Invalid::new(warning).at("kind");
            document.problems.push(Problem {
                severity: Severity::Warning,
                ..problem(None, warning, node)
            });
            return document;
        }
        Err(invalid) => {
            document.problems.push(problem(None, invalid, node));
            return document;
        }
    };
    let unknown = RefCell::default();
    let cx = match Cx::read(kind, node, domain) {
        Ok(cx) => cx,
        Err(invalid) => {
            document.problems.push(problem(None, invalid, node));
            return document;
        }
    };
    document.object = Some(cx.origin.clone());
    match lower(kind, node, &cx, &unknown) {
        Ok(content) => document.content = content,
        Err(invalid) => document
            .problems
            .push(problem(Some(&cx.origin), invalid, node)),
    }
    let warnings = cx.take_warnings().into_iter();
    let warnings = warnings.map(|warning| (Severity::Warning, warning));
    let unknown = unknown.into_inner().into_iter().filter_map(not_honoured);
    let problems = warnings.chain(unknown).map(|(severity, invalid)| Problem {
        severity,
        ..problem(Some(&cx.origin), invalid, node)
    });
    document.problems.extend(problems);
    if document.is_broken() {
        document.content = None;
    }
    document
}

fn lower(
    kind: Kind,
    node: &Node,
    cx: &Cx<'_>,
    unknown: &RefCell<Vec<Unknown>>,
) -> Result<Option<ConfigObject>, Invalid> {
    // Most of what Kubernetes' own objects say concerns Kubernetes only.
    let quiet = RefCell::default();
    Ok(Some(match kind {
        Kind::Service => {
            ConfigObject::Service(Arc::new(service::lower(de::read(node, &quiet)?, cx)?))
        }
        Kind::EndpointSlice => ConfigObject::EndpointSlice(Arc::new(endpoint_slice::lower(
            de::read(node, &quiet)?,
            cx,
        )?)),
        Kind::Pod => ConfigObject::Workload(Arc::new(pod::lower(de::read(node, &quiet)?, cx)?)),
        Kind::ServiceAccount => ConfigObject::ServiceAccount(Arc::new(ServiceAccount {
            namespace: cx.origin.namespace.clone(),
            name: cx.origin.name.clone(),
        })),
        Kind::Namespace => ConfigObject::Namespace(Arc::new(Namespace {
            name: cx.origin.name.clone(),
            labels: cx.labels.clone(),
        })),
        Kind::ServiceEntry => ConfigObject::ServiceEntry(Arc::new(service_entry::lower(
            de::read(node, unknown)?,
            cx,
        )?)),
        Kind::WorkloadEntry => ConfigObject::Workload(Arc::new(workload_entry::lower(
            de::read(node, unknown)?,
            cx,
        )?)),
        Kind::VirtualService => ConfigObject::VirtualService(Arc::new(virtual_service::lower(
            de::read(node, unknown)?,
            cx,
        )?)),
        Kind::DestinationRule => ConfigObject::DestinationRule(Arc::new(destination_rule::lower(
            de::read(node, unknown)?,
            cx,
        )?)),
        Kind::PeerAuthentication => ConfigObject::PeerAuthentication(Arc::new(
            peer_authentication::lower(de::read(node, unknown)?, cx)?,
        )),
        Kind::Sidecar => {
            ConfigObject::Sidecar(Arc::new(sidecar::lower(de::read(node, unknown)?, cx)?))
        }
        Kind::AuthorizationPolicy | Kind::RequestAuthentication => {
            return Ok(security::lower(de::read(node, &quiet)?, cx)
                .map(|closed| ConfigObject::Closed(Arc::new(closed))));
        }
    }))
}

/// What is to be said about an unknown field. A slip of the pen refuses the object, since it would do something else than it
/// says; others may be fields of Istio that are not honoured.
fn not_honoured(unknown: Unknown) -> Option<(Severity, Invalid)> {
    let Unknown { place, meant } = unknown;
    let frame = ["apiVersion", "kind", "metadata", "status"];
    let (severity, message, hint) = match meant {
        Some(meant) => (
            Severity::Error,
            "there is no such field",
            format!("did you mean `{meant}`?"),
        ),
        None => (
            Severity::Warning,
            "this field has no effect",
            "it is misspelt or not honoured: correct or remove it".to_owned(),
        ),
    };
    let invalid = Invalid {
        message: message.to_owned(),
        hint,
        place: Some(place),
    };
    let path = invalid.place.as_ref().map(|place| &*place.path);
    (!path.is_some_and(|path| frame.contains(&path))).then_some((severity, invalid))
}

fn problem(object: Option<&Object>, invalid: Invalid, node: &Node) -> Problem {
    let Invalid {
        message,
        hint,
        place,
    } = invalid;
    let Place { path, position } = place.unwrap_or_default();
    let position = if position == Position::default() {
        node.locate(&path)
    } else {
        position
    };
    Problem {
        position,
        severity: Severity::Error,
        object: object.cloned(),
        path,
        message,
        hint,
    }
}

#[cfg(test)]
mod tests;
