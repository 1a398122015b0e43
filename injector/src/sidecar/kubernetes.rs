//! The few Kubernetes types that a sidecar is made of. Only written, never read.

use serde::Serialize;
use serde_json::Value;

/// A container.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Container {
    pub(crate) name: String,
    pub(crate) image: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image_pull_policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) restart_policy: Option<&'static str>,
    pub(crate) args: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) env: Vec<EnvVar>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) ports: Vec<Port>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lifecycle: Option<Lifecycle>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) startup_probe: Option<Probe>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) readiness_probe: Option<Probe>,
    pub(crate) resources: Value,
    pub(crate) security_context: SecurityContext,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) volume_mounts: Vec<Value>,
}

/// A variable of the environment.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct EnvVar {
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) source: EnvSource,
}

/// Where a variable's value comes from.
#[derive(Debug, Clone, Serialize)]
pub(crate) enum EnvSource {
    #[serde(rename = "value")]
    Literal(String),
    #[serde(rename = "valueFrom")]
    From(ValueFrom),
}

/// A value that the kubelet fills in.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ValueFrom {
    #[serde(rename_all = "camelCase")]
    FieldRef { field_path: &'static str },
    ResourceFieldRef {
        resource: &'static str,
        divisor: &'static str,
    },
}

/// A port of a container.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Port {
    pub(crate) name: &'static str,
    pub(crate) container_port: u16,
    pub(crate) protocol: &'static str,
}

/// Hooks of a container's life.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Lifecycle {
    PostStart(Handler),
    PreStop(Handler),
}

/// What a hook does.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Handler {
    pub(crate) exec: Exec,
}

/// A command within the container.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Exec {
    pub(crate) command: Vec<String>,
}

/// A probe by HTTP.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Probe {
    pub(crate) http_get: HttpGet,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) initial_delay_seconds: u32,
    pub(crate) period_seconds: u32,
    pub(crate) timeout_seconds: u32,
    pub(crate) failure_threshold: u32,
}

/// The request of a probe.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct HttpGet {
    pub(crate) path: &'static str,
    pub(crate) port: u16,
}

/// What a container may do.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SecurityContext {
    pub(crate) allow_privilege_escalation: bool,
    pub(crate) privileged: bool,
    pub(crate) capabilities: Capabilities,
    pub(crate) read_only_root_filesystem: bool,
    pub(crate) run_as_group: u32,
    pub(crate) run_as_non_root: bool,
    pub(crate) run_as_user: u32,
}

/// Linux capabilities.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Capabilities {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) add: Vec<&'static str>,
    pub(crate) drop: Vec<&'static str>,
}

impl EnvVar {
    pub(crate) fn literal(name: &str, value: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            source: EnvSource::Literal(value.into()),
        }
    }

    pub(crate) fn field(name: &str, field_path: &'static str) -> Self {
        Self {
            name: name.to_owned(),
            source: EnvSource::From(ValueFrom::FieldRef { field_path }),
        }
    }

    pub(crate) fn resource(name: &str, resource: &'static str) -> Self {
        let from = ValueFrom::ResourceFieldRef {
            resource,
            divisor: "1",
        };
        Self {
            name: name.to_owned(),
            source: EnvSource::From(from),
        }
    }
}

impl Handler {
    pub(crate) fn exec(command: &[&str]) -> Self {
        Self {
            exec: Exec {
                command: command.iter().map(|word| (*word).to_owned()).collect(),
            },
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde calls"
)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
