//! How a stream of resources, the aggregated one or one of its own, is reached: from an `envoy.config.core.v3.ApiConfigSource`.

use std::path::PathBuf;

use xds_proto::pb::envoy::config::core::v3::api_config_source::ApiType;
use xds_proto::pb::envoy::config::core::v3::grpc_service::{EnvoyGrpc, TargetSpecifier};
use xds_proto::pb::envoy::config::core::v3::{ApiConfigSource, GrpcService, HeaderValue};

use super::invalid::InvalidField;
use super::not_honoured::NotHonouredFields;
use super::wire::Read;
use crate::xds::Dialect;

/// A stream of resources.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamConfig {
    /// Incremental or state of the world.
    pub dialect: Dialect,
    /// The static cluster behind which the server is found.
    pub cluster: String,
    /// The `:authority` of the stream; empty: the cluster's name.
    pub authority: String,
    /// Request headers of the stream.
    pub metadata: Vec<(String, String)>,
    /// A file with a bearer token, read anew for every stream.
    pub token: Option<PathBuf>,
}

impl StreamConfig {
    #[expect(deprecated, reason = "the retired value is refused by name")]
    pub(crate) fn read(
        source: ApiConfigSource,
        field: &str,
        fields: &mut NotHonouredFields,
    ) -> Read<Self> {
        let invalid =
            |name: &str, reason: String| InvalidField::new(format!("{field}.{name}"), reason);
        let ApiConfigSource {
            api_type,
            transport_api_version: _, // only v3 resources are ever accepted, whatever it says
            cluster_names,
            grpc_services,
            refresh_delay,
            request_timeout,
            rate_limit_settings,
            set_node_on_first_message_only: _, // always so, as the protocol allows
            config_validators,
        } = source;
        let dialect = match ApiType::try_from(api_type) {
            Ok(ApiType::DeltaGrpc | ApiType::AggregatedDeltaGrpc) => Dialect::Delta,
            Ok(ApiType::Grpc | ApiType::AggregatedGrpc) => Dialect::Sotw,
            Ok(ApiType::DeprecatedAndUnavailableDoNotUse | ApiType::Rest) | Err(_) => {
                return Err(invalid("api_type", "must be GRPC or DELTA_GRPC".to_owned()));
            }
        };
        fields.note(
            &format!("{field}.cluster_names"),
            &cluster_names,
            "grpc_services names the server",
        );
        fields.note(
            &format!("{field}.refresh_delay"),
            &refresh_delay,
            "streams are not polled",
        );
        fields.note(
            &format!("{field}.request_timeout"),
            &request_timeout,
            "streams are not polled",
        );
        fields.note(
            &format!("{field}.rate_limit_settings"),
            &rate_limit_settings,
            "requests are not limited",
        );
        fields.note(
            &format!("{field}.config_validators"),
            &config_validators,
            "the built-in checks apply",
        );
        let [service] = <[GrpcService; 1]>::try_from(grpc_services).map_err(|services| {
            invalid(
                "grpc_services",
                format!("must name one service, found {}", services.len()),
            )
        })?;
        Self::read_service(
            service,
            dialect,
            &format!("{field}.grpc_services[0]"),
            fields,
        )
    }

    fn read_service(
        service: GrpcService,
        dialect: Dialect,
        field: &str,
        fields: &mut NotHonouredFields,
    ) -> Read<Self> {
        let GrpcService {
            timeout,
            initial_metadata,
            retry_policy,
            target_specifier,
        } = service;
        fields.note(
            &format!("{field}.timeout"),
            &timeout,
            "the stream lives as long as it can",
        );
        fields.note(
            &format!("{field}.retry_policy"),
            &retry_policy,
            "a lost stream is opened again with back-off",
        );
        let Some(TargetSpecifier::EnvoyGrpc(target)) = target_specifier else {
            return Err(InvalidField::new(
                field,
                "must have envoy_grpc with a static cluster; google_grpc is not spoken",
            ));
        };
        let EnvoyGrpc {
            cluster_name,
            authority,
            retry_policy,
            max_receive_message_length,
            skip_envoy_headers: _, // none are sent
        } = target;
        fields.note(
            &format!("{field}.envoy_grpc.retry_policy"),
            &retry_policy,
            "a lost stream is opened again with back-off",
        );
        fields.note(
            &format!("{field}.envoy_grpc.max_receive_message_length"),
            &max_receive_message_length,
            "messages may be of any length",
        );
        let metadata = initial_metadata.into_iter().map(metadata_entry).collect();
        Ok(Self {
            dialect,
            cluster: cluster_name,
            authority,
            metadata,
            token: None,
        })
    }
}

fn metadata_entry(header: HeaderValue) -> (String, String) {
    let HeaderValue {
        key,
        value,
        raw_value,
    } = header;
    let value = if raw_value.is_empty() {
        value
    } else {
        String::from_utf8_lossy(&raw_value).into_owned()
    };
    (key.to_ascii_lowercase(), value)
}
