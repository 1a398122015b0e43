//! Tests that may see every crate.

mod envoy;
mod fuzz;
mod mesh;
mod tidy;
