//! TCP: what the proxy does with connections whose bytes it does not interpret.

pub mod config;
pub(crate) mod copy;
mod counters;
mod metrics;
mod record;
mod serve;

pub(crate) use counters::ClusterCounters;
pub(crate) use metrics::{SeriesKey, TcpSeries};
pub(crate) use record::Record;
pub(crate) use serve::{Session, Speaker, close_unconnected};
