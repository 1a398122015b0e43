//! The Tulle sidecar injector: decide, build the sidecar, patch the pod.
//!
//! One library for the webhook, `tulle inject -f` and the demo. See [`inject`].

pub mod cli;
mod config;
mod decide;
mod documents;
mod error;
mod inject;
mod meta;
mod pod;
mod probes;
mod prometheus;
mod settings;
mod sidecar;

pub use config::{Config, Resources};
pub use decide::{Decision, InjectReason, InvalidSelector, Policy, Selector, SkipReason, decide};
pub use documents::{Documents, Report, inject_documents};
pub use error::InjectError;
pub use inject::{Injected, inject, inject_owned};
pub use meta::{NamespaceMeta, Owner, PodMeta};
