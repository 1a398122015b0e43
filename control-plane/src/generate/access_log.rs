//! The access log that MeshConfig asks for.

use super::wire;
use crate::scope::{AccessLog as Settings, AccessLogFormat, Scope};
use xds_proto::pb::envoy::config::accesslog::v3::{AccessLog, access_log::ConfigType};
use xds_proto::pb::envoy::config::core::v3::{
    DataSource, SubstitutionFormatString, data_source::Specifier,
    substitution_format_string::Format,
};
use xds_proto::pb::envoy::extensions::access_loggers::file::v3::{FileAccessLog, file_access_log};
use xds_proto::pb::google::protobuf::Struct;
use xds_proto::protobuf_struct;
use xds_proto::well_known::filter;

/// The format that dashboards and scripts for Istio read.
const DEFAULT_TEXT: &str = concat!(
    "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" ",
    "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% ",
    "\"%UPSTREAM_TRANSPORT_FAILURE_REASON%\" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% ",
    "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" ",
    "\"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\" %UPSTREAM_CLUSTER_RAW% ",
    "%UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% ",
    "%REQUESTED_SERVER_NAME% %ROUTE_NAME%\n",
);

/// The same facts as JSON.
const DEFAULT_JSON: [(&str, &str); 23] = [
    ("authority", "%REQ(:AUTHORITY)%"),
    ("bytes_received", "%BYTES_RECEIVED%"),
    ("bytes_sent", "%BYTES_SENT%"),
    (
        "connection_termination_details",
        "%CONNECTION_TERMINATION_DETAILS%",
    ),
    ("downstream_local_address", "%DOWNSTREAM_LOCAL_ADDRESS%"),
    ("downstream_remote_address", "%DOWNSTREAM_REMOTE_ADDRESS%"),
    ("duration", "%DURATION%"),
    ("method", "%REQ(:METHOD)%"),
    ("path", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"),
    ("protocol", "%PROTOCOL%"),
    ("request_id", "%REQ(X-REQUEST-ID)%"),
    ("requested_server_name", "%REQUESTED_SERVER_NAME%"),
    ("response_code", "%RESPONSE_CODE%"),
    ("response_code_details", "%RESPONSE_CODE_DETAILS%"),
    ("response_flags", "%RESPONSE_FLAGS%"),
    ("route_name", "%ROUTE_NAME%"),
    ("start_time", "%START_TIME%"),
    ("upstream_cluster", "%UPSTREAM_CLUSTER_RAW%"),
    ("upstream_host", "%UPSTREAM_HOST%"),
    ("upstream_local_address", "%UPSTREAM_LOCAL_ADDRESS%"),
    (
        "upstream_service_time",
        "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
    ),
    (
        "upstream_transport_failure_reason",
        "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
    ),
    ("user_agent", "%REQ(USER-AGENT)%"),
];

/// The logs of every connection and request; empty where the mesh asks for none.
pub(crate) fn logs(scope: &Scope) -> Vec<AccessLog> {
    scope.mesh.access_log.iter().map(lower).collect()
}

fn lower(settings: &Settings) -> AccessLog {
    let format = match &settings.format {
        AccessLogFormat::Text(format) => text(format.as_deref().unwrap_or(DEFAULT_TEXT)),
        AccessLogFormat::Json(Some(fields)) => {
            Format::JsonFormat(protobuf_struct::from_json(fields).unwrap_or_default())
        }
        AccessLogFormat::Json(None) => json(
            DEFAULT_JSON
                .into_iter()
                .chain([("x_forwarded_for", "%REQ(X-FORWARDED-FOR)%")]),
        ),
    };
    let config = FileAccessLog {
        path: settings.file.clone(),
        access_log_format: Some(file_access_log::AccessLogFormat::LogFormat(
            SubstitutionFormatString {
                format: Some(format),
                ..SubstitutionFormatString::default()
            },
        )),
    };
    AccessLog {
        name: filter::FILE_ACCESS_LOG.name.to_owned(),
        config_type: Some(ConfigType::TypedConfig(wire::any(&config))),
        ..AccessLog::default()
    }
}

fn text(format: &str) -> Format {
    // A format of the user's may lack the end of the line.
    let line = if format.ends_with('\n') {
        format.to_owned()
    } else {
        format!("{format}\n")
    };
    Format::TextFormatSource(DataSource {
        specifier: Some(Specifier::InlineString(line)),
        ..DataSource::default()
    })
}

fn json(fields: impl Iterator<Item = (&'static str, &'static str)>) -> Format {
    Format::JsonFormat(Struct {
        fields: fields
            .map(|(name, format)| (name.to_owned(), wire::text(format)))
            .collect(),
    })
}
