//! Access logs as configuration names them. Source: Envoy `config.accesslog.v3.AccessLog` with the file, stdout and
//! stderr loggers.

pub(crate) mod proto;

use std::path::PathBuf;

/// One access log.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AccessLogConfig {
    /// Where lines go.
    pub sink: AccessLogSink,
    /// What a line says.
    pub format: AccessLogFormat,
    /// Which requests are written.
    pub filter: AccessLogFilter,
}

/// Where an access log goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AccessLogSink {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A file, appended to.
    File(PathBuf),
}

/// What a line of an access log says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AccessLogFormat {
    /// Envoy's default line.
    Default,
    /// Command operators in text; the line end is part of it.
    Text(String),
    /// A JSON object whose string values hold command operators; the keys in this order.
    Json(Vec<(String, JsonField)>),
}

/// A value in a JSON access log.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum JsonField {
    /// Text with command operators.
    Text(String),
    /// A literal, already encoded as JSON.
    Literal(String),
    /// An object.
    Object(Vec<(String, JsonField)>),
}

/// Which requests or connections are written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AccessLogFilter {
    /// All.
    All,
    /// Those with any of these response flags, such as `NR`; any flag at all where the list is empty.
    ResponseFlags(Vec<String>),
    /// Those whose status compares so.
    Status(Comparison, u32),
    /// Those whose duration in milliseconds compares so.
    DurationMs(Comparison, u32),
    /// Those that all of these let through.
    And(Vec<AccessLogFilter>),
    /// Those that any of these lets through.
    Or(Vec<AccessLogFilter>),
    /// All but health checks.
    NotHealthCheck,
}

/// How a number is compared with a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// Equal.
    Equal,
    /// At least.
    AtLeast,
    /// At most.
    AtMost,
    /// Not equal.
    Different,
}
