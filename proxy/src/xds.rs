//! The xDS client: streams, incremental or state of the world, and files that keep the stores up to date.
//!
//! * [`subscription`] says what to ask (pure), [`response`] what was answered (pure);
//! * [`follow`] starts what follows a source: [`client`] owns one stream (connect, ask, apply, answer, and again with
//!   back-off when it is lost), [`file`] one file;
//! * [`shared`] is the one applier that all of them use;
//! * [`apply`] owns the order in which resources take effect and the warming of what is not complete yet;
//! * [`state`] is what `/config_dump`, `/ready` and the log show of it.
//!
//! It decides nothing about traffic: a lost server leaves everything that was applied in place.

pub(crate) mod apply;
mod backoff;
mod client;
mod dialect;
mod file;
pub(crate) mod follow;
mod refusals;
mod response;
mod shared;
pub mod state;
mod stream;
mod subscription;
pub(crate) mod wire;

pub use dialect::Dialect;

#[cfg(test)]
mod tests;
