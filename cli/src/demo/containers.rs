//! From the containers of an injected pod to processes: command lines, environment, user, probes.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::isolation::Isolation;
use super::network::PodAddresses;

/// A process that stands for a container.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Container {
    pub(super) name: String,
    /// Program and arguments.
    pub(super) argv: Vec<String>,
    pub(super) env: BTreeMap<String, String>,
    /// User and group, where they can be chosen.
    pub(super) user: Option<u32>,
    pub(super) group: Option<u32>,
    /// Runs to its end before the next one starts.
    pub(super) init: bool,
    /// Starts before the application and runs beside it.
    pub(super) sidecar: bool,
    /// Address and path that answer 200 once it has started.
    pub(super) startup: Option<(SocketAddrV4, String)>,
    /// Runs the echo server, because the pod names no command.
    pub(super) stand_in: bool,
}

/// What the pod gives its containers.
pub(super) struct Place<'a> {
    pub(super) pod: &'a Value,
    pub(super) addresses: PodAddresses,
    pub(super) host_ip: Ipv4Addr,
    /// What every process of the application finds in its environment.
    pub(super) variables: &'a BTreeMap<String, String>,
    /// The `tulle` program.
    pub(super) program: &'a str,
    /// Where the mounted files of the pod are.
    pub(super) root_dir: &'a str,
    pub(super) isolation: Isolation,
}

/// The mark of the proxy's own sockets where there is only one user.
const PROXY_MARK: &str = "1337";

/// Init containers in order, sidecars among them, then the others.
pub(super) fn containers(place: &Place<'_>) -> Vec<Container> {
    let list = |path| {
        place
            .pod
            .pointer(path)
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default()
    };
    let init = list("/spec/initContainers")
        .iter()
        .map(|container| (container, container["restartPolicy"] != "Always"));
    let others = list("/spec/containers")
        .iter()
        .map(|container| (container, false));
    init.map(|(container, once)| place.container(container, once, !once))
        .chain(others.map(|(container, _)| {
            place.container(container, false, container["name"] == "istio-proxy")
        }))
        .collect()
}

impl Place<'_> {
    fn container(&self, container: &Value, once: bool, sidecar: bool) -> Container {
        let name = container["name"].as_str().unwrap_or_default().to_owned();
        let ours = matches!(
            name.as_str(),
            "istio-proxy" | "istio-init" | "istio-validation"
        );
        let env = self.env(container, ours);
        let words = |key: &str| -> Vec<String> {
            let words = container[key].as_array().into_iter().flatten();
            words
                .filter_map(Value::as_str)
                .map(|word| expand(word, &env))
                .collect()
        };
        let (command, args) = (words("command"), words("args"));
        let stand_in = command.is_empty() && !ours;
        let mut argv = match command.split_first() {
            Some((program, rest)) if program == "tulle" => {
                [&[self.program.to_owned()], rest].concat()
            }
            Some(_) => command,
            None if ours => vec![self.program.to_owned(), "proxy".to_owned()],
            None => self.echo(container),
        };
        if !stand_in {
            argv.extend(args);
        }
        if ours {
            self.adapt(&mut argv, once);
        }
        let id = |pointer: &str| -> Option<u32> {
            container.pointer(pointer)?.as_u64()?.try_into().ok()
        };
        Container {
            user: id("/securityContext/runAsUser"),
            group: id("/securityContext/runAsGroup"),
            startup: self.startup(container, ours),
            name,
            argv,
            env,
            init: once,
            sidecar,
            stand_in,
        }
    }

    /// What is not as in a pod: mounted files lie below a directory, with one user only the proxy's traffic is told
    /// apart by a mark, and on the loopback network every sidecar needs an address for its own interfaces.
    fn adapt(&self, argv: &mut Vec<String>, once: bool) {
        match self.isolation {
            Isolation::Root => {}
            Isolation::User => argv.extend(["--proxy-mark".to_owned(), PROXY_MARK.to_owned()]),
            Isolation::Ports => {
                let address = self.addresses.interfaces.to_string();
                argv.extend(["--own-address".to_owned(), address]);
            }
        }
        if !once {
            argv.extend(["--root-dir".to_owned(), self.root_dir.to_owned()]);
        }
    }

    /// The echo server on the first port that the container declares.
    fn echo(&self, container: &Value) -> Vec<String> {
        let port = container
            .pointer("/ports/0/containerPort")
            .and_then(Value::as_u64)
            .unwrap_or(8080);
        let version = self
            .pod
            .pointer("/metadata/labels/version")
            .and_then(Value::as_str)
            .unwrap_or("echo");
        let words = [
            self.program,
            "app",
            "server",
            "--address",
            &self.addresses.listen.to_string(),
            "--port",
            &port.to_string(),
            "--version",
            version,
        ];
        words.map(str::to_owned).to_vec()
    }

    fn env(&self, container: &Value, ours: bool) -> BTreeMap<String, String> {
        let mut env = match ours {
            true => BTreeMap::new(),
            false => self.variables.clone(),
        };
        env.extend([
            ("PATH".to_owned(), std::env::var("PATH").unwrap_or_default()),
            ("HOSTNAME".to_owned(), self.field("metadata.name")),
            ("POD_NAME".to_owned(), self.field("metadata.name")),
            ("TULLE_ROOT_DIR".to_owned(), self.root_dir.to_owned()),
        ]);
        for entry in container["env"].as_array().into_iter().flatten() {
            let Some(name) = entry["name"].as_str() else {
                continue;
            };
            let value = if let Some(value) = entry["value"].as_str() {
                expand(value, &env)
            } else if let Some(path) = entry
                .pointer("/valueFrom/fieldRef/fieldPath")
                .and_then(Value::as_str)
            {
                self.field(path)
            } else {
                continue; // resource limits, secrets and config maps are not there: unset, as with `optional: true`
            };
            env.insert(name.to_owned(), value);
        }
        env
    }

    fn startup(&self, container: &Value, ours: bool) -> Option<(SocketAddrV4, String)> {
        let probe = ["startupProbe", "readinessProbe"]
            .iter()
            .map(|key| &container[key]["httpGet"])
            .find(|get| get.is_object())?;
        let port = probe["port"]
            .as_u64()
            .and_then(|port| port.try_into().ok())?;
        let host = match ours {
            true => self.addresses.interfaces,
            false => self.addresses.application,
        };
        let path = probe["path"].as_str().unwrap_or("/").to_owned();
        Some((SocketAddrV4::new(host, port), path))
    }

    fn field(&self, path: &str) -> String {
        let text = |pointer: &str| {
            self.pod
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        match path {
            "status.podIP" | "status.podIPs" => self.addresses.pod.to_string(),
            "status.hostIP" => self.host_ip.to_string(),
            "spec.serviceAccountName" => Some(text("/spec/serviceAccountName"))
                .filter(|s| !s.is_empty())
                .unwrap_or("default".to_owned()),
            "spec.nodeName" => "demo".to_owned(),
            path => match path.split_once("['") {
                Some((map, key)) => {
                    let map = self.pod.pointer(&format!("/{}", map.replace('.', "/")));
                    map.and_then(|map| map[key.trim_end_matches("']")].as_str())
                        .unwrap_or_default()
                        .to_owned()
                }
                None => text(&format!("/{}", path.replace('.', "/"))),
            },
        }
    }
}

/// Replaces `$(NAME)` by the variable, as Kubernetes does; an unknown one stays as it is.
fn expand(text: &str, env: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("$(") {
        let (before, found) = rest.split_at(start);
        out.push_str(before);
        let value = found
            .find(')')
            .and_then(|end| env.get(&found[2..end]).map(|value| (end, value)));
        let Some((end, value)) = value else {
            out.push_str("$(");
            rest = &found[2..];
            continue;
        };
        out.push_str(value);
        rest = &found[end + 1..];
    }
    out + rest
}

#[cfg(test)]
mod tests;
