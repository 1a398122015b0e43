//! The sidecar's container.

use serde_json::{Value, json};
use xds_proto::node::InterceptionMode;
use xds_proto::well_known::{PROXY_GID, PROXY_UID, path, port};

use super::kubernetes::{
    Capabilities, Container, Handler, HttpGet, Lifecycle, Port, Probe, SecurityContext,
};
use super::{Context, PROXY, env};

/// Failures of the startup probe, one a second, after which the kubelet gives up.
const STARTUP_FAILURES: u32 = 600;

/// Name under which the image offers the sidecar's commands, as Istio's image does, so that either image works.
const AGENT: &str = "pilot-agent";

pub(super) fn container(cx: &Context<'_>) -> Container {
    let settings = cx.settings;
    let probed = settings.status_port.is_some();
    Container {
        name: PROXY.to_owned(),
        image: settings.image.clone(),
        image_pull_policy: cx.config.image_pull_policy.clone(),
        restart_policy: settings.native.then_some("Always"),
        args: args(cx),
        env: env::variables(cx),
        ports: vec![Port {
            name: "http-envoy-prom",
            container_port: port::PROMETHEUS,
            protocol: "TCP",
        }],
        lifecycle: lifecycle(cx),
        startup_probe: probed.then(|| probe(0, 1, STARTUP_FAILURES)),
        readiness_probe: probed.then(|| {
            let readiness = settings.readiness;
            probe(
                readiness.initial_delay,
                readiness.period,
                readiness.failure_threshold,
            )
        }),
        resources: settings.resources.clone(),
        security_context: security_context(cx),
        volume_mounts: mounts(cx),
    }
}

fn args(cx: &Context<'_>) -> Vec<String> {
    let settings = cx.settings;
    vec![
        "proxy".to_owned(),
        "sidecar".to_owned(),
        "--domain".to_owned(),
        format!("$(POD_NAMESPACE).svc.{}", cx.config.cluster_domain),
        format!("--proxyLogLevel={}", settings.log_level),
        format!("--proxyComponentLogLevel={}", settings.component_log_level),
        format!("--log_output_level={}", settings.agent_log_level),
    ]
}

fn lifecycle(cx: &Context<'_>) -> Option<Lifecycle> {
    if cx.settings.hold_application {
        return Some(Lifecycle::PostStart(Handler::exec(&[AGENT, "wait"])));
    }
    // The kubelet stops a native sidecar last; until then it serves the application's last requests.
    let status = cx.settings.status_port.filter(|_| cx.settings.native)?;
    let debug_port = format!("--debug-port={status}");
    Some(Lifecycle::PreStop(Handler::exec(&[
        AGENT,
        "request",
        &debug_port,
        "POST",
        "drain",
    ])))
}

fn probe(initial_delay_seconds: u32, period_seconds: u32, failure_threshold: u32) -> Probe {
    Probe {
        http_get: HttpGet {
            path: "/healthz/ready",
            port: port::HEALTH,
        },
        initial_delay_seconds,
        period_seconds,
        timeout_seconds: 3,
        failure_threshold,
    }
}

fn security_context(cx: &Context<'_>) -> SecurityContext {
    let transparent = cx.settings.capture.mode == InterceptionMode::Tproxy;
    let added = [
        transparent.then_some("NET_ADMIN"),
        cx.settings.bind_low_ports.then_some("NET_BIND_SERVICE"),
    ];
    let add: Vec<_> = added.into_iter().flatten().collect();
    // Capabilities that are added only take effect for root.
    let root = !add.is_empty();
    SecurityContext {
        capabilities: Capabilities {
            add,
            drop: vec!["ALL"],
        },
        read_only_root_filesystem: true,
        run_as_group: PROXY_GID,
        run_as_non_root: !root,
        run_as_user: if root { 0 } else { PROXY_UID },
        ..SecurityContext::default()
    }
}

fn mounts(cx: &Context<'_>) -> Vec<Value> {
    let own = [
        ("workload-socket", path::WORKLOAD_SOCKET_DIR),
        ("credential-socket", path::CREDENTIAL_SOCKET_DIR),
        ("workload-certs", path::WORKLOAD_CERTS),
        ("istiod-ca-cert", "/var/run/secrets/istio"),
        ("istio-ca-crl", "/var/run/secrets/istio/crl"),
        ("istio-data", path::PROXY_DATA),
        ("istio-envoy", path::PROXY_CONFIG),
        ("istio-token", "/var/run/secrets/tokens"),
        ("istio-podinfo", path::POD_INFO),
    ];
    let own = own
        .into_iter()
        .map(|(name, path)| json!({"name": name, "mountPath": path}));
    own.chain(super::volumes::named(&cx.settings.user_mounts))
        .collect()
}
