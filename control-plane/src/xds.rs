//! The ADS server: delta and state-of-the-world xDS over one session type.
//!
//! ```text
//! listen   accept, TLS, HTTP/2, which service is asked for
//! stream   one ADS stream: authenticate, read requests, wait for pushes, write frames
//! session  all types of one stream: order between types, make before break
//! watch    one type of one stream: subscription, what the client holds, nonces
//! delta, sotw   what a request of either dialect means for a watch, and what a watch owes in it
//! frame, body   bytes on the wire; resource bodies are shared by reference
//! status   what every connected proxy was sent and has accepted
//! ```
//! The request path never waits here for anything but its own client, and no client makes another wait.

pub(crate) mod body;
mod debug_dump;
pub(crate) mod debug_request;
mod delta;
mod frame;
pub(crate) mod listen;
mod session;
mod sotw;
pub(crate) mod status;
pub(crate) mod stream;
mod watch;
