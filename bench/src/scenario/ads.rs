//! Configuration from an xDS server.

use super::shape::scenario;
use super::{Delivery, Length, Measured, Scenario, Work};
use crate::ads::Dialect;
use crate::topology::{Features, Topology};

const MANY: usize = 10_000;
const SOME: usize = 1_000;

pub(super) fn all() -> Vec<Scenario> {
    vec![
        delivery(
            "ads-1000",
            (SOME, Dialect::Delta, Measured::Everything),
            "1,000 services of 10 endpoints from an xDS server, delta: until all is applied",
        ),
        delivery(
            "ads-1000-host",
            (SOME, Dialect::Delta, Measured::VirtualHost),
            "one changed virtual host among 1,000; the whole route table is sent again",
        ),
        delivery(
            "ads-1000-endpoint",
            (SOME, Dialect::Delta, Measured::Endpoint),
            "one changed endpoint among 1,000 services; its cluster's endpoints are sent again",
        ),
        Scenario {
            features: &[Features::Metrics, Features::IstioMetrics],
            ..delivery(
                "ads-10000",
                (MANY, Dialect::Delta, Measured::Everything),
                "10,000 services of 10 endpoints from an xDS server, delta: until all is applied",
            )
        },
        delivery(
            "ads-10000-sotw",
            (MANY, Dialect::StateOfTheWorld, Measured::Everything),
            "the same, state of the world",
        ),
        delivery(
            "ads-one-host",
            (MANY, Dialect::Delta, Measured::VirtualHost),
            "one changed virtual host among 10,000; the whole route table is sent again",
        ),
        delivery(
            "ads-one-endpoint",
            (MANY, Dialect::Delta, Measured::Endpoint),
            "one changed endpoint among 10,000 services; its cluster's endpoints are sent again",
        ),
    ]
}

fn delivery(
    name: &'static str,
    (services, dialect, measured): (usize, Dialect, Measured),
    what: &'static str,
) -> Scenario {
    let work = Work::Delivery(Delivery {
        services,
        dialect,
        measured,
    });
    Scenario {
        length: if services == SOME {
            Length::Quick
        } else {
            Length::Long
        },
        ..scenario(name, Topology::OneHop, work, what)
    }
}
