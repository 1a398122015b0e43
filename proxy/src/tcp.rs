//! TCP: what the proxy does with connections whose bytes it does not interpret.

pub mod config;
