//! From Envoy's messages.

use xds_proto::pb::envoy::config::metrics::v3 as pb;
use xds_proto::pb::envoy::config::metrics::v3::stats_matcher::StatsMatcher as Wanted;
use xds_proto::pb::envoy::config::metrics::v3::tag_specifier::TagValue;
use xds_proto::pb::envoy::r#type::matcher::v3::ListStringMatcher;

use super::super::series::prometheus_name;
use super::{StatsConfig, StatsMatcher};
use crate::config::not_honoured::NotHonouredFields;
use crate::config::wire::{Read, at, each, flag, nonempty, refuse_if, required};
use crate::matcher::StringMatch;
use crate::matcher::proto::string;

impl StatsConfig {
    pub(crate) fn from_proto(
        message: pb::StatsConfig,
        path: &str,
        notes: &mut NotHonouredFields,
    ) -> Read<Self> {
        let pb::StatsConfig {
            stats_tags,
            use_all_default_tags,
            stats_matcher,
            histogram_bucket_settings,
            allow_default_tag_overrides,
        } = message;
        if flag(use_all_default_tags) == Some(false) {
            let instead = "series keep the labels that Envoy makes by default";
            notes.push(&format!("{path}.use_all_default_tags"), instead);
        }
        notes.note(
            &format!("{path}.histogram_bucket_settings"),
            &histogram_bucket_settings,
            "histograms keep Istio's buckets",
        );
        notes.note(
            &format!("{path}.allow_default_tag_overrides"),
            &allow_default_tag_overrides,
            "built-in labels are not replaced",
        );
        let mut labels = Vec::new();
        for (index, specifier) in stats_tags.into_iter().enumerate() {
            let path = format!("{path}.stats_tags[{index}]");
            labels.extend(label(specifier, &path, notes).map_err(at(&path))?);
        }
        let matcher = match stats_matcher {
            Some(matcher) => matcher_of(matcher).map_err(at(&format!("{path}.stats_matcher")))?,
            None => StatsMatcher::All,
        };
        Ok(Self { matcher, labels })
    }
}

/// A label with a fixed value. Parts of names that a pattern would make labels of are labels here from the start.
fn label(
    specifier: pb::TagSpecifier,
    path: &str,
    notes: &mut NotHonouredFields,
) -> Read<Option<(String, String)>> {
    let pb::TagSpecifier {
        tag_name,
        tag_value,
    } = specifier;
    let name = nonempty("tag_name", tag_name)?;
    match tag_value {
        Some(TagValue::FixedValue(value)) => Ok(Some((prometheus_name(&name), value))),
        Some(TagValue::Regex(_)) => {
            let instead = "series have their labels from the start, not taken out of their names";
            notes.push(&format!("{path}.regex"), instead);
            Ok(None)
        }
        None => {
            let instead = "series have the labels that Envoy makes by default";
            notes.push(&format!("{path}.tag_name"), instead);
            Ok(None)
        }
    }
}

fn matcher_of(message: pb::StatsMatcher) -> Read<StatsMatcher> {
    let pb::StatsMatcher { stats_matcher } = message;
    Ok(match required("stats_matcher", stats_matcher)? {
        Wanted::RejectAll(true) => StatsMatcher::Nothing,
        Wanted::RejectAll(false) => StatsMatcher::All,
        Wanted::ExclusionList(list) => {
            StatsMatcher::Without(patterns(list).map_err(at("exclusion_list"))?)
        }
        Wanted::InclusionList(list) => {
            StatsMatcher::Only(patterns(list).map_err(at("inclusion_list"))?)
        }
    })
}

fn patterns(list: ListStringMatcher) -> Read<Vec<StringMatch>> {
    let ListStringMatcher { patterns } = list;
    refuse_if(patterns.is_empty(), "patterns", "must not be empty")?;
    each("patterns", patterns, string)
}
