//! Tulle beside its rivals and beside the figures that it shall reach, one line for each scenario and metric that counts.

use serde::Serialize;

use super::compared::{self, Comparison};
use super::table::{RIVALS, complaint, spread, table};
use super::target::{self, Against, Standing, Verdict};
use super::{Compared, Entry, Outcome, Report};
use crate::figure::{Metric, rounded};

/// Said where every bound was judged and met, and no rival has a better figure.
const NOTHING_LOST: &str =
    "Nothing is lost to Envoy, HAProxy or nginx, and every figure is reached.";

/// One line.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) scenario: &'static str,
    pub(crate) entry: String,
    pub(crate) metric: Metric,
    pub(crate) value: String,
    /// With those of [`RIVALS`] whose figures count as well.
    pub(crate) rivals: Vec<Comparison>,
    pub(crate) verdicts: Vec<Verdict>,
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
    let losing = losing(report);
    if losing.is_empty() {
        return format!("\n{table}\n\n{NOTHING_LOST}\n");
    }
    format!("\n{table}\n\nLosing cases:\n  {}\n", losing.join("\n  "))
}

/// Figures of Tulle that are worse than a rival's or than they shall be, rows of Tulle that do not count, and what was not measured.
pub(crate) fn losing(report: &Report) -> Vec<String> {
    let lines = lines(report);
    let mut losing: Vec<String> = lines.iter().filter_map(Line::loss).collect();
    for compared in &report.scenarios {
        let complaints = compared.own().filter_map(complaint);
        losing.extend(complaints.map(|complaint| format!("{}, {complaint}", compared.name)));
    }
    losing.extend(lines.iter().flat_map(Line::not_measured));
    let not_run = target::not_run(report);
    if !not_run.is_empty() {
        losing.push(format!("not measured: {} were not run", not_run.join(", ")));
    }
    let unmeasured = target::UNMEASURED.iter();
    losing.extend(unmeasured.map(|(what, why)| format!("not measured: {what} ({why})")));
    losing
}

/// Rows of Tulle that broke or answered wrongly.
pub(crate) fn broken(report: &Report) -> Vec<String> {
    let mut broken = Vec::new();
    for compared in &report.scenarios {
        let own = compared.own().filter(|entry| match entry.outcome {
            Outcome::Invalid | Outcome::Failed { .. } => true,
            Outcome::Valid | Outcome::Missing { .. } => false,
        });
        broken.extend(own.map(|entry| format!("{} in {}", entry.name, compared.name)));
    }
    broken
}

impl Line {
    pub(crate) fn ratio_texts(&self) -> [String; RIVALS.len()] {
        RIVALS.map(|peer| {
            self.beside(peer)
                .map_or("–".to_owned(), |with| match with.standing {
                    compared::Standing::AboutEqual => format!("≈ {:.2}", with.ratio),
                    compared::Standing::Better | compared::Standing::Worse => {
                        format!("{:.2}", with.ratio)
                    }
                })
        })
    }

    /// All bounds, those that are not met marked.
    pub(crate) fn bounds(&self) -> String {
        let bounds: Vec<String> = self.verdicts.iter().map(Verdict::text).collect();
        bounds.join("; ")
    }

    /// Whether a bound is missed.
    pub(crate) fn misses(&self) -> bool {
        let mut verdicts = self.verdicts.iter();
        verdicts.any(|verdict| verdict.shortfall().is_some())
    }

    /// What is worse than a rival has it, or than it shall be.
    pub(crate) fn loss(&self) -> Option<String> {
        let losses = Against::ALL.into_iter();
        let losses: Vec<String> = losses
            .filter_map(|against| self.loss_against(against))
            .collect();
        (!losses.is_empty())
            .then(|| format!("{} {}: {}", self.head(), self.value, losses.join("; ")))
    }

    /// `1.20 × envoy (commit ≤ 0.40, goal ≤ 0.30)`.
    fn loss_against(&self, against: Against) -> Option<String> {
        let rival = against.peer().filter(|_| against != Against::Floor);
        let worse = rival
            .and_then(|peer| self.beside(peer))
            .filter(|with| with.standing == compared::Standing::Worse)
            .map(|with| with.ratio);
        let missed = self.verdicts.iter().filter(|to| to.against == against);
        let missed = missed.filter_map(Verdict::shortfall);
        let (measured, bounds): (Vec<f64>, Vec<String>) = missed.unzip();
        let ratio = worse.or(measured.first().copied())?;
        let ratio = against.unit().map(|unit| format!("{ratio:.2} × {unit}"));
        let bounds = (!bounds.is_empty()).then(|| format!("({})", bounds.join(", ")));
        let parts: Vec<String> = ratio.into_iter().chain(bounds).collect();
        Some(parts.join(" "))
    }

    /// Bounds of which nothing is known, together where the reason is one; the row itself must count.
    fn not_measured(&self) -> Vec<String> {
        let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
        for verdict in &self.verdicts {
            let Standing::NotMeasured { why } = &verdict.standing else {
                continue;
            };
            match reasons.iter_mut().find(|(known, _)| known == why) {
                Some((_, bounds)) => bounds.push(verdict.bound()),
                None => reasons.push((why, vec![verdict.bound()])),
            }
        }
        let texts = reasons.into_iter();
        texts
            .map(|(why, bounds)| {
                format!(
                    "not measured: {}: {} ({why})",
                    self.head(),
                    bounds.join(", ")
                )
            })
            .collect()
    }

    fn beside(&self, peer: &str) -> Option<&Comparison> {
        self.rivals.iter().find(|with| with.peer == peer)
    }

    fn head(&self) -> String {
        format!("{}, {}, {}", self.scenario, self.entry, self.metric.title())
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
    // the others are listed with what is lost
    let own = compared
        .own()
        .filter(|entry| entry.outcome == Outcome::Valid);
    own.flat_map(|entry| metrics.iter().map(|metric| line(compared, entry, *metric)))
        .collect()
}

fn line(compared: &Compared, entry: &Entry, metric: Metric) -> Line {
    let rivals = RIVALS.into_iter();
    Line {
        scenario: compared.name,
        entry: entry.name.clone(),
        metric,
        value: entry.figures.get(&metric).map_or("–".to_owned(), spread),
        rivals: rivals
            .filter_map(|peer| compared.comparison(metric, entry, peer))
            .map(|with| Comparison {
                ratio: rounded(with.ratio),
                ..with
            })
            .collect(),
        verdicts: target::verdicts(compared, entry, metric),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example::{compared, entry};

    fn report(entries: Vec<Entry>) -> Report {
        Report {
            scenarios: vec![compared("h1-sat", entries)],
            ..Report::default()
        }
    }

    fn cpu(peer: &str, runs: &[f64]) -> Entry {
        entry(peer, Metric::Cpu, runs)
    }

    #[test]
    fn each_ratio_is_told_once() {
        let report = report(vec![
            cpu("tulle", &[5.0, 5.0]),
            cpu("envoy", &[10.0, 10.0]),
            cpu("haproxy", &[4.0, 4.0]),
            cpu("nginx", &[4.0, 6.0]),
        ]);
        assert_eq!(
            losing(&report)[0],
            "h1-sat, tulle, CPU µs 5.00 [5.00–5.00]: 0.50 × envoy (commit ≤ 0.40, goal ≤ 0.30); \
             1.25 × haproxy (goal ≤ 1.00)"
        );
    }

    #[test]
    fn what_cannot_be_judged_is_not_won() {
        let failed = Entry {
            outcome: Outcome::Failed {
                why: "it fell".to_owned(),
            },
            ..cpu("tulle", &[1.0])
        };
        for (entries, said) in [
            (
                vec![cpu("tulle", &[1.0]), cpu("haproxy", &[2.0])],
                "not measured: h1-sat, tulle, CPU µs: commit ≤ 0.40, goal ≤ 0.30 (envoy did not take part)",
            ),
            (
                vec![failed, cpu("envoy", &[2.0])],
                "h1-sat, tulle FAILED: it fell",
            ),
        ] {
            let report = report(entries);
            assert_eq!(losing(&report)[0], said);
            assert!(!render(&report).contains(NOTHING_LOST));
        }
        let nothing = losing(&Report::default());
        assert!(nothing[0].contains("h1-sat, mtls-h1-sat"), "{nothing:?}");
    }

    #[test]
    fn rows_of_tulle_that_do_not_count_are_broken() {
        let invalid = |peer| Entry {
            outcome: Outcome::Invalid,
            ..cpu(peer, &[1.0])
        };
        assert_eq!(
            broken(&report(vec![invalid("tulle"), invalid("envoy")])),
            ["tulle in h1-sat"]
        );
    }
}
