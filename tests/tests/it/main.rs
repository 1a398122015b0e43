//! Tests that may see every crate.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod cost;
mod envoy;
mod explain;
mod fuzz;
mod http1;
mod lifecycle;
mod mesh;
mod refusals;
mod state_of_the_world;
mod tidy;
