//! What lowering needs to know of the object around a field.

use super::problem::{Invalid, Place};
use super::tree::Node;
use super::{de, value};
use crate::model::{Created, Kind, Labels, Name, Object, Visibility};
use crate::store::hosts;
use serde::Deserialize;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

/// The object at hand, and a place for warnings.
pub(super) struct Cx<'a> {
    pub(super) origin: Object,
    pub(super) labels: Labels,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) created: Created,
    /// Names of what owns it: `(kind, name)` of its controller.
    pub(super) owner: Option<(String, String)>,
    pub(super) domain: &'a str,
    warnings: RefCell<Vec<Invalid>>,
}

#[derive(Deserialize)]
struct Whole {
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: Option<String>,
    namespace: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, Option<String>>,
    creation_timestamp: Option<value::Timestamp>,
    #[serde(default)]
    owner_references: Vec<Owner>,
}

#[derive(Deserialize)]
struct Owner {
    kind: String,
    name: String,
    #[serde(default)]
    controller: bool,
}

impl<'a> Cx<'a> {
    /// Reads the metadata of an object.
    pub(super) fn read(kind: Kind, node: &Node, domain: &'a str) -> Result<Self, Invalid> {
        let Whole { metadata } = de::read(node, &RefCell::default())?;
        let name = metadata
            .name
            .filter(|name| !name.is_empty())
            .ok_or_else(|| {
                Invalid::new(format_args!("the {kind} has no name; add `metadata.name`"))
                    .at("metadata")
            })?;
        value::check_object_name(&name).map_err(|invalid| invalid.at("metadata.name"))?;
        let namespace = match kind {
            Kind::Namespace => name.clone(),
            Kind::Service
            | Kind::EndpointSlice
            | Kind::Pod
            | Kind::ServiceAccount
            | Kind::ServiceEntry
            | Kind::WorkloadEntry
            | Kind::VirtualService
            | Kind::DestinationRule
            | Kind::PeerAuthentication
            | Kind::Sidecar
            | Kind::AuthorizationPolicy
            | Kind::RequestAuthentication => {
                metadata.namespace.unwrap_or_else(|| "default".to_owned())
            }
        };
        value::check_object_name(&namespace).map_err(|invalid| invalid.at("metadata.namespace"))?;
        Ok(Self {
            origin: Object {
                kind,
                namespace: namespace.into(),
                name: name.into(),
            },
            labels: metadata.labels.into_iter().collect(),
            annotations: metadata
                .annotations
                .into_iter()
                .filter_map(|(key, value)| Some((key, value?)))
                .collect(),
            created: metadata
                .creation_timestamp
                .map(|timestamp| timestamp.0)
                .unwrap_or_default(),
            owner: metadata
                .owner_references
                .into_iter()
                .find(|owner| owner.controller)
                .map(|owner| (owner.kind, owner.name)),
            domain,
            warnings: RefCell::default(),
        })
    }

    /// Says that something has no effect.
    pub(super) fn warn(&self, path: &str, text: impl fmt::Display) {
        self.warnings.borrow_mut().push(Invalid::new(text).at(path));
    }

    pub(super) fn take_warnings(&self) -> Vec<Invalid> {
        self.warnings.take()
    }

    /// The fully qualified form of a host that this object names.
    pub(super) fn qualify(&self, host: &str) -> Name {
        hosts::qualify(host, &self.origin.namespace, self.domain)
    }

    /// Lowers `exportTo`.
    pub(super) fn visibility(&self, export_to: &[String]) -> Visibility {
        let has = |wanted: &str| export_to.iter().any(|name| name == wanted);
        if export_to.is_empty() {
            return Visibility::Default;
        }
        if has("*") {
            return Visibility::Public;
        }
        if has("~") {
            return Visibility::Nobody;
        }
        let own = |name: &String| {
            if name == "." {
                self.origin.namespace.clone()
            } else {
                name.as_str().into()
            }
        };
        let mut names: Vec<Name> = export_to.iter().map(own).collect();
        names.sort();
        names.dedup();
        Visibility::Namespaces(names)
    }
}

impl Invalid {
    /// Adds the path of the field; its position is found later.
    pub(super) fn at(self, path: &str) -> Self {
        match self.place {
            Some(_) => self,
            None => Self {
                place: Some(Place {
                    path: path.to_owned(),
                    ..Place::default()
                }),
                ..self
            },
        }
    }
}
