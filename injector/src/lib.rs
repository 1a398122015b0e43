//! The Tulle sidecar injector.
