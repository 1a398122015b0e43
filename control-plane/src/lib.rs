//! The Tulle control plane.

pub mod crd;
pub mod generate;
pub mod model;
pub mod registry;
pub mod scope;
pub mod store;
