//! The two wire forms of HTTP: our own HTTP/1 and the `h2` crate's HTTP/2.

pub mod buffers;
pub mod h1;
pub(crate) mod h2;
pub(crate) mod leg;
pub(crate) mod pump;
