//! Tests that may see every crate.

mod fuzz;
mod tidy;
