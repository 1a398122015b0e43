//! Where resources come from. Source: Envoy `config.core.v3.ConfigSource`.

use std::path::PathBuf;
use std::sync::Arc;

use xds_proto::pb::envoy::config::core::v3::config_source::ConfigSourceSpecifier;
use xds_proto::pb::envoy::config::core::v3::{ConfigSource, PathConfigSource};

use super::ads::StreamConfig;
use super::invalid::InvalidField;
use super::not_honoured::NotHonouredFields;
use super::wire::{Read, at, nonempty, refuse_if, refuse_set};

/// Where the resources of one type, or those that one resource names, come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Source {
    /// The aggregated stream.
    #[default]
    Ads,
    /// A stream of their own.
    Stream(Arc<StreamConfig>),
    /// A file that holds a `DiscoveryResponse`; read again when it, or a link on the way to it, changes.
    File(Arc<PathBuf>),
}

impl Source {
    /// Reads a source; `field` is its path in the message around it.
    ///
    /// # Errors
    /// When nothing is named, or something that is not spoken.
    #[expect(deprecated, reason = "the older form of a file means the same")]
    pub(crate) fn read(
        source: ConfigSource,
        field: &str,
        notes: &mut NotHonouredFields,
    ) -> Read<Self> {
        let ConfigSource {
            authorities,
            initial_fetch_timeout,
            resource_api_version: _, // only v3 resources are ever accepted, whatever it says
            config_source_specifier,
        } = source;
        refuse_set(field, &authorities, "xdstp authorities are not spoken")?;
        notes.note(
            &format!("{field}.initial_fetch_timeout"),
            &initial_fetch_timeout,
            "something new takes effect after 15 s though it lacks this, a replacement never",
        );
        match config_source_specifier {
            Some(ConfigSourceSpecifier::Ads(_) | ConfigSourceSpecifier::Self_(_)) => Ok(Self::Ads),
            Some(ConfigSourceSpecifier::ApiConfigSource(source)) => {
                let field = format!("{field}.api_config_source");
                let stream = StreamConfig::read(source, &field, notes)?;
                Ok(Self::Stream(Arc::new(stream)))
            }
            Some(ConfigSourceSpecifier::PathConfigSource(source)) => {
                let field = format!("{field}.path_config_source");
                file(source, &field, notes).map_err(at(&field))
            }
            Some(ConfigSourceSpecifier::Path(path)) => Ok(Self::File(Arc::new(path.into()))),
            None => Err(InvalidField::new(
                field,
                "must be ads, api_config_source or path_config_source",
            )),
        }
    }
}

fn file(source: PathConfigSource, field: &str, notes: &mut NotHonouredFields) -> Read<Source> {
    let PathConfigSource {
        path,
        watched_directory: _, // a change is seen whichever way it is made
        poll_interval,
    } = source;
    notes.note(
        &format!("{field}.poll_interval"),
        &poll_interval,
        "files are looked at every second",
    );
    let path = nonempty("path", path)?;
    refuse_if(
        path.ends_with('/'),
        "path",
        "must be a file, not a directory",
    )?;
    Ok(Source::File(Arc::new(path.into())))
}
