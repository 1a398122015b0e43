//! What the demo shows: lines on standard output as things happen, or one JSON document at the end.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::app::Report;

/// All that was seen, for `--json` and for the verdict.
#[derive(Debug, Default, Serialize)]
pub(super) struct Seen {
    pub(super) mode: &'static str,
    /// Why the demo runs so, where that is not what it would rather.
    pub(super) reason: Option<String>,
    /// From the start of the demo until every pod was ready.
    pub(super) ready_ms: Option<u128>,
    /// From the start of the demo until the first request over mTLS was answered.
    pub(super) first_mtls_ms: Option<u128>,
    /// Requests answered, by version.
    pub(super) answered: BTreeMap<String, u64>,
    /// Requests that failed, by reason.
    pub(super) failed: BTreeMap<String, u64>,
    pub(super) tcp_ok: u64,
    pub(super) tcp_failed: u64,
    /// Pairs of identities that spoke over mTLS, client first.
    pub(super) mtls: Vec<(String, String)>,
    pub(super) canary: Vec<Phase>,
    pub(super) failover: Option<Failover>,
    pub(super) explanation: Option<serde_json::Value>,
    pub(super) remarks: Vec<String>,
}

/// One step of the canary shift.
#[derive(Debug, Default, Serialize)]
pub(super) struct Phase {
    /// Percent of the requests that v2 should get.
    pub(super) wanted_percent: u32,
    /// What came back during the step, by version.
    pub(super) answered: BTreeMap<String, u64>,
}

/// The killed endpoint.
#[derive(Debug, Default, Serialize)]
pub(super) struct Failover {
    pub(super) pod: String,
    pub(super) answered: u64,
    pub(super) failed: u64,
}

impl Seen {
    /// Adds a report of the client.
    pub(super) fn add(&mut self, report: &Report) {
        for (version, count) in &report.answered {
            *self.answered.entry(version.clone()).or_default() += count;
        }
        for (reason, count) in &report.failed {
            *self.failed.entry(reason.clone()).or_default() += count;
        }
        self.tcp_ok += report.tcp_ok;
        self.tcp_failed += report.tcp_failed;
    }

    /// The verdict: what a mesh that works shows, and whether it was seen.
    pub(super) fn verdict(&self) -> [(bool, &'static str); 4] {
        let shifted = self
            .canary
            .iter()
            .any(|phase| phase.wanted_percent == 0 && share_of_v2(&phase.answered) == Some(0))
            && self.canary.iter().any(|phase| {
                phase.wanted_percent == 100 && share_of_v2(&phase.answered) == Some(100)
            });
        let failed_over = self
            .failover
            .as_ref()
            .is_some_and(|failover| failover.failed == 0 && failover.answered > 0);
        [
            (!self.mtls.is_empty(), "mTLS between sidecars"),
            (shifted, "canary shift"),
            (failed_over, "failover without a failed idempotent request"),
            (self.explanation.is_some(), "explanation"),
        ]
    }
}

fn share_of_v2(answered: &BTreeMap<String, u64>) -> Option<u64> {
    let total: u64 = answered.values().sum();
    (answered.get("v2").copied().unwrap_or(0) * 100).checked_div(total)
}

/// Prints as things happen; silent with `--json`.
#[derive(Debug)]
pub(super) struct View {
    quiet: bool,
    start: std::time::Instant,
}

impl View {
    pub(super) fn new(quiet: bool, start: std::time::Instant) -> Self {
        Self { quiet, start }
    }

    /// Time since the demo started.
    pub(super) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Something happened.
    pub(super) fn say(&self, text: &str) {
        if !self.quiet {
            println!("[{:5.1}s] {text}", self.elapsed().as_secs_f64());
        }
    }

    /// The traffic of the last second.
    pub(super) fn traffic(&self, report: &Report) {
        let answered: u64 = report.answered.values().sum();
        let failed: u64 = report.failed.values().sum();
        let by_version: Vec<_> = report
            .answered
            .iter()
            .map(|(version, count)| format!("{version} {count}"))
            .collect();
        let success = if answered + failed == 0 {
            0.0
        } else {
            answered as f64 * 100.0 / (answered + failed) as f64
        };
        self.say(&format!(
            "GET http://server/  {:<16} {success:5.1} % ok  p50 {} p90 {} p99 {}   tcp ledger {} ok{}{}",
            by_version.join(", "),
            milliseconds(report.p50_us),
            milliseconds(report.p90_us),
            milliseconds(report.p99_us),
            report.tcp_ok,
            if report.tcp_failed > 0 { format!(", {} failed", report.tcp_failed) } else { String::new() },
            report.failed.keys().next().map(|reason| format!("   {failed} failed: {reason}")).unwrap_or_default(),
        ));
    }
}

fn milliseconds(microseconds: u64) -> String {
    format!("{:.1}ms", microseconds as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_names_what_was_not_seen() {
        let mut seen = Seen::default();
        let missing = |seen: &Seen| {
            let verdict = seen.verdict().into_iter();
            let missing = verdict.filter_map(|(seen, what)| (!seen).then_some(what));
            missing.collect::<Vec<_>>()
        };
        assert_eq!(missing(&seen).len(), 4);
        seen.explanation = Some(serde_json::Value::Null);
        seen.mtls.push(("a".to_owned(), "b".to_owned()));
        for (percent, version) in [(0, "v1"), (100, "v2")] {
            let answered = [(version.to_owned(), 10)].into();
            seen.canary.push(Phase {
                wanted_percent: percent,
                answered,
            });
        }
        seen.failover = Some(Failover {
            pod: "a".to_owned(),
            answered: 9,
            failed: 1,
        });
        assert_eq!(
            missing(&seen),
            ["failover without a failed idempotent request"]
        );
    }
}
