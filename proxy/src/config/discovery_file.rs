//! Resources in a file: a `DiscoveryResponse` in YAML or JSON, as Envoy reads it from `path_config_source`.

use std::path::Path;

use xds_proto::pb::envoy::service::discovery::v3::DiscoveryResponse;

use super::descriptors::from_json;
use super::yaml;

/// Why a file of resources cannot be used; what it held before stays in force.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidDiscoveryFile {
    /// It could not be read.
    #[error("{path}: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is no `DiscoveryResponse`.
    #[error("{path}: {reason}; write version_info and resources, each with its @type")]
    Content {
        /// The file.
        path: String,
        /// What is wrong, and where.
        reason: String,
    },
}

/// Reads a file of resources.
///
/// # Errors
/// When it cannot be read or is something else.
pub(crate) fn read(path: &Path) -> Result<DiscoveryResponse, InvalidDiscoveryFile> {
    let name = path.display().to_string();
    let text =
        std::fs::read_to_string(path).map_err(|source| InvalidDiscoveryFile::Unreadable {
            path: name.clone(),
            source,
        })?;
    parse(&text).map_err(|reason| InvalidDiscoveryFile::Content { path: name, reason })
}

fn parse(text: &str) -> Result<DiscoveryResponse, String> {
    from_json(yaml::read(text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_read_as_envoy_users_write_them() {
        let text = "version_info: '1'\nresources:\n- '@type': type.googleapis.com/envoy.config.cluster.v3.Cluster\n  name: web\n  connect_timeout: 1s\n";
        let response = parse(text).unwrap();
        assert_eq!(response.version_info, "1");
        assert!(response.resources[0].type_url.ends_with("v3.Cluster"));
    }

    #[test]
    fn a_field_that_does_not_exist_is_named() {
        let text = "resources:\n- '@type': type.googleapis.com/envoy.config.cluster.v3.Cluster\n  nmae: web\n";
        assert!(parse(text).unwrap_err().contains("nmae"));
    }
}
