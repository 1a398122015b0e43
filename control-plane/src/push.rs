//! From a changed world to the streams that care: settle, invalidate, wake.
//!
//! ```text
//! store → settle (debounce) → Publisher::publish → class views invalidated, mailboxes filled → stream tasks
//! ```
//! A publication only marks what may have changed. Streams generate lazily through the [`View`] of their class, which
//! keeps each resource until something it depends on changes; so a resource is generated once per class, and a stream
//! that is busy finds one merged mark instead of a queue.

mod class;
mod debounce;
mod impact;
mod mailbox;
mod moved;
mod publisher;
mod view;

pub(crate) use debounce::settle;
pub(crate) use mailbox::Pending;
pub(crate) use publisher::{Proxy, Publisher, Seat};
pub(crate) use view::{View, host_of};
