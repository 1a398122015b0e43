//! HTTP through a connection manager, on real sockets.

mod harness;
mod http1;
mod http2;
mod levels;
mod limits;
mod retries;
mod telemetry;
mod upstream_h2;
mod waits;
