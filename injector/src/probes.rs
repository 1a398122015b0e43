//! Probes of the application go through the sidecar, since the kubelet has no mesh identity and captured ports want one.
//!
//! Each probe and HTTP hook is pointed at the sidecar's status port; the original goes into `ISTIO_KUBE_APP_PROBERS`, from
//! which the sidecar learns what to do, and from which [`restore`] undoes the rewriting.

#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

use crate::sidecar::PROXY;

/// The variable that tells the sidecar the original probes.
pub(crate) const VARIABLE: &str = "ISTIO_KUBE_APP_PROBERS";

const HANDLERS: [&str; 3] = ["httpGet", "tcpSocket", "grpc"];

/// Where a probe or hook is in a container, and the path that stands for it.
struct Site {
    within: Option<&'static str>,
    field: &'static str,
    root: &'static str,
    leaf: &'static str,
}

const SITES: [Site; 5] = [
    Site {
        within: None,
        field: "readinessProbe",
        root: "app-health",
        leaf: "readyz",
    },
    Site {
        within: None,
        field: "livenessProbe",
        root: "app-health",
        leaf: "livez",
    },
    Site {
        within: None,
        field: "startupProbe",
        root: "app-health",
        leaf: "startupz",
    },
    Site {
        within: Some("lifecycle"),
        field: "preStop",
        root: "app-lifecycle",
        leaf: "prestopz",
    },
    Site {
        within: Some("lifecycle"),
        field: "postStart",
        root: "app-lifecycle",
        leaf: "poststartz",
    },
];

impl Site {
    fn path(&self, container: &str) -> String {
        format!("/{}/{container}/{}", self.root, self.leaf)
    }

    fn find<'a>(&self, container: &'a mut Value) -> Option<&'a mut Map<String, Value>> {
        let parent = match self.within {
            Some(within) => container.get_mut(within)?,
            None => container,
        };
        parent.get_mut(self.field)?.as_object_mut()
    }
}

/// Points probes at the status port; the value of [`VARIABLE`], if there is anything to tell.
pub(crate) fn rewrite(
    pod: &mut Value,
    status_port: u16,
    warnings: &mut Vec<String>,
) -> Option<String> {
    let mut originals = Map::new();
    for container in containers(pod) {
        let name = container["name"].as_str().unwrap_or_default().to_owned();
        let ports = container["ports"].clone();
        for site in &SITES {
            let Some(probe) = site.find(container) else {
                continue;
            };
            match original(probe, &ports) {
                Ok(Some(prober)) => {
                    originals.insert(site.path(&name), prober);
                    point_at_sidecar(probe, &site.path(&name), status_port);
                }
                Ok(None) => {}
                Err(port) => warnings.push(format!(
                    "container {name}: {} names port {port:?}, which the container does not declare; it is left as it is",
                    site.field
                )),
            }
        }
    }
    (!originals.is_empty()).then(|| Value::Object(originals).to_string())
}

/// Undoes [`rewrite`], given what it returned.
pub(crate) fn restore(pod: &mut Value, variable: &str) {
    let Ok(Value::Object(originals)) = serde_json::from_str(variable) else {
        return;
    };
    for container in containers(pod) {
        let name = container["name"].as_str().unwrap_or_default().to_owned();
        for site in &SITES {
            let original = originals.get(&site.path(&name)).and_then(Value::as_object);
            if let (Some(original), Some(probe)) = (original, site.find(container)) {
                probe.remove("httpGet");
                let handlers = original
                    .iter()
                    .filter(|(field, _)| HANDLERS.contains(&field.as_str()));
                probe.extend(handlers.map(|(field, handler)| (field.clone(), handler.clone())));
            }
        }
    }
}

fn containers(pod: &mut Value) -> impl Iterator<Item = &mut Value> {
    let spec = pod.get_mut("spec").and_then(Value::as_object_mut);
    let lists = spec.into_iter().flat_map(Map::iter_mut);
    let lists =
        lists.filter(|(field, _)| ["initContainers", "containers"].contains(&field.as_str()));
    let all = lists.flat_map(|(_, list)| list.as_array_mut().into_iter().flatten());
    all.filter(|container| container["name"] != PROXY)
}

/// What the sidecar has to do instead of the kubelet; `Err` is a port name that cannot be resolved.
fn original(probe: &Map<String, Value>, ports: &Value) -> Result<Option<Value>, String> {
    let Some((kind, handler)) = HANDLERS
        .iter()
        .find_map(|kind| Some((*kind, probe.get(*kind)?)))
    else {
        return Ok(None);
    };
    let mut handler = handler.clone();
    if let Some(named) = handler["port"].as_str() {
        let number = named
            .parse::<u16>()
            .ok()
            .map(Value::from)
            .or_else(|| resolve(ports, named));
        handler["port"] = number.ok_or_else(|| named.to_owned())?;
    }
    let mut prober = json!({kind: handler});
    if let Some(timeout) = probe.get("timeoutSeconds") {
        prober["timeoutSeconds"] = timeout.clone();
    }
    Ok(Some(prober))
}

fn resolve(ports: &Value, name: &str) -> Option<Value> {
    let declared = ports.as_array()?.iter().find(|port| port["name"] == name)?;
    Some(declared["containerPort"].clone())
}

fn point_at_sidecar(probe: &mut Map<String, Value>, path: &str, status_port: u16) {
    let mut action = match probe.remove("httpGet") {
        Some(Value::Object(action)) => action,
        Some(_) | None => Map::new(),
    };
    probe.remove("tcpSocket");
    probe.remove("grpc");
    if action.contains_key("scheme") {
        action.insert("scheme".to_owned(), Value::from("HTTP"));
    }
    action.insert("path".to_owned(), Value::from(path));
    action.insert("port".to_owned(), Value::from(status_port));
    probe.insert("httpGet".to_owned(), Value::Object(action));
}
