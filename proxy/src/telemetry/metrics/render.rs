//! Metrics as text: Prometheus' exposition format (version 0.0.4) and Envoy's `/stats`.

use std::fmt::Write as _;

use super::registry::{Registry, Value};
use super::{BOUNDS, Series};

impl Registry {
    /// All series for a Prometheus scrape, families together and sorted.
    pub fn render_prometheus(&self) -> String {
        let mut all = self.snapshot();
        all.sort_by(|a, b| (&a.0.family, &a.0.labels).cmp(&(&b.0.family, &b.0.labels)));
        let mut out = String::with_capacity(all.len() * 96);
        let mut family = "";
        for (series, value) in &all {
            if series.family != family {
                family = &series.family;
                let _ = writeln!(out, "# TYPE {family} {}", kind(value));
            }
            let labels = labels(series, self.fixed_labels());
            prometheus_lines(&mut out, (family, &labels), value);
        }
        out
    }

    /// Envoy's text form: `name: value`, histograms as count and sum.
    pub fn render_text(&self) -> String {
        let mut out = String::new();
        for (series, value) in self.snapshot() {
            let _ = match value {
                Value::Counter(number) => writeln!(out, "{}: {number}", series.text),
                Value::Gauge(number) => writeln!(out, "{}: {number}", series.text),
                Value::Histogram { buckets, sum } => {
                    writeln!(
                        out,
                        "{}: count({}) sum({sum})",
                        series.text,
                        buckets.iter().sum::<u64>()
                    )
                }
            };
        }
        out
    }
}

impl Series {
    /// Envoy's dotted name.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The name of the family in Prometheus' form.
    pub fn family(&self) -> &str {
        &self.family
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Counter(_) => "counter",
        Value::Gauge(_) => "gauge",
        Value::Histogram { .. } => "histogram",
    }
}

fn prometheus_lines(out: &mut String, (family, labels): (&str, &str), value: &Value) {
    match value {
        Value::Counter(number) => line(out, family, labels, number),
        Value::Gauge(number) => line(out, family, labels, number),
        Value::Histogram { buckets, sum } => {
            let mut count = 0;
            let separator = if labels.is_empty() { "" } else { "," };
            for (at, bucket) in buckets.iter().enumerate() {
                count += bucket;
                let bound = BOUNDS
                    .get(at)
                    .map_or("+Inf".to_owned(), |bound| bound.to_string());
                let _ = writeln!(
                    out,
                    "{family}_bucket{{{labels}{separator}le=\"{bound}\"}} {count}"
                );
            }
            line(out, &format!("{family}_sum"), labels, sum);
            line(out, &format!("{family}_count"), labels, &count);
        }
    }
}

fn line(out: &mut String, name: &str, labels: &str, value: &impl std::fmt::Display) {
    let _ = match labels {
        "" => writeln!(out, "{name}{{}} {value}"),
        _ => writeln!(out, "{name}{{{labels}}} {value}"),
    };
}

/// The labels of a series and those that all have; where both have a name, the series' own counts.
fn labels(series: &Series, fixed: &[(String, String)]) -> String {
    let own = series.labels.iter().map(|(name, value)| (&**name, value));
    let fixed = fixed.iter().map(|(name, value)| (&**name, value));
    let fixed = fixed.filter(|(name, _)| !series.labels.iter().any(|(own, _)| own == name));
    let mut out = String::new();
    for (name, value) in own.chain(fixed) {
        let separator = if out.is_empty() { "" } else { "," };
        let value = value
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        let _ = write!(out, "{separator}{name}=\"{value}\"");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_buckets_cumulated() {
        let registry = Registry::new();
        let series = Series::new("istio_request_bytes").label("destination_app", "a\"b\\c\n");
        let histogram = registry.histogram(series);
        histogram.record(registry.shared(), 1.0);
        histogram.record(registry.shared(), 4_000_000.0);
        let text = registry.render_prometheus();
        assert!(
            text.starts_with("# TYPE istio_request_bytes histogram\n"),
            "{text}"
        );
        assert!(
            text.contains(
                "istio_request_bytes_bucket{destination_app=\"a\\\"b\\\\c\\n\",le=\"1\"} 1\n"
            ),
            "{text}"
        );
        assert!(text.contains("le=\"+Inf\"} 2\n"), "{text}");
        assert!(
            text.contains("istio_request_bytes_sum{destination_app=\"a\\\"b\\\\c\\n\"} 4000001\n"),
            "{text}"
        );
    }

    #[test]
    fn an_envoy_series_has_a_label_for_the_name_and_a_dotted_form() {
        let registry = Registry::new();
        let counter = registry.counter(Series::cluster("outbound|80||a.b", "upstream_rq_total"));
        counter.add(registry.shared(), 7);
        let line = "envoy_cluster_upstream_rq_total{envoy_cluster_name=\"outbound|80||a.b\"} 7\n";
        assert!(registry.render_prometheus().contains(line));
        assert_eq!(
            registry.render_text(),
            "cluster.outbound|80||a.b.upstream_rq_total: 7\n"
        );
    }
}
