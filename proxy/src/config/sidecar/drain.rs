//! How a sidecar leaves.

use std::time::Duration;

use xds_proto::mesh::ProxyConfig;

use super::{Environment, InvalidSidecar, invalid, parse_duration, var};

/// How the proxy leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrainConfig {
    /// How long connections may go on after SIGTERM.
    pub termination_drain: Duration,
    /// Leave as soon as no connection is open, after [`Self::minimum_drain`].
    pub exit_on_zero_connections: bool,
    /// The least time to wait with [`Self::exit_on_zero_connections`].
    pub minimum_drain: Duration,
}

pub(super) fn exits_on_zero_connections(env: &Environment) -> bool {
    var(env, "EXIT_ON_ZERO_ACTIVE_CONNECTIONS") == Some("true")
}

pub(super) fn read(
    env: &Environment,
    proxy_config: &ProxyConfig,
) -> Result<DrainConfig, InvalidSidecar> {
    let duration = |name: &str| match var(env, name) {
        None => Ok(None),
        Some(text) => parse_duration(text)
            .map(Some)
            .map_err(|error| invalid(name, error.to_string())),
    };
    Ok(DrainConfig {
        termination_drain: duration("TERMINATION_DRAIN_DURATION_SECONDS")?
            .unwrap_or_else(|| proxy_config.termination_drain_duration()),
        exit_on_zero_connections: exits_on_zero_connections(env),
        minimum_drain: duration("MINIMUM_DRAIN_DURATION")?.unwrap_or(Duration::from_secs(5)),
    })
}
