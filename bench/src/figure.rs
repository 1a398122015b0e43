//! What is measured, and how it is summed up.

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeStruct, Serializer};

/// A quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Metric {
    /// Microseconds of all proxies for a request, connection or exchange.
    Cpu,
    /// Seconds of all proxies for a gigabyte.
    CpuPerGigabyte,
    /// Milliseconds from the start of the first process to the first right answer.
    Ready,
    /// Milliseconds from the start of the process until all configuration is in force.
    Applied,
    /// Seconds of the proxy until then, and until it rests.
    ApplyCpu,
    /// Milliseconds of the proxy for a change of configuration.
    ChangeCpu,
    /// Milliseconds from when a change is sent until a request sees it.
    Effective,
    /// KiB of one proxy for each idle connection.
    Connection,
    /// MiB of all proxies, shared pages divided by their users.
    Pss,
    /// MiB of all proxies.
    Rss,
    /// Microseconds.
    P50,
    P90,
    P99,
    P999,
    /// Microseconds more than without proxies in the same round.
    AddedP50,
    AddedP99,
    /// Requests, connections or exchanges in a second.
    Rate,
    /// Gigabits in a second.
    Bandwidth,
    /// Percent of their core that the proxies used.
    Share,
    /// Context switches of all proxies for a request.
    Switches,
    /// System calls of all proxies for a request.
    SystemCalls,
    /// Microseconds of generator and backend for a request.
    LoadCpu,
    /// How late requests of the open loop left, 99th percentile in microseconds.
    Lag,
}

impl Metric {
    /// Whether the greater figure is the better one.
    pub(crate) fn is_better_when_more(self) -> bool {
        matches!(self, Metric::Rate | Metric::Bandwidth)
    }

    /// Head of its column.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Metric::Cpu => "CPU µs",
            Metric::CpuPerGigabyte => "CPU s/GB",
            Metric::Ready => "ready ms",
            Metric::Applied => "applied ms",
            Metric::ApplyCpu => "CPU s",
            Metric::ChangeCpu => "CPU ms/change",
            Metric::Effective => "effective ms",
            Metric::Connection => "KiB/conn",
            Metric::Pss => "PSS MiB",
            Metric::Rss => "RSS MiB",
            Metric::P50 => "p50 µs",
            Metric::P90 => "p90 µs",
            Metric::P99 => "p99 µs",
            Metric::P999 => "p99.9 µs",
            Metric::AddedP50 => "+p50 µs",
            Metric::AddedP99 => "+p99 µs",
            Metric::Rate => "per s",
            Metric::Bandwidth => "Gbit/s",
            Metric::Share => "core %",
            Metric::Switches => "switches",
            Metric::SystemCalls => "syscalls",
            Metric::LoadCpu => "load µs",
            Metric::Lag => "lag p99 µs",
        }
    }
}

/// Values of one run.
pub(crate) type Figures = BTreeMap<Metric, f64>;

/// Values of all runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Series {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
    /// In the order in which they were measured.
    pub(crate) runs: Vec<f64>,
}

impl Serialize for Series {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Series", 4)?;
        fields.serialize_field("min", &rounded(self.min))?;
        fields.serialize_field("median", &rounded(self.median))?;
        fields.serialize_field("max", &rounded(self.max))?;
        fields.serialize_field("rounds", &self.runs.len())?;
        fields.end()
    }
}

/// A number with as many digits as a measurement deserves.
pub(crate) fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let digits = 3 - value.abs().log10().floor() as i32;
    let scale = 10_f64.powi(digits.clamp(0, 9));
    (value * scale).round() / scale
}

impl FromIterator<f64> for Series {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Series {
        let mut series = Series::default();
        for value in values {
            series.push(value);
        }
        series
    }
}

impl Series {
    pub(crate) fn push(&mut self, value: f64) {
        self.runs.push(value);
        let mut sorted = self.runs.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        self.min = sorted[0];
        self.max = sorted[sorted.len() - 1];
        self.median = if sorted.len().is_multiple_of(2) {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        } else {
            sorted[middle]
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_four_digits() {
        for (value, kept) in [
            (0.0, 0.0),
            (1234.5678, 1235.0),
            (0.123_456, 0.1235),
            (98_765.4, 98_765.0),
        ] {
            assert_eq!(rounded(value), kept);
        }
    }

    #[test]
    fn the_median_of_two_lies_between_them() {
        let mut series = Series::default();
        series.push(4.0);
        assert_eq!((series.min, series.median, series.max), (4.0, 4.0, 4.0));
        series.push(1.0);
        assert_eq!((series.min, series.median, series.max), (1.0, 2.5, 4.0));
        series.push(2.0);
        assert_eq!((series.min, series.median, series.max), (1.0, 2.0, 4.0));
    }
}
