//! Small constructors of Envoy messages that every generator needs.

use crate::model::Object;
use crate::model::http_match::StringMatch as ModelMatch;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;
use xds_proto::pb::envoy::config::core::v3::{
    Address, AggregatedConfigSource, ApiVersion, ConfigSource, Metadata, SocketAddress,
    address::Address as AddressKind, config_source::ConfigSourceSpecifier,
    socket_address::PortSpecifier,
};
use xds_proto::pb::envoy::r#type::matcher::v3::{
    RegexMatcher, StringMatcher, string_matcher::MatchPattern,
};
use xds_proto::pb::google::protobuf::{self, Struct, Value, value::Kind};
pub(crate) use xds_proto::resource::pack_any as any;
use xds_proto::well_known::METADATA_KEY;

/// Metadata key under which our own facts travel: the object and the rule that a resource exists because of.
pub(crate) const OWN_METADATA_KEY: &str = "tulle";

/// A duration; what exceeds the range of the wire is cut.
pub(crate) fn duration(duration: Duration) -> protobuf::Duration {
    protobuf::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).expect("always below a billion"),
    }
}

/// A wrapped number.
pub(crate) fn number(value: u32) -> protobuf::UInt32Value {
    protobuf::UInt32Value { value }
}

/// A wrapped truth value.
pub(crate) fn truth(value: bool) -> protobuf::BoolValue {
    protobuf::BoolValue { value }
}

/// A TCP address.
pub(crate) fn address(ip: IpAddr, port: u16) -> Address {
    named_address(&ip.to_string(), port)
}

/// A TCP address by name or number.
pub(crate) fn named_address(host: &str, port: u16) -> Address {
    Address {
        address: Some(AddressKind::SocketAddress(socket(host, port))),
    }
}

/// A TCP socket address by name or number.
pub(crate) fn socket(host: &str, port: u16) -> SocketAddress {
    SocketAddress {
        address: host.to_owned(),
        port_specifier: Some(PortSpecifier::PortValue(port.into())),
        ..SocketAddress::default()
    }
}

/// The unspecified address of a family.
pub(crate) fn unspecified(v6: bool) -> IpAddr {
    if v6 {
        Ipv6Addr::UNSPECIFIED.into()
    } else {
        Ipv4Addr::UNSPECIFIED.into()
    }
}

/// "Ask on the stream that delivered this."
pub(crate) fn ads() -> ConfigSource {
    ConfigSource {
        config_source_specifier: Some(
            ConfigSourceSpecifier::Ads(AggregatedConfigSource::default()),
        ),
        initial_fetch_timeout: Some(protobuf::Duration::default()),
        resource_api_version: ApiVersion::V3.into(),
        ..ConfigSource::default()
    }
}

/// A text value.
pub(crate) fn text(value: impl Into<String>) -> Value {
    Value {
        kind: Some(Kind::StringValue(value.into())),
    }
}

/// A struct of text values.
pub(crate) fn texts<const N: usize>(fields: [(&str, String); N]) -> Struct {
    Struct {
        fields: fields
            .into_iter()
            .map(|(key, value)| (key.to_owned(), text(value)))
            .collect(),
    }
}

/// Metadata that names the object and, for routes, the rule behind a resource.
///
/// `istio.config` is the form that Istio's tools read; our own key holds what `explain` prints.
pub(crate) fn because(origin: &Object, rule: Option<Rule<'_>>) -> Metadata {
    let mut own = texts([("object", origin.to_string())]);
    if let Some(rule) = rule {
        own.fields.insert(
            "rule".to_owned(),
            text(format!("{}[{}]", rule.list, rule.index)),
        );
        if !rule.name.is_empty() {
            own.fields.insert("name".to_owned(), text(rule.name));
        }
    }
    let istio = texts([("config", origin.config_path())]);
    let filter_metadata = [
        (METADATA_KEY.to_owned(), istio),
        (OWN_METADATA_KEY.to_owned(), own),
    ]
    .into();
    Metadata {
        filter_metadata,
        ..Metadata::default()
    }
}

/// A rule inside an object.
#[derive(Clone, Copy)]
pub(crate) struct Rule<'a> {
    /// The field that lists it: `http`, `tls` or `tcp`.
    pub(crate) list: &'static str,
    /// Its place in the list, from 0.
    pub(crate) index: usize,
    /// Its name, may be empty.
    pub(crate) name: &'a str,
}

/// A string matcher that must equal.
pub(crate) fn exact(value: impl Into<String>) -> StringMatcher {
    matcher(MatchPattern::Exact(value.into()))
}

/// A string matcher that must start so.
pub(crate) fn prefix(value: impl Into<String>) -> StringMatcher {
    matcher(MatchPattern::Prefix(value.into()))
}

fn matcher(pattern: MatchPattern) -> StringMatcher {
    StringMatcher {
        match_pattern: Some(pattern),
        ignore_case: false,
    }
}

/// The matcher of a rule's condition.
pub(crate) fn string_match(condition: &ModelMatch) -> StringMatcher {
    match condition {
        ModelMatch::Exact(value) => exact(&**value),
        ModelMatch::Prefix(value) => prefix(&**value),
        ModelMatch::Regex(pattern) => matcher(MatchPattern::SafeRegex(regex(pattern))),
    }
}

/// A regular expression.
pub(crate) fn regex(pattern: &str) -> RegexMatcher {
    RegexMatcher {
        regex: pattern.to_owned(),
        ..RegexMatcher::default()
    }
}
