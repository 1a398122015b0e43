//! The control plane as a whole: the real app in process, real gRPC over loopback.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod certificates;
mod load;
mod plane;
mod pushes;
