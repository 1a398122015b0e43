//! Injection of files: every pod and pod template in them, everything else passed through.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;
use xds_proto::well_known::label;

use crate::config::Config;
use crate::decide::Decision;
use crate::error::InjectError;
use crate::inject::{Injected, inject, inject_owned};
use crate::meta::{NamespaceMeta, Owner};

/// The objects of an input, injected.
#[derive(Debug, Clone, PartialEq)]
pub struct Documents {
    /// The objects, in order.
    pub objects: Vec<Value>,
    /// What became of each.
    pub reports: Vec<Report>,
}

/// What became of one object.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Kind, namespace and name.
    pub object: String,
    /// The decision; `None` for a kind without pods.
    pub decision: Option<Decision>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// Injects every pod and pod template of a YAML or JSON text with any number of documents.
///
/// Whoever asks for a file to be injected wants it injected: a namespace counts as enabled unless the text contains it
/// and its labels say otherwise.
///
/// # Errors
/// When the text cannot be parsed, or an object is refused; names it.
pub fn inject_documents(text: &str, config: &Config) -> Result<Documents, InjectError> {
    let parsed: Vec<Value> =
        serde_saphyr::from_multiple(text).map_err(|e| InjectError::Syntax(e.to_string()))?;
    let objects: Vec<Value> = parsed
        .into_iter()
        .filter(|object| !object.is_null())
        .collect();
    let mut run = Run {
        config,
        namespaces: namespaces(&objects)?,
        reports: Vec::new(),
    };
    let objects = objects
        .into_iter()
        .map(|object| run.inject(object))
        .collect::<Result<_, _>>()?;
    Ok(Documents {
        objects,
        reports: run.reports,
    })
}

impl Documents {
    /// The objects as YAML, one document each.
    ///
    /// # Errors
    /// When an object cannot be written as YAML.
    pub fn to_yaml(&self) -> Result<String, InjectError> {
        let written: Result<Vec<String>, _> =
            self.objects.iter().map(serde_saphyr::to_string).collect();
        Ok(written
            .map_err(|e| InjectError::Syntax(e.to_string()))?
            .join("---\n"))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.decision {
            Some(decision) => write!(f, "{}: {decision}", self.object)?,
            None => write!(f, "{}: passed through: it has no pods", self.object)?,
        }
        self.warnings
            .iter()
            .try_for_each(|warning| write!(f, "\n{}: warning: {warning}", self.object))
    }
}

struct Run<'a> {
    config: &'a Config,
    namespaces: BTreeMap<String, NamespaceMeta>,
    reports: Vec<Report>,
}

/// Where an object keeps its pod.
enum PodPlace {
    Itself,
    Template(&'static str),
    Items,
    Nowhere,
}

impl PodPlace {
    fn of(object: &Value) -> Self {
        match object["kind"].as_str().unwrap_or_default() {
            "Pod" => Self::Itself,
            "Deployment"
            | "StatefulSet"
            | "DaemonSet"
            | "ReplicaSet"
            | "ReplicationController"
            | "Job" => Self::Template("/spec/template"),
            "CronJob" => Self::Template("/spec/jobTemplate/spec/template"),
            "List" | "PodList" | "DeploymentList" => Self::Items,
            _ => Self::Nowhere,
        }
    }
}

impl Run<'_> {
    fn inject(&mut self, mut object: Value) -> Result<Value, InjectError> {
        let name = describe(&object);
        match PodPlace::of(&object) {
            PodPlace::Itself => {
                let injected = inject(object, &self.namespace(&name), self.config);
                self.report(name.text, injected)
            }
            PodPlace::Template(path) => {
                let Some(template) = object.pointer_mut(path) else {
                    let problem = format!("{path} is missing");
                    return Err(InjectError::NotAPod {
                        object: name.text,
                        problem,
                    });
                };
                let injected = inject_owned(
                    template.clone(),
                    &name.owner,
                    &self.namespace(&name),
                    self.config,
                );
                *template = self.report(name.text, injected)?;
                Ok(object)
            }
            PodPlace::Items => {
                if let Some(items) = object["items"].as_array_mut() {
                    for item in items {
                        *item = self.inject(item.take())?;
                    }
                }
                Ok(object)
            }
            PodPlace::Nowhere => {
                self.reports.push(Report {
                    object: name.text,
                    decision: None,
                    warnings: Vec::new(),
                });
                Ok(object)
            }
        }
    }

    fn namespace(&self, name: &Described) -> NamespaceMeta {
        let known = self.namespaces.get(&name.namespace).cloned();
        known.unwrap_or_else(|| NamespaceMeta::enabled(&name.namespace))
    }

    fn report(
        &mut self,
        object: String,
        injected: Result<Injected, InjectError>,
    ) -> Result<Value, InjectError> {
        match injected {
            Ok(Injected {
                pod,
                patch: _,
                decision,
                warnings,
            }) => {
                self.reports.push(Report {
                    object,
                    decision: Some(decision),
                    warnings,
                });
                Ok(pod)
            }
            Err(cause) => Err(InjectError::InObject {
                object,
                cause: Box::new(cause),
            }),
        }
    }
}

struct Described {
    text: String,
    namespace: String,
    owner: Owner,
}

fn describe(object: &Value) -> Described {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (kind, meta) = (text(&object["kind"]), &object["metadata"]);
    let name = text(if meta["name"].is_null() {
        &meta["generateName"]
    } else {
        &meta["name"]
    });
    let namespace = meta["namespace"].as_str().unwrap_or("default").to_owned();
    Described {
        text: format!("{kind} {namespace}/{name}"),
        owner: Owner {
            api_version: text(&object["apiVersion"]),
            kind,
            name,
        },
        namespace,
    }
}

/// The namespaces of the text whose labels say something about injection.
fn namespaces(objects: &[Value]) -> Result<BTreeMap<String, NamespaceMeta>, InjectError> {
    let lists = objects
        .iter()
        .flat_map(|object| object["items"].as_array().into_iter().flatten());
    let all = objects
        .iter()
        .chain(lists)
        .filter(|object| object["kind"] == "Namespace");
    let read = all.map(|object| NamespaceMeta::of(object).map(|meta| (meta.name.clone(), meta)));
    let read: Result<BTreeMap<_, _>, _> = read.collect();
    Ok(read?
        .into_iter()
        .filter(|(_, meta)| says_something(meta))
        .collect())
}

fn says_something(namespace: &NamespaceMeta) -> bool {
    [label::NAMESPACE_INJECTION, label::REVISION]
        .iter()
        .any(|name| namespace.labels.contains_key(*name))
}
