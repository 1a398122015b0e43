//! The `metrics` crate's façade over the registry, for code off the request path.

use std::sync::Arc;

use metrics::{CounterFn, GaugeFn, HistogramFn, Key, KeyName, Metadata, SharedString, Unit};

use super::{Counter, Gauge, Histogram, Registry, Series};

/// A `metrics` recorder that counts in the registry's shared shard.
#[derive(Clone, Debug)]
pub struct FacadeRecorder {
    registry: Registry,
}

impl FacadeRecorder {
    /// A recorder over `registry`.
    pub fn new(registry: Registry) -> Self {
        Self { registry }
    }
}

/// A handle with the registry it counts in.
struct Bound<T> {
    handle: T,
    registry: Registry,
}

impl CounterFn for Bound<Counter> {
    fn increment(&self, value: u64) {
        self.handle.add(self.registry.shared(), value);
    }

    /// Counters of the façade are only ever incremented here; a smaller absolute value is not taken back.
    fn absolute(&self, value: u64) {
        let now = self.registry.read(self.handle);
        self.handle
            .add(self.registry.shared(), value.saturating_sub(now));
    }
}

impl GaugeFn for Bound<Gauge> {
    fn increment(&self, value: f64) {
        self.handle.add(self.registry.shared(), value as i64);
    }

    fn decrement(&self, value: f64) {
        self.handle.add(self.registry.shared(), -(value as i64));
    }

    fn set(&self, value: f64) {
        self.handle.set(self.registry.shared(), value as i64);
    }
}

impl HistogramFn for Bound<Histogram> {
    fn record(&self, value: f64) {
        self.handle.record(self.registry.shared(), value);
    }
}

impl metrics::Recorder for FacadeRecorder {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> metrics::Counter {
        let handle = self.registry.counter(series(key));
        metrics::Counter::from_arc(Arc::new(Bound {
            handle,
            registry: self.registry.clone(),
        }))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> metrics::Gauge {
        let handle = self.registry.gauge(series(key));
        metrics::Gauge::from_arc(Arc::new(Bound {
            handle,
            registry: self.registry.clone(),
        }))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> metrics::Histogram {
        let handle = self.registry.histogram(series(key));
        metrics::Histogram::from_arc(Arc::new(Bound {
            handle,
            registry: self.registry.clone(),
        }))
    }
}

fn series(key: &Key) -> Series {
    let labels = key.labels();
    labels.fold(Series::new(key.name().to_owned()), |series, label| {
        series.label(label.key().to_owned(), label.value().to_owned())
    })
}
