//! Logs to stderr: levels per scope, as text or JSON.

use std::str::FromStr;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

const CRATE: &str = "tulle_control_plane";
/// Scopes that `--log-level` may name: the modules which log.
const SCOPES: [&str; 9] = [
    "app", "ca", "crd", "debug", "mesh", "push", "registry", "store", "xds",
];

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Levels per scope: `info`, `xds:debug`, `warning,ca:debug,registry:trace`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Levels {
    default: LevelFilter,
    scopes: Vec<(String, LevelFilter)>,
}

/// The list of levels does not parse.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLevels {
    /// Not a level.
    #[error("{0:?} is not a log level; use off, critical, error, warning, info, debug or trace")]
    Level(String),
    /// Not a scope.
    #[error("{0:?} is not a log scope; use default, all, {list}", list = SCOPES.join(", "))]
    Scope(String),
}

impl Default for Levels {
    fn default() -> Self {
        Self {
            default: LevelFilter::INFO,
            scopes: Vec::new(),
        }
    }
}

impl FromStr for Levels {
    type Err = InvalidLevels;

    fn from_str(text: &str) -> Result<Self, InvalidLevels> {
        let mut levels = Self::default();
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            match part.split_once(':') {
                None => levels.default = level(part)?,
                Some(("default" | "all", name)) => levels.default = level(name)?,
                Some((scope, name)) if SCOPES.contains(&scope) => {
                    levels.scopes.push((scope.to_owned(), level(name)?))
                }
                Some((scope, _)) => return Err(InvalidLevels::Scope(scope.to_owned())),
            }
        }
        Ok(levels)
    }
}

impl Levels {
    fn targets(&self) -> Targets {
        let quiet = self.default.min(LevelFilter::WARN);
        let scopes = self
            .scopes
            .iter()
            .map(|(scope, level)| (format!("{CRATE}::{scope}"), *level));
        // Libraries speak up only when something is wrong, unless everything is wanted.
        let libraries = if self.default == LevelFilter::TRACE {
            LevelFilter::TRACE
        } else {
            quiet
        };
        Targets::new()
            .with_default(libraries)
            .with_target(CRATE, self.default)
            .with_targets(scopes)
    }
}

/// Starts logging. A process in which somebody did so before keeps that logger.
pub fn init(levels: &Levels, format: Format) {
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match format {
        Format::Text => lines(levels, fmt::layer()),
        Format::Json => Box::new(
            fmt::layer()
                .json()
                .with_writer(std::io::stderr)
                .with_filter(levels.targets()),
        ),
    };
    if tracing_subscriber::registry()
        .with(layer)
        .try_init()
        .is_err()
    {
        tracing::debug!("logging was set up before");
    }
}

fn lines<S>(levels: &Levels, layer: fmt::Layer<S>) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a> + Send + Sync,
{
    use std::io::IsTerminal;
    let colours = std::io::stderr().is_terminal();
    Box::new(
        layer
            .with_ansi(colours)
            .with_writer(std::io::stderr)
            .with_filter(levels.targets()),
    )
}

fn level(name: &str) -> Result<LevelFilter, InvalidLevels> {
    match name.to_ascii_lowercase().as_str() {
        "off" | "none" => Ok(LevelFilter::OFF),
        "critical" | "error" => Ok(LevelFilter::ERROR),
        "warning" | "warn" => Ok(LevelFilter::WARN),
        "info" => Ok(LevelFilter::INFO),
        "debug" => Ok(LevelFilter::DEBUG),
        "trace" => Ok(LevelFilter::TRACE),
        _ => Err(InvalidLevels::Level(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_per_scope() {
        let levels: Levels = "warning,xds:debug, ca:trace".parse().unwrap();
        assert_eq!(levels.default, LevelFilter::WARN);
        assert_eq!(
            levels.scopes,
            [
                ("xds".into(), LevelFilter::DEBUG),
                ("ca".into(), LevelFilter::TRACE)
            ]
        );
        assert_eq!(
            "default:error".parse::<Levels>().unwrap().default,
            LevelFilter::ERROR
        );
        assert_eq!("".parse::<Levels>().unwrap(), Levels::default());
    }

    #[test]
    fn unknown_scopes_and_levels_are_named_with_the_choices() {
        let scope = "router:debug".parse::<Levels>().unwrap_err().to_string();
        assert!(
            scope.contains("router") && scope.contains("registry"),
            "{scope}"
        );
        let level = "loud".parse::<Levels>().unwrap_err().to_string();
        assert!(level.contains("loud") && level.contains("trace"), "{level}");
    }

    #[test]
    fn a_scope_at_debug_leaves_the_others_alone() {
        let targets = "info,xds:debug".parse::<Levels>().unwrap().targets();
        assert!(targets.would_enable("tulle_control_plane::xds::stream", &tracing::Level::DEBUG));
        assert!(!targets.would_enable("tulle_control_plane::ca", &tracing::Level::DEBUG));
        assert!(!targets.would_enable("h2::proto", &tracing::Level::INFO));
    }
}
