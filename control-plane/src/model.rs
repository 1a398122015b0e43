//! The one vocabulary of the control plane.
//!
//! Every registry and every dialect lowers to these types; generators read nothing else. Plain data: no serde, no
//! protobuf, no I/O. Everything that came from a user's object carries its [`object::Object`], so that generated
//! configuration can say because of what it exists.

pub mod authn;
pub mod authz;
pub mod config_object;
pub mod endpoint;
pub mod http_action;
pub mod http_match;
pub mod labels;
pub mod load_balancing;
pub mod namespace;
pub mod object;
pub mod route;
pub mod service;
pub mod service_entry;
pub mod sidecar;
pub mod traffic_policy;
pub mod visibility;
pub mod workload;

pub use config_object::ConfigObject;
pub use labels::Labels;
pub use object::{Created, Kind, Object};
pub use visibility::Visibility;

/// A shared, immutable name: cheap to clone, compares by content.
pub type Name = std::sync::Arc<str>;
