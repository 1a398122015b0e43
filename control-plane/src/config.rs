//! Flags of `tulle-control-plane`, checked.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Parser;

use crate::log::{Format, Levels};
use crate::version;

const EXAMPLES: &str = "\
Examples:
  # a directory of YAML, proxies with join tokens over TLS on 15012
  tulle-control-plane --registry file:/etc/mesh --data-dir /var/lib/tulle

  # the same on one machine without TLS, for a test
  tulle-control-plane --registry file:./mesh --xds-plaintext 127.0.0.1:15010

  # live mesh settings, debug logs of the xDS server only
  tulle-control-plane --registry file:./mesh --mesh-config mesh.yaml --log-level info,xds:debug";

/// Watches registries and drives sidecars over xDS.
#[derive(Debug, Clone, Parser)]
#[command(name = "tulle-control-plane", version = version::LONG, after_help = EXAMPLES)]
pub struct Config {
    /// Where services come from: `file:DIR`, a directory of Kubernetes and Istio YAML, watched live
    #[arg(long, value_name = "file:DIR")]
    pub registry: Registry,

    /// Istio's MeshConfig as YAML, reloaded when it changes
    #[arg(long, value_name = "FILE")]
    pub mesh_config: Option<PathBuf>,

    /// Serve xDS without TLS and without authentication on this address (Istio's port is 15010); tests and demos only
    #[arg(long, value_name = "ADDR")]
    pub xds_plaintext: Option<SocketAddr>,

    /// Serve xDS and certificates over TLS on this address
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:15012")]
    pub xds_address: SocketAddr,

    /// Serve /version, /metrics, /ready and /debug on this address
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:15014")]
    pub debug_address: SocketAddr,

    /// Keep the CA (layout of Istio's cacerts) and the token key here; without it both end with the process
    #[arg(long, value_name = "DIR", env = "TULLE_DATA_DIR")]
    pub data_dir: Option<PathBuf>,

    /// Further names and addresses in the certificate of the xDS port; may be repeated
    #[arg(long, value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    pub tls_san: Vec<String>,

    /// Log level, or a list of `scope:level`
    #[arg(long, value_name = "LEVELS", default_value = "info")]
    pub log_level: Levels,

    /// How log lines look
    #[arg(long, value_enum, default_value_t)]
    pub log_format: Format,
}

/// A source of services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registry {
    /// A directory of YAML and JSON files.
    File(PathBuf),
}

/// Not a registry that we know.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a registry; use file:DIR, a directory of YAML files")]
pub struct UnknownRegistry(String);

impl FromStr for Registry {
    type Err = UnknownRegistry;

    fn from_str(text: &str) -> Result<Self, UnknownRegistry> {
        match text.split_once(':') {
            Some(("file", dir)) if !dir.is_empty() => Ok(Self::File(dir.into())),
            Some(_) | None => Err(UnknownRegistry(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(args: &[&str]) -> Result<Config, clap::Error> {
        Config::try_parse_from([&["tulle-control-plane"], args].concat())
    }

    #[test]
    fn the_flags_are_consistent() {
        Config::command().debug_assert();
    }

    #[test]
    fn plaintext_is_off_unless_asked_for() {
        let config = parse(&["--registry", "file:/etc/mesh"]).unwrap();
        assert_eq!(config.registry, Registry::File("/etc/mesh".into()));
        assert_eq!(
            (config.xds_plaintext, config.xds_address.port()),
            (None, 15012)
        );
        assert!(config.debug_address.ip().is_loopback());
    }

    #[test]
    fn several_names_are_taken() {
        let config = parse(&[
            "--registry",
            "file:x",
            "--tls-san",
            "a.example",
            "b.example",
            "--tls-san",
            "10.0.0.1",
        ]);
        assert_eq!(
            config.unwrap().tls_san,
            ["a.example", "b.example", "10.0.0.1"]
        );
    }

    #[test]
    fn wrong_usage_exits_with_2_and_names_the_choice() {
        let error = parse(&["--registry", "consul:8500"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("file:DIR"), "{error}");
        assert_eq!(parse(&["--help"]).unwrap_err().exit_code(), 0);
    }
}
