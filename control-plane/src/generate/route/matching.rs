//! Conditions on requests.

use crate::generate::wire;
use crate::model::Name;
use crate::model::http_match::{HttpMatch, StringMatch, ValueMatch};
use xds_proto::pb::envoy::config::route::v3::header_matcher::HeaderMatchSpecifier;
use xds_proto::pb::envoy::config::route::v3::query_parameter_matcher::QueryParameterMatchSpecifier;
use xds_proto::pb::envoy::config::route::v3::route_match::PathSpecifier;
use xds_proto::pb::envoy::config::route::v3::{HeaderMatcher, QueryParameterMatcher, RouteMatch};

/// Every request.
pub(super) fn everything() -> RouteMatch {
    RouteMatch {
        path_specifier: Some(PathSpecifier::Prefix("/".to_owned())),
        ..RouteMatch::default()
    }
}

/// The requests that meet a rule's conditions (those on the client are the caller's).
pub(super) fn lower(condition: &HttpMatch) -> RouteMatch {
    let path_specifier = match &condition.uri {
        None => PathSpecifier::Prefix("/".to_owned()),
        Some(StringMatch::Exact(path)) => PathSpecifier::Path(path.to_string()),
        Some(StringMatch::Prefix(path)) => PathSpecifier::Prefix(path.to_string()),
        Some(StringMatch::Regex(pattern)) => PathSpecifier::SafeRegex(wire::regex(pattern)),
    };
    let pseudo = [
        (":method", &condition.method),
        (":authority", &condition.authority),
        (":scheme", &condition.scheme),
    ];
    let pseudo = pseudo
        .into_iter()
        .filter_map(|(name, value)| Some(header(name, value.as_ref()?)));
    let present = condition.headers.iter().map(|(name, value)| match value {
        ValueMatch::Present => named(name, HeaderMatchSpecifier::PresentMatch(true)),
        ValueMatch::Value(value) => header(name, value),
    });
    let absent = condition
        .without_headers
        .iter()
        .map(|(name, value)| without(name, value));
    RouteMatch {
        path_specifier: Some(path_specifier),
        case_sensitive: condition.ignore_uri_case.then(|| wire::truth(false)),
        headers: pseudo.chain(present).chain(absent).collect(),
        query_parameters: condition
            .query_params
            .iter()
            .map(|(name, value)| query(name, value))
            .collect(),
        ..RouteMatch::default()
    }
}

/// Whether the condition is none: later rules are never reached.
pub(super) fn is_everything(condition: &HttpMatch) -> bool {
    let any_path = match &condition.uri {
        None => true,
        Some(StringMatch::Prefix(path)) => &**path == "/",
        Some(StringMatch::Regex(pattern)) => &**pattern == ".*" || &**pattern == "*",
        Some(StringMatch::Exact(_)) => false,
    };
    any_path
        && condition.scheme.is_none()
        && condition.method.is_none()
        && condition.authority.is_none()
        && condition.headers.is_empty()
        && condition.without_headers.is_empty()
        && condition.query_params.is_empty()
}

fn header(name: &str, value: &StringMatch) -> HeaderMatcher {
    named(
        name,
        HeaderMatchSpecifier::StringMatch(wire::string_match(value)),
    )
}

fn without(name: &Name, value: &ValueMatch) -> HeaderMatcher {
    match value {
        ValueMatch::Present => named(name, HeaderMatchSpecifier::PresentMatch(false)),
        // A header that is not there does not have the value either.
        ValueMatch::Value(value) => HeaderMatcher {
            invert_match: true,
            treat_missing_header_as_empty: true,
            ..header(name, value)
        },
    }
}

fn named(name: &str, specifier: HeaderMatchSpecifier) -> HeaderMatcher {
    HeaderMatcher {
        name: name.to_owned(),
        header_match_specifier: Some(specifier),
        ..HeaderMatcher::default()
    }
}

fn query(name: &Name, value: &ValueMatch) -> QueryParameterMatcher {
    let specifier = match value {
        ValueMatch::Present => QueryParameterMatchSpecifier::PresentMatch(true),
        ValueMatch::Value(value) => {
            QueryParameterMatchSpecifier::StringMatch(wire::string_match(value))
        }
    };
    QueryParameterMatcher {
        name: name.to_string(),
        query_parameter_match_specifier: Some(specifier),
    }
}
