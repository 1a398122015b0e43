//! The xDS client: one aggregated stream, incremental or state of the world, that keeps the stores up to date.
//!
//! * [`subscription`] says what to ask (pure), [`response`] what was answered (pure);
//! * [`client`] owns the stream: connect, ask, apply, answer, and again with back-off when it is lost;
//! * [`apply`] owns the order in which resources take effect and the warming of what is not complete yet;
//! * [`state`] is what `/config_dump`, `/ready` and the log show of it.
//!
//! It decides nothing about traffic: a lost server leaves everything that was applied in place.

pub(crate) mod apply;
mod backoff;
pub(crate) mod client;
mod dialect;
mod response;
pub mod state;
mod subscription;

pub use dialect::Dialect;
