//! What the client reports, counted for the step that goes on.

use std::time::Instant;

use super::Story;
use super::steps::VICTIM;
use crate::app::Report;
use crate::demo::view::{Failover, Phase, Seen};

/// What the reports are counted for, from a moment on.
pub(super) enum Counting {
    Phase { percent: u32, from: Instant },
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
            Some(Counting::Phase { .. }) | None => {}
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
