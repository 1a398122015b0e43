//! A control plane for measurements: a small aggregated xDS server that offers as many services as a scenario wants, in
//! whichever dialect the proxy asks, and reports what the proxy says of them.

pub(crate) mod catalogue;
mod progress;
mod server;
mod stream;
mod subscription;
mod world;

pub(crate) use server::Server;

use std::net::SocketAddr;

/// The dialect that a proxy is told to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Delta,
    StateOfTheWorld,
}

/// Where a proxy finds the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Control {
    pub(crate) at: SocketAddr,
    pub(crate) dialect: Dialect,
}
