//! Tulle beside its rivals, one line for each scenario and metric that counts.

use super::table::{RIVALS, spread, table};
use super::{Compared, Entry, Outcome, Report};
use crate::figure::Metric;

/// One line.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) scenario: &'static str,
    pub(crate) entry: String,
    pub(crate) metric: Metric,
    pub(crate) value: String,
    /// In the order of [`RIVALS`].
    pub(crate) ratios: Vec<String>,
}

/// The lines of all scenarios.
pub(crate) fn lines(report: &Report) -> Vec<Line> {
    report.scenarios.iter().flat_map(of_scenario).collect()
}

/// The lines as a table for the terminal.
pub(crate) fn render(report: &Report) -> String {
    let mut table = table();
    let ratios = RIVALS.map(|peer| format!("× {peer}"));
    let titles = ["", "", "", ""].map(str::to_owned);
    table.set_header(titles.into_iter().chain(ratios));
    for line in lines(report) {
        let named = [
            line.scenario.to_owned(),
            line.entry,
            line.metric.title().to_owned(),
            line.value,
        ];
        table.add_row(named.into_iter().chain(line.ratios));
    }
    format!("\n{table}\n")
}

fn of_scenario(compared: &Compared) -> Vec<Line> {
    let metrics: Vec<Metric> = compared
        .main()
        .into_iter()
        .chain(compared.also.iter().copied())
        .collect();
    let own = compared
        .entries
        .iter()
        .filter(|entry| entry.peer.starts_with("tulle"));
    own.flat_map(|entry| metrics.iter().map(|metric| line(compared, entry, *metric)))
        .collect()
}

fn line(compared: &Compared, entry: &Entry, metric: Metric) -> Line {
    let valid = entry.outcome == Outcome::Valid;
    let value = entry
        .figures
        .get(&metric)
        .filter(|_| valid)
        .map_or("–".to_owned(), spread);
    let ratio = |peer| valid.then(|| compared.ratio(metric, entry, peer)).flatten();
    Line {
        scenario: compared.name,
        entry: entry.name.clone(),
        metric,
        value,
        ratios: RIVALS
            .map(|peer| ratio(peer).map_or("–".to_owned(), |ratio| format!("{ratio:.2}")))
            .to_vec(),
    }
}
