//! Flags made valid: every list parsed, every name resolved, every impossible wish refused.

mod parse;
#[cfg(test)]
mod tests;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net};

use super::error::CaptureError;
use super::flags::{Flags, go_bool};
use super::iptables::Variant;

/// What to install, in which way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Port of the outbound listener.
    pub outbound_port: u16,
    /// Port of the inbound listener.
    pub inbound_port: u16,
    /// Port of the inbound tunnel, never redirected.
    pub tunnel_port: u16,
    /// How the proxy's own traffic is told from the application's.
    pub proxy: ProxyOwner,
    /// How inbound connections reach the proxy.
    pub mode: InterceptionMode,
    /// Inbound ports to capture.
    pub inbound_ports: Ports,
    /// Inbound ports that are left alone when all are captured.
    pub inbound_ports_exclude: Vec<u16>,
    /// Destinations to capture.
    pub outbound_ranges: Ranges,
    /// Destinations to leave alone.
    pub outbound_ranges_exclude: Vec<IpNet>,
    /// Destination ports to capture whatever the address.
    pub outbound_ports: Vec<u16>,
    /// Destination ports to leave alone.
    pub outbound_ports_exclude: Vec<u16>,
    /// Interfaces to leave alone.
    pub exclude_interfaces: Vec<String>,
    /// Interfaces whose inbound traffic counts as outbound.
    pub reroute_interfaces: Vec<String>,
    /// Groups whose traffic is captured.
    pub groups: GroupFilter,
    /// The application's own IPv4 loopback.
    pub loopback_v4: Ipv4Net,
    /// Whether packets that connection tracking finds invalid are dropped.
    pub drop_invalid: bool,
    /// How rules are installed.
    pub backend: Backend,
    /// The namespace to work in, if not the current one.
    pub network_namespace: Option<PathBuf>,
    /// Print instead of doing.
    pub dry_run: bool,
    /// Install nothing.
    pub skip_rule_apply: bool,
    /// Remove instead of install.
    pub cleanup_only: bool,
    /// Prove afterwards that the rules are in effect.
    pub validation: Option<ProbeConfig>,
}

/// How the proxy's own traffic is recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyOwner {
    /// By the owner of the socket.
    Ids {
        /// User ids.
        uids: Vec<u32>,
        /// Group ids.
        gids: Vec<u32>,
    },
    /// By the mark of the socket.
    Mark(u32),
}

/// How inbound connections reach the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InterceptionMode {
    /// Destination rewritten, original destination kept by connection tracking.
    Redirect,
    /// Destination and source kept; needs a transparent listener.
    Tproxy {
        /// Mark that routes packets to the loopback interface.
        mark: u32,
        /// Routing table that the mark selects.
        table: u32,
    },
}

/// A choice of ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ports {
    /// `*`.
    All,
    /// Only these.
    These(Vec<u16>),
}

/// A choice of destination ranges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ranges {
    /// `*`.
    All,
    /// Only these.
    These(Vec<IpNet>),
}

/// Whose outbound traffic is captured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupFilter {
    /// That of every group but these ids.
    AllExcept(Vec<u32>),
    /// That of these group ids only.
    Only(Vec<u32>),
}

/// How rules are installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// nftables, else iptables.
    Detect,
    /// nftables or fail.
    Nftables,
    /// This iptables or fail.
    Iptables(Variant),
}

/// The validation's probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeConfig {
    /// Destination port of the connection.
    pub port: u16,
    /// How long to try.
    pub timeout: Duration,
}

/// More group matches than this do not fit one rule in common kernels.
const MAX_GROUPS: usize = 64;

impl Config {
    /// Checks flags.
    ///
    /// # Errors
    /// Names the flag that is wrong or not supported.
    pub fn from_flags(flags: Flags) -> Result<Self, CaptureError> {
        refuse_unsupported(&flags)?;
        let mode = mode(&flags)?;
        let config = Self {
            outbound_port: parse::port("envoy-port", &flags.envoy_port)?,
            inbound_port: parse::port("inbound-capture-port", &flags.inbound_capture_port)?,
            tunnel_port: parse::port("inbound-tunnel-port", &flags.inbound_tunnel_port)?,
            proxy: proxy_owner(&flags, mode)?,
            mode,
            inbound_ports: parse::port_choice("istio-inbound-ports", &flags.istio_inbound_ports)?,
            inbound_ports_exclude: parse::ports(
                "istio-local-exclude-ports",
                &flags.istio_local_exclude_ports,
            )?,
            outbound_ranges: parse::range_choice("istio-service-cidr", &flags.istio_service_cidr)?,
            outbound_ranges_exclude: parse::ranges(
                "istio-service-exclude-cidr",
                &flags.istio_service_exclude_cidr,
            )?,
            outbound_ports: parse::ports("istio-outbound-ports", &flags.istio_outbound_ports)?,
            outbound_ports_exclude: parse::ports(
                "istio-local-outbound-ports-exclude",
                &flags.istio_local_outbound_ports_exclude,
            )?,
            exclude_interfaces: parse::interfaces(
                "istio-exclude-interfaces",
                &flags.istio_exclude_interfaces,
            )?,
            reroute_interfaces: parse::interfaces(
                "kube-virt-interfaces",
                &flags.kube_virt_interfaces,
            )?,
            groups: groups(&flags)?,
            loopback_v4: loopback(&flags.outbound_ipv4_loopback_cidr)?,
            drop_invalid: flags.drop_invalid || set_in_environment("INVALID_DROP"),
            backend: backend(&flags)?,
            validation: validation(&flags)?,
            network_namespace: flags.network_namespace,
            dry_run: flags.dry_run,
            skip_rule_apply: flags.skip_rule_apply,
            cleanup_only: flags.cleanup_only,
        };
        Ok(config)
    }

    /// Whether traffic to loopback addresses is captured on purpose, because a range in them was asked for.
    pub(crate) fn captures_loopback(&self) -> bool {
        match &self.outbound_ranges {
            Ranges::All => false,
            Ranges::These(ranges) => ranges.iter().any(|range| range.addr().is_loopback()),
        }
    }
}

fn refuse_unsupported(flags: &Flags) -> Result<(), CaptureError> {
    const NO_DNS: &str = "the proxy does not answer DNS; leave the flag out, names then resolve by the pod's own resolver";
    if flags.dns.redirect_dns {
        return Err(CaptureError::Unsupported {
            flag: "redirect-dns",
            hint: NO_DNS,
        });
    }
    if flags.dns.capture_all_dns {
        return Err(CaptureError::Unsupported {
            flag: "capture-all-dns",
            hint: NO_DNS,
        });
    }
    if flags.cni_mode {
        let hint =
            "there is no CNI plugin; use --network-namespace PATH to work in another namespace";
        return Err(CaptureError::Unsupported {
            flag: "cni-mode",
            hint,
        });
    }
    if set_in_environment("ISTIO_META_DNS_CAPTURE") || set_in_environment("REDIRECT_DNS") {
        tracing::warn!(
            "DNS capture is asked for by environment (ISTIO_META_DNS_CAPTURE or REDIRECT_DNS) and not done: the proxy \
             does not answer DNS, so hosts that only the mesh knows do not resolve"
        );
    }
    Ok(())
}

fn set_in_environment(variable: &str) -> bool {
    std::env::var(variable).is_ok_and(|value| go_bool(&value) == Ok(true))
}

fn mode(flags: &Flags) -> Result<InterceptionMode, CaptureError> {
    match flags.istio_inbound_interception_mode.as_str() {
        "" | "REDIRECT" => Ok(InterceptionMode::Redirect),
        "TPROXY" => Ok(InterceptionMode::Tproxy {
            mark: parse::number(
                "istio-inbound-tproxy-mark",
                &flags.istio_inbound_tproxy_mark,
            )?,
            table: parse::number(
                "istio-inbound-tproxy-route-table",
                &flags.istio_inbound_tproxy_route_table,
            )?,
        }),
        other => Err(parse::invalid(
            "istio-inbound-interception-mode",
            other,
            "want REDIRECT or TPROXY",
        )),
    }
}

fn proxy_owner(flags: &Flags, mode: InterceptionMode) -> Result<ProxyOwner, CaptureError> {
    if let Some(mark) = flags.proxy_mark {
        return proxy_mark(mark, mode);
    }
    let uids = match flags.proxy_uid.as_str() {
        "" => vec![parse::default_proxy_uid()],
        given => parse::ids("proxy-uid", given)?,
    };
    let gids = match flags.proxy_gid.as_str() {
        "" => uids.clone(),
        given => parse::ids("proxy-gid", given)?,
    };
    Ok(ProxyOwner::Ids { uids, gids })
}

fn proxy_mark(mark: u32, mode: InterceptionMode) -> Result<ProxyOwner, CaptureError> {
    let taken = match mode {
        InterceptionMode::Redirect => mark == 0,
        InterceptionMode::Tproxy { mark: tproxy, .. } => {
            [0, tproxy, super::tproxy::OUTBOUND_MARK].contains(&mark)
        }
    };
    if taken {
        let problem =
            "0 is every packet's mark, and TPROXY mode uses its own and 1338; choose another";
        return Err(parse::invalid("proxy-mark", &mark.to_string(), problem));
    }
    Ok(ProxyOwner::Mark(mark))
}

fn groups(flags: &Flags) -> Result<GroupFilter, CaptureError> {
    let include = flags.outbound_owner_groups.trim();
    if include == "*" {
        let except = parse::groups(
            "outbound-owner-groups-exclude",
            &flags.outbound_owner_groups_exclude,
        )?;
        return Ok(GroupFilter::AllExcept(except));
    }
    let only = parse::groups("outbound-owner-groups", include)?;
    if only.len() > MAX_GROUPS {
        let problem = format!("{} groups do not fit one rule, {MAX_GROUPS} do", only.len());
        return Err(parse::invalid("outbound-owner-groups", include, &problem));
    }
    Ok(GroupFilter::Only(only))
}

fn loopback(text: &str) -> Result<Ipv4Net, CaptureError> {
    let range: Option<Ipv4Net> = text.parse().ok();
    range
        .filter(|range| range.prefix_len() >= 8 && range.addr().is_loopback())
        .map(|range| range.trunc())
        .ok_or_else(|| {
            let problem = format!("want a range within {}/8", Ipv4Addr::new(127, 0, 0, 0));
            parse::invalid("outbound-ipv4-loopback-cidr", text, &problem)
        })
}

fn backend(flags: &Flags) -> Result<Backend, CaptureError> {
    let forced = match flags.force_iptables_binary.as_str() {
        "" => None,
        "legacy" => Some(Variant::Legacy),
        "nft" => Some(Variant::Nft),
        other => {
            return Err(parse::invalid(
                "force-iptables-binary",
                other,
                "want legacy or nft",
            ));
        }
    };
    match (forced, flags.native_nftables) {
        (None, false) => Ok(Backend::Detect),
        (None, true) => Ok(Backend::Nftables),
        (Some(variant), false) => Ok(Backend::Iptables(variant)),
        (Some(_), true) => {
            let problem = "contradicts --native-nftables; give one of the two";
            Err(parse::invalid(
                "force-iptables-binary",
                &flags.force_iptables_binary,
                problem,
            ))
        }
    }
}

fn validation(flags: &Flags) -> Result<Option<ProbeConfig>, CaptureError> {
    if !flags.run_validation {
        return Ok(None);
    }
    let port = parse::port("iptables-probe-port", &flags.iptables_probe_port)?;
    let timeout = parse::duration("probe-timeout", &flags.probe_timeout)?;
    Ok(Some(ProbeConfig { port, timeout }))
}
