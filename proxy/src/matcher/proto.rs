//! Matchers from Envoy's messages.
#![allow(deprecated, reason = "every field is looked at, deprecated ones too")]

use std::sync::Arc;

use xds_proto::pb::envoy::config::route::v3 as route;
use xds_proto::pb::envoy::config::route::v3::header_matcher::HeaderMatchSpecifier;
use xds_proto::pb::envoy::config::route::v3::query_parameter_matcher::QueryParameterMatchSpecifier;
use xds_proto::pb::envoy::r#type::matcher::v3 as pb;
use xds_proto::pb::envoy::r#type::matcher::v3::string_matcher::MatchPattern;

use super::{
    Case, FullRegex, HeaderMatch, HeaderMatcher, HeaderName, QueryMatch, QueryMatcher, StringMatch,
    Text,
};
use crate::config::invalid::InvalidField;
use crate::config::wire::{Read, at, bad, nonempty, refuse_if, required};
use crate::http::head::HeaderKey;

pub(crate) fn case(sensitive: bool) -> Case {
    if sensitive {
        Case::Sensitive
    } else {
        Case::Ignored
    }
}

pub(crate) fn string(value: pb::StringMatcher) -> Read<StringMatch> {
    let pb::StringMatcher {
        ignore_case,
        match_pattern,
    } = value;
    let text = |text: String| Text::new(&text, case(!ignore_case));
    let needed = |path: &str, value: String| nonempty(path, value).map(text);
    Ok(match required("match_pattern", match_pattern)? {
        MatchPattern::Exact(value) => StringMatch::Exact(text(value)),
        MatchPattern::Prefix(value) => StringMatch::Prefix(needed("prefix", value)?),
        MatchPattern::Suffix(value) => StringMatch::Suffix(needed("suffix", value)?),
        MatchPattern::Contains(value) => StringMatch::Contains(needed("contains", value)?),
        MatchPattern::SafeRegex(value) => {
            StringMatch::Regex(regex(value).map_err(at("safe_regex"))?)
        }
        MatchPattern::Custom(_) => {
            return Err(InvalidField::new(
                "custom",
                "custom matchers are not supported",
            ));
        }
    })
}

pub(crate) fn regex(value: pb::RegexMatcher) -> Read<FullRegex> {
    let pb::RegexMatcher {
        regex,
        engine_type: _, // the one engine is linear in its input, as RE2 is
    } = value;
    FullRegex::new(&nonempty("regex", regex)?).map_err(bad("regex"))
}

/// A substitution: the pattern, which matches parts of a value, and what replaces them.
pub(crate) fn substitution(value: pb::RegexMatchAndSubstitute) -> Read<(regex::Regex, Arc<str>)> {
    let pb::RegexMatchAndSubstitute {
        pattern,
        substitution,
    } = value;
    let pb::RegexMatcher {
        regex,
        engine_type: _, // as above
    } = required("pattern", pattern)?;
    let regex =
        regex::Regex::new(&nonempty("pattern.regex", regex)?).map_err(bad("pattern.regex"))?;
    Ok((
        regex,
        crate::http::route::rewrite::substitution(&substitution).into(),
    ))
}

pub(crate) fn header_name(path: &str, name: &str) -> Read<HeaderName> {
    Ok(match name {
        ":method" => HeaderName::Method,
        ":path" => HeaderName::Path,
        ":authority" | "host" | "Host" => HeaderName::Authority,
        ":scheme" => HeaderName::Scheme,
        field => HeaderName::Field(key(path, field)?),
    })
}

pub(crate) fn key(path: &str, name: &str) -> Read<HeaderKey> {
    HeaderKey::parse(name).map_err(bad(path))
}

pub(crate) fn header(value: route::HeaderMatcher) -> Read<HeaderMatcher> {
    let route::HeaderMatcher {
        name,
        invert_match,
        treat_missing_header_as_empty,
        header_match_specifier,
    } = value;
    let literal = |value: &str| Text::new(value, Case::Sensitive);
    let matching = match header_match_specifier {
        None | Some(HeaderMatchSpecifier::PresentMatch(true)) => HeaderMatch::Present,
        Some(HeaderMatchSpecifier::PresentMatch(false)) => HeaderMatch::Absent,
        Some(HeaderMatchSpecifier::RangeMatch(range)) => HeaderMatch::Range(range.start..range.end),
        Some(HeaderMatchSpecifier::ExactMatch(value)) => {
            HeaderMatch::Text(StringMatch::Exact(literal(&value)))
        }
        Some(HeaderMatchSpecifier::PrefixMatch(value)) => {
            HeaderMatch::Text(StringMatch::Prefix(literal(&value)))
        }
        Some(HeaderMatchSpecifier::SuffixMatch(value)) => {
            HeaderMatch::Text(StringMatch::Suffix(literal(&value)))
        }
        Some(HeaderMatchSpecifier::ContainsMatch(value)) => {
            HeaderMatch::Text(StringMatch::Contains(literal(&value)))
        }
        Some(HeaderMatchSpecifier::SafeRegexMatch(value)) => HeaderMatch::Text(StringMatch::Regex(
            regex(value).map_err(at("safe_regex_match"))?,
        )),
        Some(HeaderMatchSpecifier::StringMatch(value)) => {
            HeaderMatch::Text(string(value).map_err(at("string_match"))?)
        }
    };
    let name = header_name("name", &nonempty("name", name)?)?;
    Ok(HeaderMatcher {
        name,
        matching,
        invert: invert_match,
        missing_is_empty: treat_missing_header_as_empty,
    })
}

pub(crate) fn query(value: route::QueryParameterMatcher) -> Read<QueryMatcher> {
    let route::QueryParameterMatcher {
        name,
        query_parameter_match_specifier,
    } = value;
    refuse_if(name.is_empty(), "name", "must not be empty")?;
    let matching = match query_parameter_match_specifier {
        None => QueryMatch::Present(true),
        Some(QueryParameterMatchSpecifier::PresentMatch(present)) => QueryMatch::Present(present),
        Some(QueryParameterMatchSpecifier::StringMatch(text)) => {
            QueryMatch::Text(string(text).map_err(at("string_match"))?)
        }
    };
    Ok(QueryMatcher {
        name: name.into(),
        matching,
    })
}
