//! `tulle inject`: the injector's own command, under the one program's roof.

pub(crate) use tulle_injector::cli::{InjectArgs, run};
