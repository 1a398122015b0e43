//! An access log ready to be written: the compiled line, and the filter that lets requests and connections through.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::ResponseFlags;
use super::format::Operator;
use super::line::Line;
use super::sink::{Outbox, Sink};
use crate::config::access_log::{AccessLogConfig, AccessLogFilter, Comparison};

/// An access log with its compiled line, and where lines of this worker go.
#[derive(Debug)]
pub(crate) struct Log {
    config: Arc<AccessLogConfig>,
    line: Line,
    sink: Rc<Sink>,
}

/// What filters look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Summary {
    pub(crate) flags: ResponseFlags,
    /// The status of the response; 0 for a connection.
    pub(crate) status: u16,
    /// How long it has lasted.
    pub(crate) lasted: Duration,
}

impl Log {
    /// Compiles a log; one that cannot be written is said to be so and left out.
    pub(crate) fn compile(config: &Arc<AccessLogConfig>, outbox: &Outbox) -> Option<Self> {
        match Line::compile(&config.format) {
            Ok(line) => Some(Self {
                config: Arc::clone(config),
                line,
                sink: outbox.sink(&config.sink),
            }),
            Err(error) => {
                tracing::warn!(%error, "an access log is not written");
                None
            }
        }
    }

    /// Whether the log wants this one.
    pub(crate) fn wants(&self, summary: Summary) -> bool {
        passes(&self.config.filter, summary)
    }

    /// Puts a line into the outbox that the log was compiled for; `fill` appends the value of an operator, in whatever
    /// encoding it came, or nothing when there is none. Must run on a worker.
    pub(crate) fn append(&self, outbox: &Rc<Outbox>, fill: impl Fn(&Operator, &mut Vec<u8>)) {
        outbox.append(&self.sink, |out| self.line.write(out, fill));
    }
}

fn passes(filter: &AccessLogFilter, summary: Summary) -> bool {
    match filter {
        AccessLogFilter::All | AccessLogFilter::NotHealthCheck => true,
        AccessLogFilter::ResponseFlags(wanted) if wanted.is_empty() => !summary.flags.is_empty(),
        AccessLogFilter::ResponseFlags(wanted) => {
            let flags = summary.flags.to_string();
            flags
                .split(',')
                .any(|flag| wanted.iter().any(|wanted| wanted == flag))
        }
        AccessLogFilter::Status(comparison, limit) => {
            compare(*comparison, u128::from(summary.status), *limit)
        }
        AccessLogFilter::DurationMs(comparison, limit) => {
            compare(*comparison, summary.lasted.as_millis(), *limit)
        }
        AccessLogFilter::And(all) => all.iter().all(|filter| passes(filter, summary)),
        AccessLogFilter::Or(any) => any.iter().any(|filter| passes(filter, summary)),
    }
}

fn compare(comparison: Comparison, value: u128, limit: u32) -> bool {
    match comparison {
        Comparison::Equal => value == u128::from(limit),
        Comparison::Different => value != u128::from(limit),
        Comparison::AtLeast => value >= u128::from(limit),
        Comparison::AtMost => value <= u128::from(limit),
    }
}
