//! The capture container: installs the redirect rules before anything else runs.

use xds_proto::node::InterceptionMode;
use xds_proto::well_known::{PROXY_GID, PROXY_UID};

use super::kubernetes::{Capabilities, Container, EnvVar, SecurityContext};
use super::{Context, INIT};

/// The container; `None` if nothing is captured.
pub(super) fn container(cx: &Context<'_>) -> Option<Container> {
    match cx.settings.capture.mode {
        InterceptionMode::None => return None,
        InterceptionMode::Redirect | InterceptionMode::Tproxy => {}
    }
    let metadata = &cx.settings.proxy_config.proxy_metadata;
    Some(Container {
        name: INIT.to_owned(),
        image: cx.settings.image.clone(),
        image_pull_policy: cx.config.image_pull_policy.clone(),
        args: args(cx),
        env: metadata
            .iter()
            .map(|(name, value)| EnvVar::literal(name, value))
            .collect(),
        resources: cx.settings.resources.clone(),
        security_context: SecurityContext {
            capabilities: Capabilities {
                add: vec!["NET_ADMIN", "NET_RAW"],
                drop: vec!["ALL"],
            },
            ..SecurityContext::default()
        },
        ..Container::default()
    })
}

fn args(cx: &Context<'_>) -> Vec<String> {
    let capture = &cx.settings.capture;
    let mut args = vec!["istio-iptables".to_owned()];
    let mut flag = |name: &str, value: &str| args.extend([name.to_owned(), value.to_owned()]);
    flag("-p", &cx.config.mesh.outbound_port().to_string());
    flag("-z", &cx.config.mesh.inbound_port().to_string());
    flag("-u", &PROXY_UID.to_string());
    flag("-g", &PROXY_GID.to_string());
    flag("-m", capture.mode.as_str());
    flag("-i", &capture.include_outbound_ranges);
    flag("-x", &capture.exclude_outbound_ranges);
    flag("-b", &capture.include_inbound_ports);
    flag("-d", &capture.exclude_inbound_ports);
    let optional = [
        ("-q", &capture.include_outbound_ports),
        ("-o", &capture.exclude_outbound_ports),
        ("-k", &capture.reroute_interfaces),
        ("-c", &capture.exclude_interfaces),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            flag(name, value);
        }
    }
    args.push(format!(
        "--log_output_level={}",
        cx.settings.agent_log_level
    ));
    args
}
