//! Tables for the terminal: median [min–max], ratios of the main metric.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};

use super::{Compared, Entry, Outcome};
use crate::figure::{Metric, Series};

/// Metrics that only the JSON has.
const LEFT_OUT: [Metric; 2] = [Metric::P90, Metric::Rss];
/// Peers with whom all others are compared.
pub(crate) const RIVALS: [&str; 4] = ["envoy", "haproxy", "nginx", "floor"];

/// One scenario.
pub(crate) fn render(compared: &Compared) -> String {
    let metrics = metrics(compared);
    let mut table = table();
    let ratios = RIVALS.map(|peer| format!("× {peer}"));
    let titles = metrics.iter().map(|metric| metric.title().to_owned());
    table.set_header(std::iter::once(String::new()).chain(titles).chain(ratios));
    for entry in &compared.entries {
        table.add_row(row(compared, entry, &metrics));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut text = format!("\n{}: {}\n{table}\n", compared.name, compared.what);
    for entry in &compared.entries {
        for remark in remarks(compared, entry) {
            text.push_str(&format!("  {remark}\n"));
        }
    }
    text
}

/// A table without rows.
pub(crate) fn table() -> Table {
    let mut table = Table::new();
    table
        .load_style(comfy_table::presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// Metrics of a scenario, in the order of columns.
pub(crate) fn metrics(compared: &Compared) -> Vec<Metric> {
    let mut metrics: Vec<Metric> = compared
        .entries
        .iter()
        .flat_map(|entry| entry.figures.keys().copied())
        .collect();
    metrics.sort_unstable();
    metrics.dedup();
    metrics.retain(|metric| !LEFT_OUT.contains(metric));
    metrics
}

fn row(compared: &Compared, entry: &Entry, metrics: &[Metric]) -> Vec<Cell> {
    let mut cells = vec![Cell::new(match entry.outcome {
        Outcome::Valid => entry.name.clone(),
        Outcome::Invalid => format!("{} INVALID", entry.name),
        Outcome::Missing { .. } => format!("{} MISSING", entry.name),
        Outcome::Failed { .. } => format!("{} FAILED", entry.name),
    })];
    cells.extend(
        metrics
            .iter()
            .map(|metric| Cell::new(entry.figures.get(metric).map_or("–".to_owned(), spread))),
    );
    cells.extend(RIVALS.map(|peer| Cell::new(ratio(compared, entry, peer))));
    cells
}

/// A ratio, where both figures count.
pub(crate) fn ratio(compared: &Compared, entry: &Entry, peer: &str) -> String {
    let metric = compared.main();
    let ratio = metric.and_then(|metric| compared.ratio(metric, entry, peer).ok());
    ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.2}"))
}

/// Median [min–max].
pub(crate) fn spread(series: &Series) -> String {
    if series.runs.len() == 1 {
        return number(series.median);
    }
    format!(
        "{} [{}–{}]",
        number(series.median),
        number(series.min),
        number(series.max)
    )
}

/// Three digits, or all before the point.
pub(crate) fn number(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.digits$}")
}

/// What must be said of an entry besides its figures.
pub(crate) fn remarks(compared: &Compared, entry: &Entry) -> Vec<String> {
    let growth = compared
        .growth(entry)
        .ok()
        .map(|(growth, first)| format!("{}: {growth:.2} × {first}", entry.name));
    let doubts = entry.remarks.iter();
    let doubts = doubts.map(|doubt| format!("{}: {doubt}", entry.name));
    complaint(entry)
        .into_iter()
        .chain(growth)
        .chain(doubts)
        .collect()
}

/// Why an entry has no figures that count.
pub(crate) fn complaint(entry: &Entry) -> Option<String> {
    match &entry.outcome {
        Outcome::Valid => None,
        Outcome::Invalid => Some(format!(
            "{} INVALID: {} errors, the first: {}",
            entry.name,
            entry.errors,
            entry.error.as_deref().unwrap_or("unknown")
        )),
        Outcome::Missing { why } => Some(format!("{} missing: {why}", entry.name)),
        Outcome::Failed { why } => Some(format!("{} FAILED: {why}", entry.name)),
    }
}
