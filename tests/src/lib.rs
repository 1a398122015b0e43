//! What the whole-mesh tests and the house-rule tests of Tulle share.

pub mod fuzz;
mod skip;

pub use skip::skip;
