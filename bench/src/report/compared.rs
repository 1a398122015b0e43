//! Rows of a scenario beside each other. Figures are only compared where both sides count; else it is said why not.

use serde::Serialize;

use super::{Compared, Entry, Outcome};
use crate::figure::{Metric, Series};

/// A row beside that of a rival.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Comparison {
    pub(crate) peer: &'static str,
    /// Median to median.
    pub(crate) ratio: f64,
    pub(crate) standing: Standing,
}

/// Who has the better figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Standing {
    Better,
    /// The runs of the one reach into those of the other.
    AboutEqual,
    Worse,
}

impl Compared {
    /// The metric that the scenario is about: the first that a proxy has.
    pub(crate) fn main(&self) -> Option<Metric> {
        let proxies = self
            .entries
            .iter()
            .filter(|entry| !matches!(&*entry.peer, "direct" | "floor"));
        proxies
            .flat_map(|entry| entry.figures.keys())
            .min()
            .copied()
    }

    /// Builds of Tulle.
    pub(crate) fn own(&self) -> impl Iterator<Item = &Entry> {
        let entries = self.entries.iter();
        entries.filter(|entry| entry.is_own())
    }

    /// A metric of `entry` as a part of that of a peer with the same features, or why there is no such ratio.
    pub(crate) fn ratio(&self, metric: Metric, entry: &Entry, peer: &str) -> Result<f64, String> {
        let (own, rival) = self.pair(metric, entry, peer)?;
        Ok(own.median / rival.median)
    }

    /// The ratio, and whether it says anything.
    pub(crate) fn comparison(
        &self,
        metric: Metric,
        entry: &Entry,
        peer: &'static str,
    ) -> Option<Comparison> {
        let (own, rival) = self.pair(metric, entry, peer).ok()?;
        let standing = if own.min <= rival.max && rival.min <= own.max {
            Standing::AboutEqual
        } else if (own.median > rival.median) == metric.is_better_when_more() {
            Standing::Better
        } else {
            Standing::Worse
        };
        Some(Comparison {
            peer,
            ratio: own.median / rival.median,
            standing,
        })
    }

    /// The main metric of an entry as a part of that of the same peer with the first set of features, and that one's name.
    pub(crate) fn growth(&self, entry: &Entry) -> Result<(f64, &str), String> {
        let metric = self.main().ok_or("nothing was measured")?;
        let first = self
            .entries
            .iter()
            .find(|first| first.peer == entry.peer)
            .filter(|first| first.name != entry.name)
            .ok_or("there is nothing less to compare it with")?;
        let (own, first_figures) = both(metric, entry, first)?;
        Ok((own.median / first_figures.median, &first.name))
    }

    fn pair<'a>(
        &'a self,
        metric: Metric,
        entry: &'a Entry,
        peer: &str,
    ) -> Result<(&'a Series, &'a Series), String> {
        // the floor does the same whatever the others are told
        let rival = self.entries.iter().find(|other| {
            other.peer == peer && (peer == "floor" || other.features == entry.features)
        });
        both(
            metric,
            entry,
            rival.ok_or_else(|| format!("{peer} did not take part"))?,
        )
    }
}

/// Figures of two rows that may be divided by each other.
fn both<'a>(
    metric: Metric,
    entry: &'a Entry,
    other: &'a Entry,
) -> Result<(&'a Series, &'a Series), String> {
    let (own, others) = (entry.counted(metric)?, other.counted(metric)?);
    if own.runs.len() != others.runs.len() {
        return Err(format!(
            "{} was not measured in the same rounds",
            other.name
        ));
    }
    Ok((own, others))
}

impl Entry {
    /// Whether it is a build of Tulle.
    pub(crate) fn is_own(&self) -> bool {
        self.peer.starts_with("tulle")
    }

    /// The figures of a metric if they count, or why they do not.
    pub(crate) fn counted(&self, metric: Metric) -> Result<&Series, String> {
        let name = &self.name;
        match self.outcome {
            Outcome::Valid => {}
            Outcome::Invalid => return Err(format!("{name} is INVALID")),
            Outcome::Missing { .. } => return Err(format!("{name} is missing")),
            Outcome::Failed { .. } => return Err(format!("{name} FAILED")),
        }
        let title = metric.title();
        let series = self.figures.get(&metric);
        let series = series.ok_or_else(|| format!("{name} has no {title}"))?;
        // a difference of two measurements may come out as nothing or less
        if series.median <= 0.0 {
            return Err(format!("{title} of {name} is not above zero"));
        }
        Ok(series)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example::{compared, entry};
    use Standing::{AboutEqual, Better, Worse};

    #[test]
    fn a_difference_counts_when_the_runs_do_not_overlap() {
        for (metric, own, rival, standing) in [
            (Metric::Cpu, &[1.0, 2.0], &[3.0, 4.0], Better),
            (Metric::Cpu, &[3.0, 4.0], &[1.0, 2.0], Worse),
            (Metric::Cpu, &[1.0, 3.0], &[2.0, 4.0], AboutEqual),
            (Metric::Rate, &[1.0, 2.0], &[3.0, 4.0], Worse),
            (Metric::Rate, &[3.0, 4.0], &[1.0, 2.0], Better),
            (Metric::Rate, &[2.0, 2.0], &[2.0, 2.0], AboutEqual),
        ] {
            let compared = compared(
                "h1-sat",
                vec![entry("tulle", metric, own), entry("envoy", metric, rival)],
            );
            let comparison = compared.comparison(metric, &compared.entries[0], "envoy");
            assert_eq!(comparison.unwrap().standing, standing, "{own:?} {rival:?}");
        }
    }

    #[test]
    fn a_ratio_needs_two_rows_that_count() {
        let own = |figures: &[f64]| entry("tulle", Metric::Cpu, figures);
        let rival = |outcome| Entry {
            outcome,
            ..entry("envoy", Metric::Cpu, &[2.0])
        };
        let why = String::new;
        for (own, rival, said) in [
            (own(&[1.0]), None, "envoy did not take part"),
            (
                own(&[1.0]),
                Some(rival(Outcome::Invalid)),
                "envoy is INVALID",
            ),
            (
                own(&[1.0]),
                Some(rival(Outcome::Missing { why: why() })),
                "envoy is missing",
            ),
            (
                own(&[1.0]),
                Some(rival(Outcome::Failed { why: why() })),
                "envoy FAILED",
            ),
            (
                own(&[-1.0]),
                Some(rival(Outcome::Valid)),
                "CPU µs of tulle is not above zero",
            ),
            (
                own(&[1.0, 1.0]),
                Some(rival(Outcome::Valid)),
                "envoy was not measured in the same rounds",
            ),
            (
                entry("tulle", Metric::P50, &[1.0]),
                Some(rival(Outcome::Valid)),
                "tulle has no CPU µs",
            ),
        ] {
            let compared = compared("h1-sat", std::iter::once(own).chain(rival).collect());
            let ratio = compared.ratio(Metric::Cpu, &compared.entries[0], "envoy");
            assert_eq!(ratio.unwrap_err(), said);
        }
    }
}
