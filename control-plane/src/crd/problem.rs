//! What is wrong with a user's YAML, and where.

use crate::model::Object;
use std::fmt;

/// A place in a text; both count from 1, columns in characters. 0 = unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: u64,
    /// The column.
    pub column: u64,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The object is used, but something in it has no effect.
    Warning,
    /// The object, or the whole file, is not used.
    Error,
}

/// One finding. Prints as `12:5: VirtualService default/reviews: spec.http[0].timeout: what is wrong; what to do`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where.
    pub position: Position,
    /// How bad.
    pub severity: Severity,
    /// In which object, if that could be read.
    pub object: Option<Object>,
    /// The field, as a path from the object's root; may be empty.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it; may be empty.
    pub hint: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            position,
            severity: _,
            object,
            path,
            message,
            hint,
        } = self;
        write!(f, "{}:{}: ", position.line, position.column)?;
        if let Some(object) = object {
            write!(f, "{object}: ")?;
        }
        if !path.is_empty() {
            write!(f, "{path}: ")?;
        }
        f.write_str(message)?;
        match hint.is_empty() {
            true => Ok(()),
            false => write!(f, "; {hint}"),
        }
    }
}

/// Why a value is not valid: what is wrong and, after the first `; `, what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Invalid {
    pub(crate) message: String,
    pub(crate) hint: String,
    /// Where, once that is known.
    pub(crate) place: Option<Place>,
}

/// A field: its path from the object's root, and its position.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) path: String,
    pub(crate) position: Position,
}

impl Invalid {
    pub(crate) fn new(text: impl fmt::Display) -> Self {
        let text = text.to_string();
        let (message, hint) = text.split_once("; ").unwrap_or((&text, ""));
        Self {
            message: message.to_owned(),
            hint: hint.to_owned(),
            place: None,
        }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.hint.is_empty() {
            true => f.write_str(&self.message),
            false => write!(f, "{}; {}", self.message, self.hint),
        }
    }
}

impl std::error::Error for Invalid {}

impl serde::de::Error for Invalid {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message)
    }

    fn invalid_type(found: serde::de::Unexpected<'_>, expected: &dyn serde::de::Expected) -> Self {
        use serde::de::Unexpected::{Bool, Float, Signed, Unsigned};
        let scalar = matches!(found, Bool(_) | Float(_) | Signed(_) | Unsigned(_));
        let hint = if scalar {
            "; if text is meant, put it in quotes"
        } else {
            ""
        };
        Self::new(format_args!("expected {expected}, found {found}{hint}"))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format_args!("`{field}` is missing; add it"))
    }
}
