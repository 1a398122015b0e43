//! What routes ask of requests.

use xds_proto::pb::envoy::config::route::v3 as pb;
use xds_proto::pb::envoy::config::route::v3::route_match::{PathSpecifier, TlsContextMatchOptions};

use crate::config::invalid::InvalidField;
use crate::config::wire::{
    Conversion, Read, at, each, flag, refuse_if, refused, required, runtime_fraction,
};
use crate::http::route::matching::TlsMatch;
use crate::http::route::{PathMatch, RouteMatch};
use crate::matcher::{Text, proto as matcher};

pub(super) fn read(cx: &mut Conversion<'_>, wanted: pb::RouteMatch) -> Read<RouteMatch> {
    let pb::RouteMatch {
        case_sensitive,
        runtime_fraction: fraction,
        headers,
        query_parameters,
        cookies,
        grpc,
        tls_context,
        dynamic_metadata,
        filter_state,
        path_specifier,
    } = wanted;
    refused!({
        cookies => "is not supported; match the cookie header",
        dynamic_metadata => "is not supported",
        filter_state => "is not supported",
    });
    if let Some(fraction) = &fraction
        && !fraction.runtime_key.is_empty()
    {
        cx.notes.push(
            "routes.match.runtime_fraction.runtime_key",
            "there is no runtime; the default counts",
        );
    }
    let case = matcher::case(flag(case_sensitive).unwrap_or(true));
    let text = |text: String| Text::new(&text, case);
    let path = match required("path_specifier", path_specifier)? {
        PathSpecifier::Prefix(prefix) => PathMatch::Prefix(text(prefix)),
        PathSpecifier::Path(path) => PathMatch::Exact(text(path)),
        PathSpecifier::SafeRegex(regex) => {
            PathMatch::Regex(matcher::regex(regex).map_err(at("safe_regex"))?)
        }
        PathSpecifier::PathSeparatedPrefix(prefix) => {
            let good = prefix.starts_with('/')
                && prefix.len() > 1
                && !prefix.ends_with('/')
                && !prefix.contains(['?', '#']);
            refuse_if(
                !good,
                "path_separated_prefix",
                "must begin with / and end without, and hold no query",
            )?;
            PathMatch::SegmentPrefix(text(prefix))
        }
        PathSpecifier::ConnectMatcher(_) => {
            return Err(InvalidField::new(
                "connect_matcher",
                "CONNECT routes are not supported",
            ));
        }
        PathSpecifier::PathMatchPolicy(_) => {
            return Err(InvalidField::new(
                "path_match_policy",
                "is not supported; use a prefix, path or regex",
            ));
        }
    };
    Ok(RouteMatch {
        path,
        headers: each("headers", headers, matcher::header)?,
        query: each("query_parameters", query_parameters, matcher::query)?,
        grpc_only: grpc.is_some(),
        fraction: fraction
            .map(|fraction| runtime_fraction("runtime_fraction", fraction))
            .transpose()?,
        tls: tls_context.map(
            |TlsContextMatchOptions {
                 presented,
                 validated,
             }| TlsMatch {
                presented: flag(presented),
                validated: flag(validated),
            },
        ),
    })
}
