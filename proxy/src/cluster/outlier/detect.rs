//! Counting outcomes, ejecting, and letting back.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::{FailurePercentage, Outcome, OutlierConfig, OutlierState, SuccessRate, Trigger};
use crate::cluster::endpoint_set::EndpointSet;
use crate::cluster::{Cluster, Endpoint};

impl OutlierState {
    /// Whether the endpoint is out.
    pub fn is_ejected(&self) -> bool {
        self.ejected_until.load(Ordering::Relaxed) != 0
    }

    /// Ejections that still count for the length of the next one.
    pub fn ejections(&self) -> u32 {
        self.ejections.load(Ordering::Relaxed)
    }

    /// Counts an outcome; true when a limit of failures in a row was reached and has consequences.
    fn count(&self, config: &OutlierConfig, outcome: Outcome) -> bool {
        self.requests.fetch_add(1, Ordering::Relaxed);
        match outcome {
            Outcome::Status(status) => self.count_status(config, status),
            Outcome::Connected => {
                self.consecutive_local.store(0, Ordering::Relaxed);
                if !config.split_local {
                    self.consecutive_5xx.store(0, Ordering::Relaxed);
                }
                false
            }
            Outcome::LocalFailure if config.split_local => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                reached(&self.consecutive_local, config.consecutive_local)
            }
            // Without a count of their own they are what the client sees: a 503.
            Outcome::LocalFailure => self.count_status(config, 503),
        }
    }

    fn count_status(&self, config: &OutlierConfig, status: u16) -> bool {
        if status < 500 {
            clear(&self.consecutive_5xx);
            clear(&self.consecutive_gateway);
            clear(&self.consecutive_local);
            return false;
        }
        self.failures.fetch_add(1, Ordering::Relaxed);
        let gateway = if matches!(status, 502..=504) {
            reached(&self.consecutive_gateway, config.consecutive_gateway)
        } else {
            clear(&self.consecutive_gateway);
            false
        };
        reached(&self.consecutive_5xx, config.consecutive_5xx) || gateway
    }

    fn eject(&self, config: &OutlierConfig) {
        let times = self
            .ejections
            .fetch_add(1, Ordering::Relaxed)
            .saturating_add(1);
        let longest = config.max_ejection_time.max(config.base_ejection_time);
        let jitter = config.max_ejection_jitter.mul_f64(fastrand::f64());
        let time = config.base_ejection_time.saturating_mul(times).min(longest) + jitter;
        self.ejected_until.store(
            clock_ms().saturating_add(millis(time)).max(1),
            Ordering::Relaxed,
        );
    }

    /// Ends an ejection whose time is over; true when it did.
    fn let_back(&self, now_ms: u64) -> bool {
        let until = self.ejected_until.load(Ordering::Relaxed);
        if until == 0 || until > now_ms {
            return false;
        }
        self.ejected_until.store(0, Ordering::Relaxed);
        clear(&self.consecutive_5xx);
        clear(&self.consecutive_gateway);
        clear(&self.consecutive_local);
        true
    }

    fn take_rates(&self) -> (u32, u32) {
        (
            self.requests.swap(0, Ordering::Relaxed),
            self.failures.swap(0, Ordering::Relaxed),
        )
    }

    fn forget_one_ejection(&self) {
        let fewer = |count: u32| count.checked_sub(1);
        // An error says that there is nothing left to forget.
        let _ = self
            .ejections
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer);
    }
}

impl Cluster {
    /// Counts what came of a request to an endpoint, and ejects it when it failed too often.
    pub fn report(&self, endpoint: &Arc<Endpoint>, outcome: Outcome) {
        let Some(config) = &self.config.outlier else {
            return;
        };
        if endpoint.outlier.count(config, outcome) {
            self.eject(config, &[Arc::clone(endpoint)]);
        }
    }

    /// One look at success rates and at ejections that end; to be called every `interval`.
    pub fn detect_outliers(&self) {
        let Some(config) = &self.config.outlier else {
            return;
        };
        let set = self.endpoints();
        let now = clock_ms();
        let mut back = false;
        for host in set.hosts() {
            let state = &host.endpoint.outlier;
            if state.is_ejected() {
                back |= state.let_back(now);
            } else {
                state.forget_one_ejection();
            }
        }
        if back {
            self.refresh_health();
        }
        let failing = failing_by_rate(config, &set);
        self.eject(config, &failing);
    }

    fn eject(&self, config: &OutlierConfig, endpoints: &[Arc<Endpoint>]) {
        let set = self.endpoints();
        let total = set.hosts().count();
        let mut out = set
            .hosts()
            .filter(|host| host.endpoint.outlier.is_ejected())
            .count();
        let before = out;
        for endpoint in endpoints
            .iter()
            .filter(|endpoint| !endpoint.outlier.is_ejected())
        {
            let share = (out + 1) * 100 <= total * usize::from(config.max_ejection_percent);
            if share || (out == 0 && config.always_eject_one) {
                endpoint.outlier.eject(config);
                out += 1;
            }
        }
        if out > before {
            self.refresh_health();
        }
    }
}

fn failing_by_rate(config: &OutlierConfig, set: &EndpointSet) -> Vec<Arc<Endpoint>> {
    let rates: Vec<_> = set
        .hosts()
        .filter(|host| !host.endpoint.outlier.is_ejected())
        .map(|host| {
            (
                Arc::clone(&host.endpoint),
                host.endpoint.outlier.take_rates(),
            )
        })
        .collect();
    let mut failing = Vec::new();
    if let Some(rule) = &config.success_rate {
        failing.extend(below_mean(rule, &rates));
    }
    if let Some(rule) = &config.failure_percentage {
        failing.extend(over_percentage(*rule, &rates));
    }
    failing
}

type Rate = (Arc<Endpoint>, (u32, u32));

fn below_mean(rule: &SuccessRate, rates: &[Rate]) -> Vec<Arc<Endpoint>> {
    let success: Vec<_> = rates
        .iter()
        .filter(|(_, (requests, _))| *requests >= rule.request_volume.max(1))
        .map(|(endpoint, (requests, failures))| {
            (
                endpoint,
                100.0 * f64::from(requests.saturating_sub(*failures)) / f64::from(*requests),
            )
        })
        .collect();
    if success.len() < rule.minimum_hosts as usize || success.is_empty() {
        return Vec::new();
    }
    let count = success.len() as f64;
    let mean = success.iter().map(|(_, rate)| rate).sum::<f64>() / count;
    let variance = success
        .iter()
        .map(|(_, rate)| (rate - mean).powi(2))
        .sum::<f64>()
        / count;
    let limit = mean - rule.stdev_factor * variance.sqrt();
    success
        .into_iter()
        .filter(|(_, rate)| *rate < limit && enforced(rule.enforcing))
        .map(|(endpoint, _)| Arc::clone(endpoint))
        .collect()
}

fn over_percentage(rule: FailurePercentage, rates: &[Rate]) -> Vec<Arc<Endpoint>> {
    let counted: Vec<_> = rates
        .iter()
        .filter(|(_, (requests, _))| *requests >= rule.request_volume.max(1))
        .collect();
    if counted.len() < rule.minimum_hosts as usize {
        return Vec::new();
    }
    counted
        .into_iter()
        .filter(|(_, (requests, failures))| {
            u64::from(*failures) * 100 >= u64::from(*requests) * u64::from(rule.threshold)
        })
        .filter(|_| enforced(rule.enforcing))
        .map(|(endpoint, _)| Arc::clone(endpoint))
        .collect()
}

fn reached(counter: &AtomicU32, trigger: Option<Trigger>) -> bool {
    let Some(trigger) = trigger else { return false };
    let count = counter.fetch_add(1, Ordering::Relaxed).saturating_add(1);
    if count < trigger.count {
        return false;
    }
    counter.store(0, Ordering::Relaxed);
    enforced(trigger.enforcing)
}

/// Writes only what changes, so that healthy traffic leaves the cache line alone.
fn clear(counter: &AtomicU32) {
    if counter.load(Ordering::Relaxed) != 0 {
        counter.store(0, Ordering::Relaxed);
    }
}

fn enforced(percent: u8) -> bool {
    percent >= 100 || fastrand::u8(0..100) < percent
}

/// Milliseconds since the first call in this process.
fn clock_ms() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    millis(START.get_or_init(Instant::now).elapsed())
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
