//! TCP: what the proxy does with connections whose bytes it does not interpret.

pub mod config;
pub(crate) mod copy;
mod counters;
mod serve;

pub(crate) use counters::ClusterCounters;
pub(crate) use serve::{Session, Speaker, first_to_speak};
