//! `/stats`: everything that is counted.

use http::StatusCode;
use serde_json::json;

use super::query::Query;
use super::{AdminState, Reply};
use crate::cluster::Clusters;
use crate::cluster::circuit_breaker::Resource;
use crate::http::route::action::Priority;
use crate::telemetry::metrics::{Registry, Series};

pub(super) fn respond(query: &Query, state: &AdminState) -> Reply {
    match query.get("format") {
        None | Some("text" | "") => {
            let text = text(&state.metrics, &state.clusters);
            filtered(query, &text).map_or_else(|reply| reply, Reply::text)
        }
        Some("prometheus") => prometheus(query, state),
        Some("json") => filtered(query, &text(&state.metrics, &state.clusters))
            .map_or_else(|reply| reply, |text| Reply::json(as_json(&text))),
        Some(other) => Reply::error(
            StatusCode::BAD_REQUEST,
            format!("format {other:?} is not text, json or prometheus\n"),
        ),
    }
}

pub(super) fn prometheus(query: &Query, state: &AdminState) -> Reply {
    let text = prometheus_text(&state.metrics, &state.clusters);
    filtered(query, &text).map_or_else(|reply| reply, Reply::text)
}

/// All series, families together.
fn prometheus_text(metrics: &Registry, clusters: &Clusters) -> String {
    metrics.render_prometheus() + &remaining(metrics, clusters).render_prometheus()
}

/// All series, sorted by name.
fn text(metrics: &Registry, clusters: &Clusters) -> String {
    let text = metrics.render_text() + &remaining(metrics, clusters).render_text();
    let mut lines: Vec<_> = text.split_inclusive('\n').collect();
    lines.sort_unstable();
    lines.concat()
}

/// What is left below the limits of clusters that ask for it (`track_remaining`), as far as `metrics` wants to know. Istio
/// asks for every cluster, so these gauges are made when somebody reads them and take no memory between.
fn remaining(metrics: &Registry, clusters: &Clusters) -> Registry {
    const PRIORITIES: [(Priority, &str); 2] =
        [(Priority::Default, "default"), (Priority::High, "high")];
    const RESOURCES: [(Resource, &str); 4] = [
        (Resource::Connection, "remaining_cx"),
        (Resource::Pending, "remaining_pending"),
        (Resource::Request, "remaining_rq"),
        (Resource::Retry, "remaining_retries"),
    ];
    let registry = metrics.alike();
    for cluster in clusters.snapshot().values() {
        for (priority, scope) in PRIORITIES {
            for (resource, stat) in RESOURCES {
                if let Some(left) = cluster.breakers.remaining(priority, resource) {
                    let stat = format!("circuit_breakers.{scope}.{stat}");
                    let gauge = registry.gauge(Series::cluster(&cluster.config.stat_name, &stat));
                    gauge.set(registry.shared(), i64::from(left));
                }
            }
        }
    }
    registry
}

/// Keeps the lines that `filter` (a regular expression) finds something in and, with `usedonly`, that are not zero.
fn filtered(query: &Query, text: &str) -> Result<String, Reply> {
    let filter = match query.get("filter").map(regex::Regex::new).transpose() {
        Ok(filter) => filter,
        Err(error) => {
            return Err(Reply::error(
                StatusCode::BAD_REQUEST,
                format!("filter: {error}\n"),
            ));
        }
    };
    let used_only = query.has("usedonly");
    let keep = |line: &&str| {
        filter.as_ref().is_none_or(|filter| filter.is_match(line))
            && !(used_only && line.ends_with(" 0"))
    };
    Ok(text
        .lines()
        .filter(keep)
        .map(|line| format!("{line}\n"))
        .collect())
}

fn as_json(text: &str) -> String {
    let stats: Vec<_> = text
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| match value.parse::<i64>() {
            Ok(value) => json!({"name": name, "value": value}),
            Err(_) => json!({"name": name, "value": value}),
        })
        .collect();
    json!({ "stats": stats }).to_string() + "\n"
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use xds_proto::pb::envoy::config::cluster::v3 as pb;
    use xds_proto::pb::envoy::config::cluster::v3::circuit_breakers::Thresholds;
    use xds_proto::pb::google::protobuf::UInt32Value;

    use super::*;
    use crate::cluster::Cluster;
    use crate::cluster::config::ClusterConfig;
    use crate::config::not_honoured::NotHonouredFields;
    use crate::config::wire::Conversion;
    use crate::http::route::Routes;
    use crate::matcher::{Case, StringMatch, Text};
    use crate::secret::Secrets;
    use crate::telemetry::metrics::{StatsConfig, StatsMatcher};

    #[test]
    fn filters_and_drops_what_is_zero() {
        let text =
            "cluster.a.upstream_rq_total: 3\ncluster.b.upstream_rq_total: 0\nserver.live: 1\n";
        let query = Query::parse("filter=upstream_rq&usedonly");
        assert_eq!(
            filtered(&query, text).unwrap(),
            "cluster.a.upstream_rq_total: 3\n"
        );
        assert_eq!(
            as_json("a: 1\n"),
            "{\"stats\":[{\"name\":\"a\",\"value\":1}]}\n"
        );
        assert!(filtered(&Query::parse("filter=("), text).is_err());
    }

    /// A cluster that may have 7 connections, has one, and shows what is left.
    fn tracked() -> Clusters {
        let thresholds = Thresholds {
            max_connections: Some(UInt32Value { value: 7 }),
            track_remaining: true,
            ..Thresholds::default()
        };
        let message = pb::Cluster {
            name: "web".into(),
            circuit_breakers: Some(pb::CircuitBreakers {
                thresholds: vec![thresholds],
                ..pb::CircuitBreakers::default()
            }),
            ..pb::Cluster::default()
        };
        let (secrets, routes) = (Secrets::new(), Routes::new());
        let cx = Conversion {
            secrets: &secrets,
            routes: &routes,
            notes: NotHonouredFields::of("cluster", "web"),
        };
        let (config, _) = ClusterConfig::from_proto(message, bytes::Bytes::new(), cx).unwrap();
        assert_eq!(config.not_honoured, []);
        let clusters = Clusters::new();
        let cluster = Arc::new(Cluster::new(config));
        clusters.apply([("web".into(), Some(cluster))]);
        clusters
    }

    #[test]
    fn what_is_left_of_a_limit_is_shown_where_the_cluster_asks_for_it() {
        let clusters = tracked();
        let cluster = clusters.get("web").unwrap();
        let _held = cluster.breakers.acquire_connection(Priority::Default);
        let text = text(&Registry::new(), &clusters);
        let line = "cluster.web.circuit_breakers.default.remaining_cx: 6\n";
        assert!(text.contains(line), "{text}");
        assert!(!text.contains("circuit_breakers.high"), "{text}");
    }

    #[test]
    fn what_is_left_is_labelled_and_left_out_like_all_that_is_counted() {
        let clusters = tracked();
        let pages = |config| {
            let metrics = Registry::configured(config);
            let kept = metrics.counter(Series::http("in", "downstream_rq_total"));
            kept.increment(metrics.shared());
            let page = prometheus_text(&metrics, &clusters);
            (page, text(&metrics, &clusters))
        };
        let (page, _) = pages(StatsConfig {
            labels: vec![("zone".to_owned(), "a".to_owned())],
            ..StatsConfig::default()
        });
        let line = "default_remaining_cx{envoy_cluster_name=\"web\",zone=\"a\"} 7\n";
        assert!(page.contains(line), "{page}");
        let prefix = StringMatch::Prefix(Text::new("cluster.", Case::Sensitive));
        let (page, text) = pages(StatsConfig {
            matcher: StatsMatcher::Without(vec![prefix]),
            ..StatsConfig::default()
        });
        assert_eq!(text, "http.in.downstream_rq_total: 1\n");
        assert!(!page.contains("remaining"), "{page}");
        let nothing = pages(StatsConfig {
            matcher: StatsMatcher::Nothing,
            ..StatsConfig::default()
        });
        assert_eq!(nothing, (String::new(), String::new()));
    }
}
