//! Tulle beside its rivals and beside the figures that it shall reach, one line for each scenario and metric that counts.

use serde::Serialize;

use super::table::{RIVALS, complaint, spread, table};
use super::target::{self, Verdict};
use super::{Compared, Entry, Outcome, Report};
use crate::figure::{Metric, rounded};

/// One line.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) scenario: &'static str,
    pub(crate) entry: String,
    pub(crate) metric: Metric,
    pub(crate) value: String,
    /// To each of [`RIVALS`], where both sides were measured.
    pub(crate) ratios: [Option<f64>; RIVALS.len()],
    pub(crate) verdicts: Vec<Verdict>,
    /// Why there is no figure.
    pub(crate) complaint: Option<String>,
}

/// The lines of all scenarios.
pub(crate) fn lines(report: &Report) -> Vec<Line> {
    report.scenarios.iter().flat_map(of_scenario).collect()
}

/// The lines as a table for the terminal, and what is lost.
pub(crate) fn render(report: &Report) -> String {
    let lines = lines(report);
    let mut table = table();
    let ratios = RIVALS.map(|peer| format!("× {peer}"));
    let titles = ["", "", "", ""].map(str::to_owned);
    let titles = titles.into_iter().chain(ratios);
    table.set_header(titles.chain(["shall be".to_owned()]));
    for line in &lines {
        let named = [
            line.scenario.to_owned(),
            line.entry.clone(),
            line.metric.title().to_owned(),
            line.value.clone(),
        ];
        let cells = named.into_iter().chain(line.ratio_texts());
        table.add_row(cells.chain([line.bounds()]));
    }
    let losing: String = lines
        .iter()
        .filter_map(Line::loss)
        .map(|loss| format!("  {loss}\n"))
        .collect();
    let losing = match losing.is_empty() {
        true => "Nothing is lost to Envoy or HAProxy, and every figure is reached.\n".to_owned(),
        false => format!("Losing cases:\n{losing}"),
    };
    format!("\n{table}\n\n{losing}")
}

impl Line {
    pub(crate) fn ratio_texts(&self) -> [String; RIVALS.len()] {
        self.ratios
            .map(|ratio| ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.2}")))
    }

    /// All bounds, the missed ones marked.
    pub(crate) fn bounds(&self) -> String {
        let bounds: Vec<String> = self.verdicts.iter().map(Verdict::text).collect();
        bounds.join("; ")
    }

    /// What is worse than a rival has it, or than it shall be.
    pub(crate) fn loss(&self) -> Option<String> {
        let mut losses: Vec<String> = self.complaint.iter().cloned().collect();
        for (peer, ratio) in RIVALS.into_iter().zip(self.ratios) {
            let Some(ratio) = ratio.filter(|_| peer != "floor") else {
                continue;
            };
            let worse = match self.metric.is_better_when_more() {
                true => ratio < 1.0,
                false => ratio > 1.0,
            };
            if worse {
                losses.push(format!("{ratio:.2} × {peer}"));
            }
        }
        let missed = self.verdicts.iter().filter(|verdict| !verdict.met);
        losses.extend(missed.map(|verdict| format!("{}: {:.2}", verdict.text(), verdict.measured)));
        let head = format!(
            "{}, {}, {} {}",
            self.scenario,
            self.entry,
            self.metric.title(),
            self.value
        );
        (!losses.is_empty()).then(|| format!("{head}: {}", losses.join("; ")))
    }
}

fn of_scenario(compared: &Compared) -> Vec<Line> {
    let mut metrics: Vec<Metric> = compared
        .main()
        .into_iter()
        .chain(compared.also.iter().copied())
        .chain(target::metrics(compared.name))
        .collect();
    let mut seen = Vec::new();
    metrics.retain(|metric| {
        !seen.contains(metric) && {
            seen.push(*metric);
            true
        }
    });
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
        ratios: RIVALS.map(|peer| ratio(peer).map(rounded)),
        verdicts: match valid {
            true => target::verdicts(compared, entry, metric),
            false => Vec::new(),
        },
        complaint: complaint(entry),
    }
}
