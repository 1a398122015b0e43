//! Tests of the wire contract as its users see it.

mod generated;
mod properties;
