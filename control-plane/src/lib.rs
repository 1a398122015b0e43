//! The Tulle control plane.

pub mod model;
