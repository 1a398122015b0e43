//! The Tulle control plane.

pub mod model;
pub mod registry;
pub mod store;
