//! Where a value stands.

use std::fmt;

/// Where a value stands: a list on the stack, from the innermost out.
#[derive(Clone, Copy)]
pub(super) struct Frame<'f> {
    pub(super) parent: Option<&'f Frame<'f>>,
    pub(super) step: Step<'f>,
}

#[derive(Clone, Copy)]
pub(super) enum Step<'f> {
    Key(&'f str),
    Index(usize),
}

impl fmt::Display for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            write!(f, "{parent}")?;
        }
        match self.step {
            Step::Key(key) if self.parent.is_some() => write!(f, ".{key}"),
            Step::Key(key) => f.write_str(key),
            Step::Index(index) => write!(f, "[{index}]"),
        }
    }
}
