//! The scenarios, as code.

mod ads;
mod http;
mod layer4;
mod resources;
mod shape;

use std::time::Duration;

use crate::ads::Dialect;
use crate::certificate::Key;
use crate::exchange::Exchange;
use crate::figure::Metric;
use crate::load::{Life, Pace};
use crate::topology::{Features, Topology};

/// One line of comparison.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) topology: Topology,
    pub(crate) key: Key,
    /// Every peer runs once with each.
    pub(crate) features: &'static [Features],
    pub(crate) work: Work,
    pub(crate) length: Length,
}

/// Whether a scenario is run where no names are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    Always,
    /// Only by quick comparisons, in place of a longer one.
    Quick,
    /// Not by quick comparisons.
    Long,
}

/// What is done and counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Work {
    Traffic(Traffic),
    /// Memory of proxies that have served one exchange.
    Idle(Exchange),
    /// Time from the start of the process to the first right answer, and memory then, with so many more services of
    /// ten endpoints in the configuration.
    Start {
        exchange: Exchange,
        services: usize,
    },
    /// Memory of connections that have served one exchange each and wait.
    IdleConnections {
        exchange: Exchange,
        count: usize,
    },
    /// Configuration that comes from an xDS server.
    Delivery(Delivery),
}

/// What an xDS server sends: so many services of ten endpoints, all of which the proxy subscribes to, and then changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) services: usize,
    pub(crate) dialect: Dialect,
    pub(crate) measured: Measured,
}

/// What of a delivery is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measured {
    /// All of it, from the start of the process.
    Everything,
    /// Changes of the last virtual host.
    VirtualHost,
    /// Changes of the last service's endpoint.
    Endpoint,
}

/// Exchanges for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Traffic {
    pub(crate) exchange: Exchange,
    pub(crate) connections: usize,
    pub(crate) streams: usize,
    pub(crate) life: Life,
    pub(crate) pace: Pace,
}

impl Traffic {
    /// Whether the proxies get as much to do as they can do.
    pub(crate) fn saturates(&self) -> bool {
        self.pace == Pace::Closed && self.connections * self.streams > 1
    }

    /// Whether latencies say something of the proxies, and not only how long the queue is.
    pub(crate) fn tells_latency(&self) -> bool {
        self.exchange != Exchange::Download && (self.connections == 1 || self.pace != Pace::Closed)
    }
}

impl Work {
    /// What is said on the path.
    pub(crate) fn exchange(self) -> Exchange {
        match self {
            Work::Traffic(traffic) => traffic.exchange,
            Work::Idle(exchange)
            | Work::Start { exchange, .. }
            | Work::IdleConnections { exchange, .. } => exchange,
            Work::Delivery(_) => shape::HTTP1,
        }
    }

    /// Whether latencies say something of the proxies.
    pub(crate) fn tells_latency(self) -> bool {
        matches!(self, Work::Traffic(traffic) if traffic.tells_latency())
    }

    /// Metrics that count besides the first.
    pub(crate) fn also(self) -> Vec<Metric> {
        match self {
            Work::Traffic(traffic) if traffic.pace != Pace::Closed => {
                vec![Metric::AddedP50, Metric::AddedP99]
            }
            Work::Traffic(traffic) if traffic.exchange == Exchange::Download => {
                vec![Metric::Bandwidth]
            }
            Work::Traffic(traffic) if traffic.connections == 1 => {
                vec![Metric::P50, Metric::AddedP50, Metric::AddedP99]
            }
            Work::Traffic(_) => vec![Metric::Rate],
            Work::Start { .. } => vec![Metric::Pss],
            Work::Delivery(delivery) => match delivery.measured {
                Measured::Everything => vec![Metric::ApplyCpu, Metric::Pss],
                Measured::VirtualHost | Measured::Endpoint => vec![Metric::Effective],
            },
            Work::Idle(_) | Work::IdleConnections { .. } => Vec::new(),
        }
    }

    /// Whether all rounds are measured in the same processes; else every round has new ones.
    pub(crate) fn keeps_processes(self) -> bool {
        match self {
            Work::Traffic(_) => true,
            Work::Delivery(delivery) => delivery.measured != Measured::Everything,
            Work::Idle(_) | Work::Start { .. } | Work::IdleConnections { .. } => false,
        }
    }

    /// Services in the configuration besides the one that is used.
    pub(crate) fn services(self) -> usize {
        match self {
            Work::Start { services, .. } => services,
            Work::Traffic(_) | Work::Idle(_) | Work::IdleConnections { .. } | Work::Delivery(_) => {
                0
            }
        }
    }
}

/// How long memory settles before it is read.
pub(crate) const SETTLE: Duration = Duration::from_millis(1_500);

/// All scenarios, in the order in which they are run.
pub(crate) fn all() -> Vec<Scenario> {
    [http::all(), layer4::all(), resources::all(), ads::all()].concat()
}
