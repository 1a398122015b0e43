//! Interception modes: `REDIRECT`, `TPROXY`, `NONE`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How traffic gets into the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum InterceptionMode {
    /// Redirect rules; the proxy sees its own address as the source of inbound traffic.
    #[default]
    #[serde(rename = "REDIRECT")]
    Redirect,
    /// Transparent sockets; the client's address stays visible.
    #[serde(rename = "TPROXY")]
    Tproxy,
    /// Nothing is captured; clients address the proxy's ports.
    #[serde(rename = "NONE")]
    None,
}

impl InterceptionMode {
    /// The word used in annotations, metadata and flags.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Redirect => "REDIRECT",
            Self::Tproxy => "TPROXY",
            Self::None => "NONE",
        }
    }
}

impl fmt::Display for InterceptionMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is not an interception mode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an interception mode; expected REDIRECT, TPROXY or NONE")]
pub struct InvalidInterceptionMode(String);

impl FromStr for InterceptionMode {
    type Err = InvalidInterceptionMode;

    fn from_str(text: &str) -> Result<Self, InvalidInterceptionMode> {
        let modes = [Self::Redirect, Self::Tproxy, Self::None];
        let found = modes.into_iter().find(|mode| mode.as_str() == text);
        found.ok_or_else(|| InvalidInterceptionMode(text.to_owned()))
    }
}
