//! Bars as SVG: the median, and a line from the least to the greatest value.

use super::html::escape;
use super::{Compared, Outcome};
use crate::figure::Metric;

const ROW: usize = 26;
const NAMES: usize = 250;
const BARS: usize = 420;
const VALUES: usize = 110;

/// One metric of a scenario.
pub(crate) fn bars(compared: &Compared, metric: Metric) -> String {
    let rows: Vec<_> = compared
        .entries
        .iter()
        .filter(|entry| entry.outcome == Outcome::Valid)
        .filter_map(|entry| Some((entry, entry.figures.get(&metric)?)))
        .collect();
    let most = rows
        .iter()
        .map(|(_, series)| series.max)
        .fold(f64::MIN_POSITIVE, f64::max);
    let x = |value: f64| NAMES as f64 + (value.max(0.0) / most * BARS as f64);
    let (width, height) = (NAMES + BARS + VALUES, ROW * rows.len() + 4);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" aria-label=\"{}\">",
        escape(metric.title())
    );
    for (at, (entry, series)) in rows.iter().enumerate() {
        let (top, middle) = (at * ROW + 4, at * ROW + ROW / 2 + 2);
        let class = if entry.peer.starts_with("tulle") {
            "own"
        } else {
            "peer"
        };
        svg.push_str(&format!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <rect class=\"{class}\" x=\"{NAMES}\" y=\"{top}\" width=\"{:.1}\" height=\"{}\"/>\
             <line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle}\" y2=\"{middle}\"/>\
             <text x=\"{:.1}\" y=\"{}\">{}</text>",
            NAMES - 8,
            middle + 4,
            escape(&entry.name),
            x(series.median) - NAMES as f64,
            ROW - 6,
            x(series.min),
            x(series.max),
            x(series.max) + 6.0,
            middle + 4,
            super::table::number(series.median),
        ));
    }
    svg.push_str("</svg>");
    svg
}
