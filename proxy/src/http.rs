//! HTTP: message heads, codecs, routes, and the serving of one connection.

mod client_cert;
pub mod codec;
pub mod config;
mod connection;
pub(crate) mod deadline;
mod edits;
pub mod filter;
mod filters;
mod forward;
mod free_list;
mod handle;
pub(crate) mod hash;
pub mod head;
mod introduce;
pub mod local;
mod local_reply;
mod log;
mod measure;
mod path;
mod prepare;
mod redirect;
mod respond;
pub mod route;
pub mod serve;
mod stats;

pub use self::local::{Local, Shared};
pub use self::serve::serve;
