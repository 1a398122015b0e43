//! Who a proxy says it is: the node id and the node metadata of its bootstrap.

mod id;
mod interception;
mod lenient;
mod metadata;

pub use id::{InvalidNodeId, NodeId, ProxyKind};
pub use interception::{InterceptionMode, InvalidInterceptionMode};
pub use metadata::{InvalidNodeMetadata, NodeMetadata, PodPort};
