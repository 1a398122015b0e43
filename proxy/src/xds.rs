//! The xDS client: one aggregated stream, incremental or state of the world, that keeps the stores up to date.

mod dialect;
pub mod state;

pub use dialect::Dialect;
