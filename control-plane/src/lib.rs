//! The Tulle control plane.
