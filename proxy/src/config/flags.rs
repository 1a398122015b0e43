//! The command line of `tulle-proxy`, with the words by which Istio's and Envoy's users start theirs.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use super::sidecar::{Environment, SidecarFlags};
use crate::logging::{InvalidLevels, Levels, LogFormat};

const EXAMPLES: &str = "\
Examples:
  tulle-proxy -c envoy.yaml                      run the Envoy v3 bootstrap that you have
  tulle-proxy proxy sidecar                      run as an injected sidecar (environment of the pod)
  tulle-proxy capture -p 15001 -z 15006 -u 1337 -i '*' -b '*' -d 15090,15021,15020
  tulle-proxy capture --dry-run                  print the redirect rules
  tulle-proxy sds --socket /run/sds.sock         hand the workload's certificate to a neighbouring Envoy
  tulle-proxy request GET config_dump            ask the running proxy";

/// The Tulle sidecar proxy.
#[derive(Debug, Parser)]
#[command(name = "tulle-proxy", version = crate::VERSION, about, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct Flags {
    /// What to run instead of a bootstrap file.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Flags of the running proxy.
    #[command(flatten)]
    pub run: RunFlags,
}

/// What the program does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run as an injected sidecar, from the environment of its pod
    Proxy(ProxyFlags),
    /// Install the redirect rules in this network namespace
    #[command(visible_alias = "istio-iptables")]
    Capture(crate::capture::Flags),
    /// Remove the redirect rules from this network namespace
    #[command(visible_alias = "istio-clean-iptables")]
    CleanCapture(crate::capture::CleanFlags),
    /// Wait until the proxy of this pod is ready
    Wait(WaitFlags),
    /// Send a request to the admin interface of the proxy of this pod and print the answer
    Request(RequestFlags),
    /// Serve the workload's certificate and root on a Unix socket (SDS)
    Sds(SdsFlags),
}

/// Flags of a running proxy, for every way of starting it.
#[derive(Debug, Clone, Default, Args)]
pub struct RunFlags {
    /// An Envoy v3 bootstrap, YAML or JSON
    #[arg(short = 'c', long, value_name = "FILE", visible_alias = "config")]
    pub config_path: Option<PathBuf>,
    /// Worker threads; 0: all cores; unset: the CPU quota rounded up, else 2
    #[arg(long, value_name = "N")]
    pub concurrency: Option<usize>,
    /// Levels: trace, debug, info, warning, error, off; also a list such as warning,xds:debug
    #[arg(short = 'l', long, value_name = "LEVELS")]
    pub log_level: Option<Levels>,
    /// Levels by scope, such as xds:debug,http:trace
    #[arg(long, value_name = "LEVELS", visible_alias = "proxyComponentLogLevel")]
    pub component_log_level: Option<String>,
    /// How a log line looks
    #[arg(long, value_enum)]
    pub log_format: Option<LogFormat>,
    /// Port of the admin interface on 127.0.0.1; overrides the bootstrap
    #[arg(long, value_name = "PORT")]
    pub admin_port: Option<u16>,
    /// Where the admin and status interfaces listen, instead of 127.0.0.1 and every address
    #[arg(long, value_name = "IP")]
    pub own_address: Option<IpAddr>,
    /// Node id; overrides the bootstrap
    #[arg(long, value_name = "ID")]
    pub service_node: Option<String>,
    /// Node cluster; overrides the bootstrap
    #[arg(long, value_name = "NAME", visible_alias = "serviceCluster")]
    pub service_cluster: Option<String>,
    /// Mark the sockets of the proxy's own traffic (SO_MARK), for capture with --proxy-mark
    #[arg(long, value_name = "MARK")]
    pub proxy_mark: Option<u32>,
    /// Where the files of the pod (token, root certificate, labels) are looked for, instead of /
    #[arg(long, value_name = "DIR")]
    pub root_dir: Option<PathBuf>,
}

/// `proxy ROLE`, as pilot-agent is started.
#[derive(Debug, Args)]
pub struct ProxyFlags {
    /// The role; only sidecars are run
    #[arg(value_parser = ["sidecar"], default_value = "sidecar")]
    pub role: String,
    /// DNS domain of the pod's namespace
    #[arg(long)]
    pub domain: Option<String>,
    /// Level of the proxy's log
    #[arg(long = "proxyLogLevel", value_name = "LEVEL")]
    pub proxy_log_level: Option<Levels>,
    /// Levels of the agent's log, such as default:info; agent and proxy are one program here
    #[arg(long = "log_output_level", value_name = "LEVELS")]
    pub log_output_level: Option<String>,
    /// Log JSON
    #[arg(long = "log_as_json")]
    pub log_as_json: bool,
    /// Flags of the running proxy.
    #[command(flatten)]
    pub run: RunFlags,
}

/// `wait`: until the proxy is ready.
#[derive(Debug, Clone, Args)]
pub struct WaitFlags {
    /// What to ask
    #[arg(long, default_value = "http://localhost:15021/healthz/ready")]
    pub url: String,
    /// Give up after this many seconds
    #[arg(long = "timeoutSeconds", default_value_t = 60)]
    pub timeout_seconds: u64,
    /// Milliseconds until one request counts as failed
    #[arg(long = "requestTimeoutMillis", default_value_t = 500)]
    pub request_timeout_millis: u64,
    /// Milliseconds between two requests
    #[arg(long = "periodMillis", default_value_t = 500)]
    pub period_millis: u64,
}

/// `request METHOD PATH`: to the admin interface.
#[derive(Debug, Clone, Args)]
pub struct RequestFlags {
    /// GET or POST
    pub method: String,
    /// Such as `stats/prometheus`
    pub path: String,
    /// Port of the admin interface
    #[arg(long = "debug-port", default_value_t = 15000)]
    pub debug_port: u16,
}

/// `sds`: secrets for a neighbour.
#[derive(Debug, Clone, Args)]
pub struct SdsFlags {
    /// The Unix socket to serve on; a stale one is replaced
    #[arg(long, value_name = "PATH")]
    pub socket: PathBuf,
    /// Where the files of the pod are looked for, instead of /
    #[arg(long, value_name = "DIR")]
    pub root_dir: Option<PathBuf>,
    /// Levels of the log
    #[arg(short = 'l', long, value_name = "LEVELS")]
    pub log_level: Option<Levels>,
}

impl WaitFlags {
    /// How long to wait at most.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }
}

impl RunFlags {
    /// Where the admin interface listens, if the flags say so.
    pub fn admin(&self) -> Option<SocketAddr> {
        self.admin_port
            .map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))
    }

    /// Levels by all flags; scopes that only Envoy has are returned, to be named in the log.
    ///
    /// # Errors
    /// When a level does not exist.
    pub fn levels(&self) -> Result<(Levels, Vec<String>), InvalidLevels> {
        let mut levels = self.log_level.clone().unwrap_or_default();
        let mut unknown = Vec::new();
        for item in self
            .component_log_level
            .iter()
            .flat_map(|list| list.split(','))
        {
            let Some((scope, level)) = item.split_once(':') else {
                continue;
            };
            match levels.set(scope.trim(), crate::logging::level(level.trim())?) {
                Err(InvalidLevels::Scope(scope)) => unknown.push(scope),
                other => other?,
            }
        }
        Ok((levels, unknown))
    }
}

impl ProxyFlags {
    /// The flags that the environment is read with.
    pub fn sidecar(&self) -> SidecarFlags {
        SidecarFlags {
            domain: self.domain.clone(),
            root_dir: self.run.root_dir.clone(),
        }
    }

    /// The run flags with pilot-agent's own words folded in.
    pub fn run(&self) -> RunFlags {
        let mut run = self.run.clone();
        run.log_level = run.log_level.or_else(|| self.proxy_log_level.clone());
        if self.log_as_json {
            run.log_format = Some(LogFormat::Json);
        }
        run
    }
}

/// Parses a command line the first word of which is the program; a link named like one of Istio's programs adds the
/// word that the program stands for.
///
/// # Errors
/// Usage errors, and what `--help` and `--version` print.
pub fn parse(args: impl IntoIterator<Item = String>) -> Result<Flags, clap::Error> {
    let mut args: Vec<String> = args.into_iter().collect();
    let program = args
        .first()
        .and_then(|path| path.rsplit('/').next())
        .unwrap_or_default();
    if matches!(program, "istio-iptables" | "istio-clean-iptables") {
        args.insert(1, program.to_owned());
    }
    Flags::try_parse_from(args)
}

/// The environment of this process.
pub fn environment() -> Environment {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(line: &str) -> Flags {
        parse(line.split(' ').map(str::to_owned)).unwrap()
    }

    #[test]
    fn understands_the_arguments_of_istios_sidecar() {
        let line = "pilot-agent proxy sidecar --domain a.svc.cluster.local --proxyLogLevel=warning \
                    --proxyComponentLogLevel=misc:error,xds:debug --log_output_level=default:info --concurrency 2";
        let Some(Command::Proxy(proxy)) = flags(line).command else {
            panic!("not proxy")
        };
        let run = proxy.run();
        assert_eq!(run.concurrency, Some(2));
        let (levels, unknown) = run.levels().unwrap();
        assert_eq!(unknown, ["misc"]);
        assert!(
            levels.list().contains(&("xds", "debug"))
                && levels.list().contains(&("http", "warning"))
        );
    }

    #[test]
    fn a_link_named_like_istios_program_does_what_that_does() {
        assert!(matches!(
            flags("/usr/local/bin/istio-iptables -p 15001").command,
            Some(Command::Capture(_))
        ));
        assert!(matches!(
            flags("istio-clean-iptables").command,
            Some(Command::CleanCapture(_))
        ));
    }

    #[test]
    fn a_bootstrap_file_needs_no_command() {
        let flags = flags("tulle-proxy -c envoy.yaml --admin-port 9901 -l warning,xds:trace");
        assert_eq!(flags.run.config_path, Some("envoy.yaml".into()));
        assert_eq!(flags.run.admin(), Some("127.0.0.1:9901".parse().unwrap()));
    }

    #[test]
    fn mistyped_flags_are_usage_errors() {
        let error = parse(["tulle-proxy".to_owned(), "--concurency=1".to_owned()]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("--concurrency"), "{error}");
    }
}
