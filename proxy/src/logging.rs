//! Logs to stderr: Envoy's level names and `scope:level` lists on the outside, `tracing` filters inside, changeable
//! while the proxy runs (`/logging`).

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::str::FromStr;
use std::sync::Arc;

use parking_lot::Mutex;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

/// The scopes that have a level of their own; each is a part of the proxy.
pub const SCOPES: [&str; 15] = [
    "admin",
    "app",
    "capture",
    "cluster",
    "config",
    "drain",
    "http",
    "identity",
    "listener",
    "secret",
    "status",
    "tcp",
    "telemetry",
    "transport",
    "xds",
];

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// One line of text.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Levels: a default and exceptions by scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Levels {
    default: LevelFilter,
    scopes: BTreeMap<String, LevelFilter>,
}

impl Default for Levels {
    fn default() -> Self {
        Self {
            default: LevelFilter::INFO,
            scopes: BTreeMap::new(),
        }
    }
}

/// Why a list of levels cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLevels {
    /// The level does not exist.
    #[error("{0:?} is not a log level; use trace, debug, info, warning, error, critical or off")]
    Level(String),
    /// The scope does not exist.
    #[error("{0:?} is not a log scope; use one of {list}", list = SCOPES.join(", "))]
    Scope(String),
}

impl FromStr for Levels {
    type Err = InvalidLevels;

    /// `info`, `xds:debug` or a list such as `warning,xds:debug,http:trace`.
    fn from_str(text: &str) -> Result<Self, InvalidLevels> {
        let mut levels = Self::default();
        for item in text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
        {
            match item.split_once(':') {
                None => levels.default = level(item)?,
                Some((scope, name)) => levels.set(scope, level(name)?)?,
            }
        }
        Ok(levels)
    }
}

impl Levels {
    /// Sets the level of one scope; `default` and `all` are Istio's words for every scope.
    ///
    /// # Errors
    /// When there is no such scope.
    pub fn set(&mut self, scope: &str, level: LevelFilter) -> Result<(), InvalidLevels> {
        match scope {
            "default" | "all" => self.set_all(level),
            scope if SCOPES.contains(&scope) => drop(self.scopes.insert(scope.to_owned(), level)),
            scope => return Err(InvalidLevels::Scope(scope.to_owned())),
        }
        Ok(())
    }

    /// Sets the level of every scope.
    pub fn set_all(&mut self, level: LevelFilter) {
        self.default = level;
        self.scopes.clear();
    }

    /// Scope and level of each, by Envoy's names.
    pub fn list(&self) -> Vec<(&'static str, &'static str)> {
        SCOPES
            .iter()
            .map(|scope| {
                (
                    *scope,
                    name(*self.scopes.get(*scope).unwrap_or(&self.default)),
                )
            })
            .collect()
    }

    fn targets(&self) -> Targets {
        let others = self.default.min(LevelFilter::WARN); // libraries speak only when something is wrong
        let own = self
            .scopes
            .iter()
            .map(|(scope, level)| (format!("tulle_proxy::{scope}"), *level));
        Targets::new()
            .with_default(others)
            .with_target("tulle_proxy", self.default)
            .with_targets(own)
    }
}

/// Parses one of Envoy's level names.
///
/// # Errors
/// When there is no such level.
pub fn level(name: &str) -> Result<LevelFilter, InvalidLevels> {
    match name.to_ascii_lowercase().as_str() {
        "trace" => Ok(LevelFilter::TRACE),
        "debug" => Ok(LevelFilter::DEBUG),
        "info" => Ok(LevelFilter::INFO),
        "warning" | "warn" => Ok(LevelFilter::WARN),
        "error" | "critical" => Ok(LevelFilter::ERROR),
        "off" | "none" => Ok(LevelFilter::OFF),
        _ => Err(InvalidLevels::Level(name.to_owned())),
    }
}

fn name(level: LevelFilter) -> &'static str {
    match level {
        LevelFilter::TRACE => "trace",
        LevelFilter::DEBUG => "debug",
        LevelFilter::INFO => "info",
        LevelFilter::WARN => "warning",
        LevelFilter::ERROR => "error",
        LevelFilter::OFF => "off",
    }
}

/// Changes levels while the proxy runs.
#[derive(Debug, Clone)]
pub struct LogControl {
    levels: Arc<Mutex<Levels>>,
    handle: reload::Handle<Targets, Registry>,
}

impl LogControl {
    /// The levels in force.
    pub fn levels(&self) -> Levels {
        self.levels.lock().clone()
    }

    /// Puts other levels in force.
    pub fn set(&self, levels: Levels) {
        // fails only when the subscriber is gone, that is while the process ends
        let _ = self.handle.reload(levels.targets());
        *self.levels.lock() = levels;
    }
}

/// Starts logging to stderr for the whole process; later calls keep the first subscriber and return a control that
/// changes nothing.
pub fn init(levels: Levels, format: LogFormat) -> LogControl {
    let (filter, handle) = reload::Layer::new(levels.targets());
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let layer = match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // a second call happens when several parts run in one process; the first one's output stays
    let _ = tracing_subscriber::registry()
        .with(layer.with_filter(filter))
        .try_init();
    LogControl {
        levels: Arc::new(Mutex::new(levels)),
        handle,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_envoys_lists() {
        let levels: Levels = "warning,xds:debug".parse().unwrap();
        let list = levels.list();
        assert!(
            list.contains(&("xds", "debug")) && list.contains(&("http", "warning")),
            "{list:?}"
        );
        assert_eq!(
            "loud".parse::<Levels>(),
            Err(InvalidLevels::Level("loud".to_owned()))
        );
        assert_eq!(
            "nothing:info".parse::<Levels>(),
            Err(InvalidLevels::Scope("nothing".to_owned()))
        );
    }

    #[test]
    fn a_default_forgets_the_exceptions() {
        let mut levels: Levels = "xds:debug".parse().unwrap();
        levels.set("all", LevelFilter::ERROR).unwrap();
        assert!(levels.list().iter().all(|(_, level)| *level == "error"));
    }
}
