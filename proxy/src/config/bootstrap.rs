//! The Envoy v3 bootstrap: read from YAML or JSON, checked, and reduced to what this proxy starts from.
//!
//! Source: Envoy, `envoy.config.bootstrap.v3.Bootstrap`. Fields that are not acted upon are listed in
//! [`Bootstrap::not_honoured`]; the ones without which something would run unguarded refuse the file.

use std::net::SocketAddr;
use std::path::Path;

use xds_proto::pb::envoy::config::bootstrap::v3 as pb;
use xds_proto::pb::envoy::config::cluster::v3::Cluster;
use xds_proto::pb::envoy::config::core::v3::Node;
use xds_proto::pb::envoy::config::listener::v3::Listener;
use xds_proto::pb::envoy::extensions::transport_sockets::tls::v3::Secret;

use super::ads::StreamConfig;
use super::descriptors::from_json;
use super::not_honoured::NotHonoured;
use super::source::Source;
use super::yaml;
use crate::telemetry::metrics::StatsConfig;

mod proto;

/// What the proxy starts from, whichever way it was told.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    /// Who this proxy is towards the xDS server.
    pub node: Node,
    /// Listeners that never change.
    pub listeners: Vec<Listener>,
    /// Clusters that never change; the xDS server's own cluster is among them.
    pub clusters: Vec<Cluster>,
    /// Secrets that never change.
    pub secrets: Vec<Secret>,
    /// The aggregated xDS stream, if there is one.
    pub ads: Option<StreamConfig>,
    /// Where listeners come from, if any do beside the static ones.
    pub lds: Option<Source>,
    /// Where clusters come from, if any do beside the static ones.
    pub cds: Option<Source>,
    /// Which series are counted, and the labels that all have.
    pub stats: StatsConfig,
    /// Where the admin interface listens, if anywhere.
    pub admin: Option<SocketAddr>,
    /// What the bootstrap says and is not acted upon.
    pub not_honoured: Vec<NotHonoured>,
    /// The message as it was read, for `/config_dump`.
    pub message: pb::Bootstrap,
}

/// Why a bootstrap cannot be started from.
#[derive(Debug, thiserror::Error)]
pub enum InvalidBootstrap {
    /// The file could not be read.
    #[error("bootstrap {path}: {cause}; name an Envoy v3 bootstrap file with -c")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The file is neither YAML nor JSON.
    #[error("bootstrap {path}: not YAML or JSON: {reason}")]
    Syntax {
        /// The file.
        path: String,
        /// What the parser said, with line and column.
        reason: String,
    },
    /// A field does not exist or has another type.
    #[error("bootstrap {path}: not an envoy.config.bootstrap.v3.Bootstrap: {reason}")]
    Schema {
        /// The file.
        path: String,
        /// Which field, and what was expected.
        reason: String,
    },
    /// A field has a value that this proxy must not start with.
    #[error("bootstrap field {field}: {reason}")]
    Field {
        /// Path of the field.
        field: String,
        /// What is wrong, and what to do.
        reason: String,
    },
}

impl InvalidBootstrap {
    pub(crate) fn field(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Field {
            field: field.into(),
            reason: reason.into(),
        }
    }
}

/// Reads a bootstrap file.
///
/// # Errors
/// When it cannot be read, is no YAML or JSON, names fields that the message does not have, or asks for something
/// that cannot be left out safely; see [`InvalidBootstrap`].
pub fn load(path: &Path) -> Result<Bootstrap, InvalidBootstrap> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|cause| InvalidBootstrap::Unreadable {
        path: name.clone(),
        cause,
    })?;
    parse(&text, &name)
}

/// Parses the text of a bootstrap; `name` stands for it in errors.
///
/// # Errors
/// As [`load`], but for reading.
pub fn parse(text: &str, name: &str) -> Result<Bootstrap, InvalidBootstrap> {
    let value = yaml::read(text).map_err(|reason| InvalidBootstrap::Syntax {
        path: name.to_owned(),
        reason,
    })?;
    let message: pb::Bootstrap = from_json(value).map_err(|reason| InvalidBootstrap::Schema {
        path: name.to_owned(),
        reason,
    })?;
    Bootstrap::try_from(message)
}

#[cfg(test)]
mod tests;
