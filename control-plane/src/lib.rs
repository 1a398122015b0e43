//! The Tulle control plane.

pub mod app;
pub mod ca;
pub mod config;
pub mod crd;
pub mod data_dir;
mod debug;
pub mod flag;
pub mod generate;
mod identity;
pub mod log;
mod mesh;
mod metrics;
pub mod model;
mod push;
pub mod registry;
pub mod scope;
pub mod store;
pub mod token;
pub mod version;
mod xds;
