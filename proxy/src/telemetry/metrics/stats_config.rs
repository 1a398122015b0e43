//! Which series there are, and labels that all of them have. Source: Envoy `config.metrics.v3.StatsConfig`.
//!
//! Asked when a handle is resolved, never when something is counted: a series that is not wanted is a handle into which
//! counting goes unseen.

mod proto;

use std::borrow::Cow;

use super::Series;
use crate::matcher::StringMatch;

/// What is counted, and under which labels besides those that each series has.
#[derive(Debug, Clone, Default)]
pub struct StatsConfig {
    /// Which series there are.
    pub matcher: StatsMatcher,
    /// Names, as Prometheus takes them, and values. They are written with each series, not kept with it.
    ///
    /// Invariant: no name is there twice, and none is a label of the proxy's own series.
    pub labels: Vec<(String, String)>,
}

/// Which series there are, by Envoy's dotted names.
#[derive(Debug, Clone, Default)]
pub enum StatsMatcher {
    /// All.
    #[default]
    All,
    /// None.
    Nothing,
    /// All but those that one of these matches.
    Without(Vec<StringMatch>),
    /// Only those that one of these matches.
    Only(Vec<StringMatch>),
}

/// What Envoy's Istio filter puts before the names of Istio's standard metrics.
const ISTIO_SCOPE: &str = "istiocustom.";

impl StatsMatcher {
    /// Whether a series exists.
    pub(super) fn wants(&self, series: &Series) -> bool {
        match self {
            Self::All => true,
            Self::Nothing => false,
            Self::Without(list) => !any(list, series),
            Self::Only(list) => any(list, series),
        }
    }
}

fn any(list: &[StringMatch], series: &Series) -> bool {
    let name = match series.family.starts_with("istio_") {
        true => Cow::Owned(format!("{ISTIO_SCOPE}{}", series.text)),
        false => Cow::Borrowed(&series.text),
    };
    list.iter().any(|matcher| matcher.matches(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::super::Registry;
    use super::*;
    use crate::matcher::{Case, Text};

    fn prefixes(texts: &[&str]) -> Vec<StringMatch> {
        let prefix = |text: &&str| StringMatch::Prefix(Text::new(text, Case::Sensitive));
        texts.iter().map(prefix).collect()
    }

    fn names(matcher: StatsMatcher) -> Vec<String> {
        let registry = Registry::configured(StatsConfig {
            matcher,
            labels: Vec::new(),
        });
        let counters = [
            Series::cluster("web", "upstream_rq_total"),
            Series::http("in", "downstream_rq_total"),
            Series::new("istio_requests_total").label("reporter", "source"),
        ]
        .map(|series| registry.counter(series));
        for counter in counters {
            counter.increment(registry.shared());
        }
        let all = registry.snapshot().into_iter();
        all.map(|(series, value)| {
            assert_eq!(value, super::super::Value::Counter(1));
            series.text.clone()
        })
        .collect()
    }

    #[test]
    fn only_wanted_series_exist() {
        let (cluster, http) = (
            "cluster.web.upstream_rq_total",
            "http.in.downstream_rq_total",
        );
        let istio = "istio_requests_total.reporter.source";
        assert_eq!(names(StatsMatcher::All), [cluster, http, istio]);
        assert!(names(StatsMatcher::Nothing).is_empty());
        let both = prefixes(&["cluster.", "istiocustom"]);
        assert_eq!(names(StatsMatcher::Only(both.clone())), [cluster, istio]);
        assert_eq!(names(StatsMatcher::Without(both)), [http]);
    }

    #[test]
    fn labels_of_the_configuration_are_on_every_series() {
        let registry = Registry::configured(StatsConfig {
            labels: vec![("zone".to_owned(), "a".to_owned())],
            ..StatsConfig::default()
        });
        let counter = registry.counter(Series::http("in", "downstream_rq_total"));
        counter.increment(registry.shared());
        assert_eq!(
            counter,
            registry.counter(Series::http("in", "downstream_rq_total"))
        );
        let text = registry.render_prometheus();
        assert!(
            text.contains("{envoy_http_conn_manager_prefix=\"in\",zone=\"a\"} 1"),
            "{text}"
        );
    }
}
