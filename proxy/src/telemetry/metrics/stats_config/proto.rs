//! From Envoy's messages.

use xds_proto::pb::envoy::config::metrics::v3 as pb;
use xds_proto::pb::envoy::config::metrics::v3::stats_matcher::StatsMatcher as Wanted;
use xds_proto::pb::envoy::config::metrics::v3::tag_specifier::TagValue;
use xds_proto::pb::envoy::r#type::matcher::v3::ListStringMatcher;

use super::super::series::{is_built_in, label_name};
use super::{StatsConfig, StatsMatcher};
use crate::config::invalid::InvalidField;
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
        let mut labels: Vec<(String, String)> = Vec::new();
        for (index, specifier) in stats_tags.into_iter().enumerate() {
            let path = format!("{path}.stats_tags[{index}]");
            let label = label(specifier, &labels, &path, notes).map_err(at(&path))?;
            labels.extend(label);
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
    before: &[(String, String)],
    path: &str,
    notes: &mut NotHonouredFields,
) -> Read<Option<(String, String)>> {
    let pb::TagSpecifier {
        tag_name,
        tag_value,
    } = specifier;
    let name = nonempty("tag_name", tag_name)?;
    match tag_value {
        Some(TagValue::FixedValue(value)) => {
            let label = label_name(&name);
            refuse_second(&name, &label, before)?;
            Ok(Some((label, value)))
        }
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

/// Prometheus refuses everything that a proxy counts where one series has two labels of one name.
fn refuse_second(name: &str, label: &str, before: &[(String, String)]) -> Read<()> {
    let reason = if is_built_in(label) {
        format!(
            "{name:?} would be the label {label}, which the proxy's own series have; choose another name"
        )
    } else if label.starts_with("__") {
        format!(
            "{name:?} would be the label {label}, and Prometheus keeps names with two underscores before them to itself; choose another name"
        )
    } else if before.iter().any(|(known, _)| known == label) {
        format!("{name:?} would be the label {label} a second time; remove one of the two")
    } else {
        return Ok(());
    };
    Err(InvalidField::new("tag_name", reason))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(name: &str) -> pb::TagSpecifier {
        pb::TagSpecifier {
            tag_name: name.to_owned(),
            tag_value: Some(TagValue::FixedValue("x".to_owned())),
        }
    }

    fn read(names: &[&str]) -> Read<StatsConfig> {
        let message = pb::StatsConfig {
            stats_tags: names.iter().map(|name| tag(name)).collect(),
            ..pb::StatsConfig::default()
        };
        let mut notes = NotHonouredFields::of("bootstrap", "");
        StatsConfig::from_proto(message, "stats_config", &mut notes)
    }

    #[test]
    fn names_of_labels_are_made_such_as_prometheus_takes_them() {
        let config = read(&["zone", "a:b.c", "9lives", "é"]).unwrap();
        let names: Vec<_> = config.labels.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["zone", "a_b_c", "_9lives", "_"]);
    }

    #[test]
    fn a_label_that_a_series_would_have_twice_is_refused_by_name() {
        let twice: [(&[&str], &str); 6] = [
            (
                &["zone", "zone"],
                "\"zone\" would be the label zone a second time",
            ),
            (
                &["a.b", "a:b"],
                "\"a:b\" would be the label a_b a second time",
            ),
            (&["le"], "the label le, which the proxy's own series have"),
            (&["reporter"], "choose another name"),
            (&["envoy.cluster_name"], "\"envoy.cluster_name\" would be"),
            (&["__name__"], "Prometheus keeps names"),
        ];
        for (names, reason) in twice {
            let error = read(names).unwrap_err().to_string();
            let path = format!("stats_config.stats_tags[{}].tag_name", names.len() - 1);
            assert!(error.contains(&path) && error.contains(reason), "{error}");
        }
    }
}
