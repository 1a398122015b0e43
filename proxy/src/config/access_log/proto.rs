//! Access logs from Envoy's messages.
#![allow(deprecated, reason = "every field is looked at, deprecated ones too")]

use std::sync::Arc;

use xds_proto::pb::envoy::config::accesslog::v3 as pb;
use xds_proto::pb::envoy::config::accesslog::v3::access_log::ConfigType;
use xds_proto::pb::envoy::config::accesslog::v3::access_log_filter::FilterSpecifier;
use xds_proto::pb::envoy::config::accesslog::v3::comparison_filter::Op;
use xds_proto::pb::envoy::config::core::v3 as core;
use xds_proto::pb::envoy::config::core::v3::substitution_format_string::Format;
use xds_proto::pb::envoy::extensions::access_loggers::file::v3 as file;
use xds_proto::pb::envoy::extensions::access_loggers::stream::v3 as stream;
use xds_proto::pb::google::protobuf as gp;

use super::{
    AccessLogConfig, AccessLogFilter, AccessLogFormat, AccessLogSink, Comparison, JsonField,
};
use crate::config::not_honoured::named;
use crate::config::wire::{
    Conversion, Read, bad, data_once, known, nonempty, required, type_name, unpack,
};

const FILE: &str = "envoy.extensions.access_loggers.file.v3.FileAccessLog";
const STDOUT: &str = "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog";
const STDERR: &str = "envoy.extensions.access_loggers.stream.v3.StderrAccessLog";

/// All access logs that can be written; others are noted.
pub(crate) fn all(
    cx: &mut Conversion<'_>,
    logs: Vec<pb::AccessLog>,
) -> Read<Vec<Arc<AccessLogConfig>>> {
    let mut read = Vec::new();
    for (index, log) in logs.into_iter().enumerate() {
        let log =
            one(cx, log).map_err(|error| error.within(format_args!("access_log[{index}]")))?;
        read.extend(log.map(Arc::new));
    }
    Ok(read)
}

fn one(cx: &mut Conversion<'_>, log: pb::AccessLog) -> Read<Option<AccessLogConfig>> {
    let pb::AccessLog {
        name,
        filter,
        config_type,
    } = log;
    let ConfigType::TypedConfig(any) = required("typed_config", config_type)?;
    let (sink, format) = match type_name(&any) {
        FILE => {
            let file::FileAccessLog {
                path,
                access_log_format,
            } = unpack(&any)?;
            (
                sink(nonempty("path", path)?),
                file_format(cx, access_log_format)?,
            )
        }
        STDOUT => {
            let stream::StdoutAccessLog { access_log_format } = unpack(&any)?;
            let format = access_log_format
                .map(
                    |stream::stdout_access_log::AccessLogFormat::LogFormat(format)| {
                        log_format(cx, format)
                    },
                )
                .transpose()?;
            (
                AccessLogSink::Stdout,
                format.unwrap_or(AccessLogFormat::Default),
            )
        }
        STDERR => {
            let stream::StderrAccessLog { access_log_format } = unpack(&any)?;
            let format = access_log_format
                .map(
                    |stream::stderr_access_log::AccessLogFormat::LogFormat(format)| {
                        log_format(cx, format)
                    },
                )
                .transpose()?;
            (
                AccessLogSink::Stderr,
                format.unwrap_or(AccessLogFormat::Default),
            )
        }
        _ => {
            cx.notes.push(
                &format!("access_log {name}"),
                "only the file, stdout and stderr loggers write",
            );
            return Ok(None);
        }
    };
    let filter = filter
        .map(|filter| self::filter(cx, filter))
        .transpose()?
        .unwrap_or(AccessLogFilter::All);
    Ok(Some(AccessLogConfig {
        sink,
        format,
        filter,
    }))
}

fn sink(path: String) -> AccessLogSink {
    match path.as_str() {
        "/dev/stdout" => AccessLogSink::Stdout,
        "/dev/stderr" => AccessLogSink::Stderr,
        _ => AccessLogSink::File(path.into()),
    }
}

fn file_format(
    cx: &mut Conversion<'_>,
    format: Option<file::file_access_log::AccessLogFormat>,
) -> Read<AccessLogFormat> {
    use file::file_access_log::AccessLogFormat as Wire;
    Ok(match format {
        None => AccessLogFormat::Default,
        Some(Wire::Format(text)) if text.is_empty() => AccessLogFormat::Default,
        Some(Wire::Format(text)) => AccessLogFormat::Text(text),
        Some(Wire::JsonFormat(fields) | Wire::TypedJsonFormat(fields)) => {
            AccessLogFormat::Json(json(&fields))
        }
        Some(Wire::LogFormat(format)) => log_format(cx, format)?,
    })
}

fn log_format(
    cx: &mut Conversion<'_>,
    format: core::SubstitutionFormatString,
) -> Read<AccessLogFormat> {
    let core::SubstitutionFormatString {
        omit_empty_values,
        content_type: _, // of replies that have this form; a log has none
        formatters,
        json_format_options: _, // keys are always sorted, as its one option asks
        format,
    } = format;
    named!(cx.notes, "access_log.log_format.", {
        omit_empty_values => "empty values are written as -",
        formatters => "only the built-in operators are known",
    });
    Ok(match required("log_format", format)? {
        Format::TextFormat(text) => AccessLogFormat::Text(text),
        Format::JsonFormat(fields) => AccessLogFormat::Json(json(&fields)),
        Format::TextFormatSource(source) => {
            let bytes = data_once(cx, "log_format.text_format_source", source)?;
            AccessLogFormat::Text(
                String::from_utf8(bytes).map_err(bad("log_format.text_format_source"))?,
            )
        }
    })
}

/// Fields in the order of their names, as Envoy sorts them.
fn json(fields: &gp::Struct) -> Vec<(String, JsonField)> {
    let mut all: Vec<_> = fields
        .fields
        .iter()
        .map(|(name, value)| (name.clone(), json_field(value)))
        .collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

fn json_field(value: &gp::Value) -> JsonField {
    match &value.kind {
        Some(gp::value::Kind::StringValue(text)) => JsonField::Text(text.clone()),
        Some(gp::value::Kind::StructValue(fields)) => JsonField::Object(json(fields)),
        None
        | Some(
            gp::value::Kind::NullValue(_)
            | gp::value::Kind::NumberValue(_)
            | gp::value::Kind::BoolValue(_)
            | gp::value::Kind::ListValue(_),
        ) => JsonField::Literal(xds_proto::protobuf_struct::value_to_json(value).to_string()),
    }
}

fn filter(cx: &mut Conversion<'_>, filter: pb::AccessLogFilter) -> Read<AccessLogFilter> {
    let mut unknown = |kind: &str| {
        cx.notes.push(
            &format!("access_log.filter.{kind}"),
            "all requests are written",
        );
        Ok(AccessLogFilter::All)
    };
    match required("filter", filter.filter_specifier)? {
        FilterSpecifier::StatusCodeFilter(pb::StatusCodeFilter { comparison }) => {
            let (op, value) = comparison_of(comparison)?;
            Ok(AccessLogFilter::Status(op, value))
        }
        FilterSpecifier::DurationFilter(pb::DurationFilter { comparison }) => {
            let (op, value) = comparison_of(comparison)?;
            Ok(AccessLogFilter::DurationMs(op, value))
        }
        FilterSpecifier::NotHealthCheckFilter(_) => Ok(AccessLogFilter::NotHealthCheck),
        FilterSpecifier::ResponseFlagFilter(pb::ResponseFlagFilter { flags }) => {
            Ok(AccessLogFilter::ResponseFlags(flags))
        }
        FilterSpecifier::AndFilter(list) => Ok(AccessLogFilter::And(
            list.filters
                .into_iter()
                .map(|one| self::filter(cx, one))
                .collect::<Read<_>>()?,
        )),
        FilterSpecifier::OrFilter(list) => Ok(AccessLogFilter::Or(
            list.filters
                .into_iter()
                .map(|one| self::filter(cx, one))
                .collect::<Read<_>>()?,
        )),
        FilterSpecifier::TraceableFilter(_) => unknown("traceable_filter"),
        FilterSpecifier::RuntimeFilter(_) => unknown("runtime_filter"),
        FilterSpecifier::HeaderFilter(_) => unknown("header_filter"),
        FilterSpecifier::GrpcStatusFilter(_) => unknown("grpc_status_filter"),
        FilterSpecifier::ExtensionFilter(_) => unknown("extension_filter"),
        FilterSpecifier::MetadataFilter(_) => unknown("metadata_filter"),
        FilterSpecifier::LogTypeFilter(_) => unknown("log_type_filter"),
    }
}

fn comparison_of(comparison: Option<pb::ComparisonFilter>) -> Read<(Comparison, u32)> {
    let pb::ComparisonFilter { op, value } = required("comparison", comparison)?;
    let core::RuntimeUInt32 {
        default_value,
        runtime_key: _, // see `wire::runtime_fraction`
    } = required("comparison.value", value)?;
    let op = match known("comparison.op", op)? {
        Op::Eq => Comparison::Equal,
        Op::Ge => Comparison::AtLeast,
        Op::Le => Comparison::AtMost,
        Op::Ne => Comparison::Different,
    };
    Ok((op, default_value))
}
