//! The flags and environment of `istio-iptables`, which are ours too.
//!
//! A variable gives the default of the flag of the same name, as Istio has it; the flag wins.

use std::path::PathBuf;

use clap::Args;

/// Redirect this network namespace's traffic to the proxy. Takes what `istio-iptables` takes.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tulle-proxy capture -p 15001 -z 15006 -u 1337 -m REDIRECT -i '*' -b '*' -d 15090,15021,15020
  tulle-proxy capture -i '*' -b '*' --dry-run     print the rules as an nft script
  tulle-proxy capture --cleanup-only              remove what capture installed")]
pub struct Flags {
    /// Port of the proxy's outbound listener.
    #[arg(short = 'p', long, default_value = "15001")]
    pub envoy_port: String,
    /// Port of the proxy's inbound listener.
    #[arg(
        short = 'z',
        long,
        env = "INBOUND_CAPTURE_PORT",
        default_value = "15006"
    )]
    pub inbound_capture_port: String,
    /// Port of the inbound tunnel (HBONE), never redirected.
    #[arg(
        short = 'e',
        long,
        env = "INBOUND_TUNNEL_PORT",
        default_value = "15008"
    )]
    pub inbound_tunnel_port: String,
    /// User ids of the proxy, whose traffic is not captured; default: user istio-proxy, else 1337.
    #[arg(short = 'u', long, env = "PROXY_UID", default_value = "")]
    pub proxy_uid: String,
    /// Group ids of the proxy; default: as --proxy-uid.
    #[arg(short = 'g', long, env = "PROXY_GID", default_value = "")]
    pub proxy_gid: String,
    /// Recognise the proxy's traffic by this socket mark instead of user and group id, for places with one user id only.
    #[arg(long, value_name = "MARK")]
    pub proxy_mark: Option<u32>,
    /// How inbound connections reach the proxy: REDIRECT (also if empty) or TPROXY.
    #[arg(
        short = 'm',
        long,
        env = "ISTIO_INBOUND_INTERCEPTION_MODE",
        default_value = ""
    )]
    pub istio_inbound_interception_mode: String,
    /// Packet mark of TPROXY mode.
    #[arg(
        short = 't',
        long,
        env = "ISTIO_INBOUND_TPROXY_MARK",
        default_value = "1337"
    )]
    pub istio_inbound_tproxy_mark: String,
    /// Routing table of TPROXY mode.
    #[arg(
        short = 'r',
        long,
        env = "ISTIO_INBOUND_TPROXY_ROUTE_TABLE",
        default_value = "133"
    )]
    pub istio_inbound_tproxy_route_table: String,
    /// Inbound ports to capture: `*`, a comma-separated list, or empty for none.
    #[arg(short = 'b', long, env = "ISTIO_INBOUND_PORTS", default_value = "")]
    pub istio_inbound_ports: String,
    /// Inbound ports not to capture; counts when --istio-inbound-ports is `*`.
    #[arg(
        short = 'd',
        long,
        env = "ISTIO_LOCAL_EXCLUDE_PORTS",
        default_value = ""
    )]
    pub istio_local_exclude_ports: String,
    /// Destination ranges to capture: `*`, a comma-separated list, or empty for none.
    #[arg(short = 'i', long, env = "ISTIO_SERVICE_CIDR", default_value = "")]
    pub istio_service_cidr: String,
    /// Destination ranges not to capture.
    #[arg(
        short = 'x',
        long,
        env = "ISTIO_SERVICE_EXCLUDE_CIDR",
        default_value = ""
    )]
    pub istio_service_exclude_cidr: String,
    /// Destination ports to capture whatever the address.
    #[arg(short = 'q', long, env = "ISTIO_OUTBOUND_PORTS", default_value = "")]
    pub istio_outbound_ports: String,
    /// Destination ports not to capture.
    #[arg(
        short = 'o',
        long,
        env = "ISTIO_LOCAL_OUTBOUND_PORTS_EXCLUDE",
        default_value = ""
    )]
    pub istio_local_outbound_ports_exclude: String,
    /// Interfaces whose traffic is never captured.
    #[arg(
        short = 'c',
        long,
        env = "ISTIO_EXCLUDE_INTERFACES",
        default_value = ""
    )]
    pub istio_exclude_interfaces: String,
    /// Virtual interfaces (of VMs or nested containers) whose inbound traffic counts as outbound.
    #[arg(short = 'k', long, env = "KUBE_VIRT_INTERFACES", default_value = "")]
    pub kube_virt_interfaces: String,
    /// Groups (names or ids) whose outbound traffic is captured; `*` is all.
    #[arg(long, env = "ISTIO_OUTBOUND_OWNER_GROUPS", default_value = "*")]
    pub outbound_owner_groups: String,
    /// Groups whose outbound traffic is not captured; counts when --outbound-owner-groups is `*`.
    #[arg(long, env = "ISTIO_OUTBOUND_OWNER_GROUPS_EXCLUDE", default_value = "")]
    pub outbound_owner_groups_exclude: String,
    /// IPv4 range that is the application's own loopback and never captured.
    #[arg(
        long,
        env = "ISTIO_OUTBOUND_IPV4_LOOPBACK_CIDR",
        default_value = "127.0.0.1/32"
    )]
    pub outbound_ipv4_loopback_cidr: String,
    /// Not supported.
    #[command(flatten)]
    pub dns: DnsFlags,
    /// Drop packets that connection tracking finds invalid, instead of letting the kernel reset the connection.
    #[arg(long, env = "DROP_INVALID", value_parser = go_bool, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    pub drop_invalid: bool,
    /// Accepted for compatibility: IPv4 and IPv6 are always both captured.
    #[arg(long, env = "DUAL_STACK", value_parser = go_bool, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    pub dual_stack: bool,
    /// Print the rules and change nothing.
    #[arg(short = 'n', long, env = "DRY_RUN", value_parser = go_bool, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    pub dry_run: bool,
    /// Install nothing; with --run-validation, only validate.
    #[arg(long, env = "SKIP_RULE_APPLY", value_parser = go_bool, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    pub skip_rule_apply: bool,
    /// Prove by a loop connection that the rules are in effect; exit 126 if they are not. Run it as the proxy's user.
    #[arg(long, env = "RUN_VALIDATION", value_parser = go_bool, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    pub run_validation: bool,
    /// Destination port of the validation's connection.
    #[arg(long, env = "IPTABLES_PROBE_PORT", default_value = "15002")]
    pub iptables_probe_port: String,
    /// How long validation tries.
    #[arg(long, env = "PROBE_TIMEOUT", default_value = "5s")]
    pub probe_timeout: String,
    /// Remove the rules and install none.
    #[arg(long, env = "CLEANUP_ONLY", value_parser = go_bool, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    pub cleanup_only: bool,
    /// Accepted for compatibility: rules are always replaced as one, whatever was there.
    #[arg(long, env = "FORCE_APPLY", value_parser = go_bool, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    pub force_apply: bool,
    /// Accepted for compatibility: rules are always replaced as one, whatever was there.
    #[arg(long, env = "RECONCILE", value_parser = go_bool, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    pub reconcile: bool,
    /// Use this iptables (`legacy` or `nft`) instead of nftables by netlink.
    #[arg(long, env = "FORCE_IPTABLES_BINARY", default_value = "")]
    pub force_iptables_binary: String,
    /// Use nftables and never fall back to iptables.
    #[arg(long, env = "NATIVE_NFTABLES", value_parser = go_bool, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    pub native_nftables: bool,
    /// Work in this network namespace, such as /proc/PID/ns/net.
    #[arg(long, env = "NETWORK_NAMESPACE", value_name = "PATH")]
    pub network_namespace: Option<PathBuf>,
    /// Not supported: there is no CNI plugin.
    #[arg(long, env = "CNI_MODE", value_parser = go_bool, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    pub cni_mode: bool,
    /// Log level in Istio's form, `scope:level,…`; the program that embeds capture sets it.
    #[arg(
        long = "log_output_level",
        value_name = "LEVELS",
        default_value = "default:info"
    )]
    pub log_output_level: String,
    /// Log as JSON; the program that embeds capture sets it.
    #[arg(long = "log_as_json", value_parser = go_bool, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    pub log_as_json: bool,
}

/// The DNS flags, which are refused. The variables of the same purpose are warned about.
#[derive(Debug, Clone, Args)]
pub struct DnsFlags {
    /// Refused: the proxy does not answer DNS.
    #[arg(long, value_parser = go_bool, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    pub redirect_dns: bool,
    /// Refused: the proxy does not answer DNS.
    #[arg(long, value_parser = go_bool, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    pub capture_all_dns: bool,
}

/// Remove the redirect rules. Takes what `istio-clean-iptables` takes.
#[derive(Debug, Clone, Args)]
pub struct CleanFlags {
    /// The flags that the rules were installed with; which rules go does not depend on them.
    #[command(flatten)]
    pub installed_with: Flags,
}

impl CleanFlags {
    pub(crate) fn into_flags(self) -> Flags {
        Flags {
            cleanup_only: true,
            run_validation: false,
            skip_rule_apply: false,
            ..self.installed_with
        }
    }
}

/// A boolean as Go's flag package reads it; an empty variable is false.
pub(super) fn go_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        other => Err(format!("{other:?} is neither true nor false")),
    }
}
