//! What the client reports, counted for the step that goes on.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::Story;
use super::steps::VICTIM;
use crate::app::Report;
use crate::demo::view::{Failover, Phase, Seen};

/// What the reports are counted for, from a moment on.
pub(super) enum Counting {
    /// Nothing, until the client's sidecar has the new weights.
    Shift {
        percent: u32,
    },
    Phase {
        percent: u32,
        from: Instant,
    },
    Failover,
}

impl Story {
    /// Counts a report.
    pub(super) fn count(&mut self, report: &Report) {
        self.seen.add(report);
        let mut sum = Seen::default();
        sum.add(&self.traffic);
        sum.add(report);
        self.traffic = Report {
            answered: sum.answered,
            failed: sum.failed,
            tcp_ok: sum.tcp_ok,
            tcp_failed: sum.tcp_failed,
            ..report.clone()
        };
        match &self.counting {
            Some(Counting::Phase { percent, from }) if Instant::now() > *from => {
                let percent = *percent;
                if self
                    .seen
                    .canary
                    .last()
                    .is_none_or(|phase| phase.wanted_percent != percent)
                {
                    self.seen.canary.push(Phase {
                        wanted_percent: percent,
                        ..Phase::default()
                    });
                }
                let phase = self
                    .seen
                    .canary
                    .last_mut()
                    .expect("one was pushed if there was none");
                for (version, count) in &report.answered {
                    *phase.answered.entry(version.clone()).or_default() += count;
                }
            }
            Some(Counting::Failover) => {
                let failover = self.seen.failover.get_or_insert_with(|| Failover {
                    pod: VICTIM.to_owned(),
                    ..Failover::default()
                });
                failover.answered += report.answered.values().sum::<u64>();
                failover.failed += report.failed.values().sum::<u64>();
            }
            Some(Counting::Phase { .. } | Counting::Shift { .. }) | None => {}
        }
    }

    /// Begins to count for a shift once the client's sidecar has its weights; what was under way then is let pass.
    pub(super) async fn notice_shift(&mut self) {
        let Some(Counting::Shift { percent }) = self.counting else {
            return;
        };
        let patience = Duration::from_secs(1);
        let Ok(Ok(explanation)) = tokio::time::timeout(patience, self.explanation()).await else {
            return; // asked again
        };
        if is_in_force(percent, &explanation) {
            self.counting = Some(Counting::Phase {
                percent,
                from: Instant::now() + Duration::from_secs(1),
            });
        }
    }

    /// Whether the step that goes on has not been seen yet, so that the next one must wait.
    pub(super) fn is_waiting(&self) -> bool {
        match &self.counting {
            Some(Counting::Shift { .. }) => true,
            Some(Counting::Phase { percent, .. }) => self
                .seen
                .canary
                .last()
                .is_none_or(|phase| phase.wanted_percent != *percent),
            Some(Counting::Failover) | None => false,
        }
    }

    /// Shows the traffic of the last second.
    pub(super) fn show_second(&mut self) {
        let traffic = std::mem::take(&mut self.traffic);
        if self.built_in && traffic != Report::default() {
            self.view.traffic(&traffic);
        }
    }
}

/// Whether a request is routed by these weights: the cluster step names a version and the weight that it was drawn
/// with, or none where no other could be drawn.
fn is_in_force(percent: u32, explanation: &Value) -> bool {
    let mut steps = explanation["steps"].as_array().into_iter().flatten();
    let Some(step) = steps.find(|step| step["stage"] == "cluster") else {
        return false;
    };
    let result = step["result"].as_str().unwrap_or_default();
    let because = step["because"].as_str().unwrap_or_default();
    let weight = match because.strip_prefix("drawn with weight ") {
        Some(weight) => weight.parse().ok(),
        None => Some(100),
    };
    (result.contains("|v1|") && weight == Some(100 - percent))
        || (result.contains("|v2|") && weight == Some(percent))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn weights_are_in_force_when_a_request_is_drawn_by_them() {
        let explained = |version: &str, because: &str| {
            json!({"steps": [
                {"stage": "listener", "result": "0.0.0.0_80"},
                {"stage": "cluster", "result": format!("outbound|80|{version}|server"), "because": because},
            ]})
        };
        for (percent, version, because, wanted) in [
            (25, "v1", "drawn with weight 75", true),
            (25, "v2", "drawn with weight 25", true),
            (50, "v1", "drawn with weight 75", false),
            (100, "v2", "drawn with weight 50", false),
            (100, "v2", "the route names it", true),
            (25, "v1", "the route names it", false),
        ] {
            let explanation = explained(version, because);
            assert_eq!(is_in_force(percent, &explanation), wanted, "{explanation}");
        }
        assert!(!is_in_force(100, &json!({"steps": []})));
    }
}
