//! The services that a mesh has, as resources: clusters, their endpoints, one listener and one table of routes.

use std::net::SocketAddr;

use xds_proto::pb::envoy::config::cluster::v3::circuit_breakers::Thresholds;
use xds_proto::pb::envoy::config::cluster::v3::cluster::{
    ClusterDiscoveryType, DiscoveryType, EdsClusterConfig,
};
use xds_proto::pb::envoy::config::cluster::v3::{CircuitBreakers, Cluster};
use xds_proto::pb::envoy::config::core::v3::address::Address as AddressKind;
use xds_proto::pb::envoy::config::core::v3::config_source::ConfigSourceSpecifier;
use xds_proto::pb::envoy::config::core::v3::socket_address::PortSpecifier;
use xds_proto::pb::envoy::config::core::v3::{
    Address, AggregatedConfigSource, ApiVersion, ConfigSource, HeaderValue, HeaderValueOption,
    SocketAddress,
};
use xds_proto::pb::envoy::config::endpoint::v3::lb_endpoint::HostIdentifier;
use xds_proto::pb::envoy::config::endpoint::v3::{
    ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints,
};
use xds_proto::pb::envoy::config::listener::v3::filter::ConfigType;
use xds_proto::pb::envoy::config::listener::v3::{Filter, FilterChain, Listener};
use xds_proto::pb::envoy::config::route::v3::route::Action;
use xds_proto::pb::envoy::config::route::v3::route_action::ClusterSpecifier;
use xds_proto::pb::envoy::config::route::v3::route_match::PathSpecifier;
use xds_proto::pb::envoy::config::route::v3::{
    Route, RouteAction, RouteConfiguration, RouteMatch, VirtualHost,
};
use xds_proto::pb::envoy::extensions::filters::http::router::v3::Router;
use xds_proto::pb::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager::RouteSpecifier;
use xds_proto::pb::envoy::extensions::filters::network::http_connection_manager::v3::{
    HttpConnectionManager, HttpFilter, Rds, http_filter,
};
use xds_proto::pb::google::protobuf::{Duration, UInt32Value};
use xds_proto::resource::pack_any;

use super::world::World;
use crate::exchange::AUTHORITY;
use crate::topology::{ENDPOINTS, Service};

/// The field of answers that says which version of the last virtual host was in force.
pub(crate) const VERSION_FIELD: &str = "x-bench-version";
const TABLE: &str = "bench";

/// A mesh of so many services, of which only the last is there: at `backend`, for the host of all requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Catalogue {
    pub(crate) services: usize,
    /// Where the proxy shall listen.
    pub(crate) listen: SocketAddr,
    pub(crate) backend: SocketAddr,
}

impl Catalogue {
    /// Everything that the server offers at first.
    pub(crate) fn world(&self) -> World {
        let mut world = World::default();
        for at in 0..self.services {
            let service = Service::numbered(at);
            world.offer(&cluster(&service.name));
            world.offer(&self.endpoints(at, self.backend));
        }
        world.offer(&self.listener());
        world.offer(&self.routes(0));
        world
    }

    /// One resource of each kind in words: the last service's, and what there is once.
    pub(crate) fn samples(&self) -> Vec<(&'static str, String)> {
        let last = Service::numbered(self.services - 1);
        let mut listener = self.listener();
        for filter in listener
            .filter_chains
            .iter_mut()
            .flat_map(|chain| &mut chain.filters)
        {
            // it is told on its own
            filter.config_type = None;
        }
        let mut routes = self.routes(0);
        routes.virtual_hosts = routes.virtual_hosts.pop().into_iter().collect();
        vec![
            ("Cluster", words(&cluster(&last.name))),
            (
                "ClusterLoadAssignment",
                words(&self.last_endpoints(self.backend)),
            ),
            ("Listener", words(&listener)),
            ("HttpConnectionManager", words(&manager())),
            ("RouteConfiguration", words(&routes)),
        ]
    }

    /// The last service's endpoints, the one that answers at `backend`.
    pub(crate) fn last_endpoints(&self, backend: SocketAddr) -> ClusterLoadAssignment {
        self.endpoints(self.services - 1, backend)
    }

    /// All virtual hosts, the last one in this version.
    pub(crate) fn routes(&self, version: usize) -> RouteConfiguration {
        let mut virtual_hosts: Vec<VirtualHost> = (0..self.services)
            .map(|at| virtual_host(&Service::numbered(at)))
            .collect();
        if let Some(last) = virtual_hosts.last_mut() {
            last.domains.push(AUTHORITY.to_owned());
            last.response_headers_to_add = vec![HeaderValueOption {
                header: Some(HeaderValue {
                    key: VERSION_FIELD.to_owned(),
                    value: version.to_string(),
                    ..HeaderValue::default()
                }),
                ..HeaderValueOption::default()
            }];
        }
        RouteConfiguration {
            name: TABLE.to_owned(),
            virtual_hosts,
            ..RouteConfiguration::default()
        }
    }

    /// Ten endpoints. Of the last service one answers; the others stand by with a lower priority.
    fn endpoints(&self, at: usize, backend: SocketAddr) -> ClusterLoadAssignment {
        let service = Service::numbered(at);
        let mut absent: Vec<LbEndpoint> = service
            .endpoints
            .iter()
            .filter_map(|at| at.parse().ok())
            .map(endpoint)
            .collect();
        let mut localities = Vec::new();
        if at + 1 == self.services {
            absent.truncate(ENDPOINTS - 1);
            localities.push(locality(vec![endpoint(backend)], 0));
        }
        localities.push(locality(absent, u32::from(!localities.is_empty())));
        ClusterLoadAssignment {
            cluster_name: service.name,
            endpoints: localities,
            ..ClusterLoadAssignment::default()
        }
    }

    fn listener(&self) -> Listener {
        let filter = Filter {
            name: "envoy.filters.network.http_connection_manager".to_owned(),
            config_type: Some(ConfigType::TypedConfig(pack_any(&manager()))),
        };
        let chain = FilterChain {
            filters: vec![filter],
            ..FilterChain::default()
        };
        Listener {
            name: "bench".to_owned(),
            address: Some(address(self.listen)),
            filter_chains: vec![chain],
            ..Listener::default()
        }
    }
}

fn manager() -> HttpConnectionManager {
    let router = HttpFilter {
        name: "envoy.filters.http.router".to_owned(),
        config_type: Some(http_filter::ConfigType::TypedConfig(pack_any(
            &Router::default(),
        ))),
        ..HttpFilter::default()
    };
    HttpConnectionManager {
        stat_prefix: "bench".to_owned(),
        route_specifier: Some(RouteSpecifier::Rds(Rds {
            config_source: Some(aggregated()),
            route_config_name: TABLE.to_owned(),
        })),
        http_filters: vec![router],
        ..HttpConnectionManager::default()
    }
}

/// The fields of a message that are set.
fn words(message: &impl std::fmt::Debug) -> String {
    let unset = ["None,", "[],", "\"\",", "0,", "false,"];
    let text = format!("{message:#?}");
    let lines = text.lines().filter(|line| {
        let value = line.split_once(": ").map(|(_, value)| value);
        !value.is_some_and(|value| unset.contains(&value))
    });
    lines.map(|line| format!("{line}\n")).collect()
}

fn cluster(name: &str) -> Cluster {
    let unlimited = || Some(UInt32Value { value: u32::MAX });
    let thresholds = Thresholds {
        max_connections: unlimited(),
        max_pending_requests: unlimited(),
        max_requests: unlimited(),
        max_retries: unlimited(),
        ..Thresholds::default()
    };
    Cluster {
        name: name.to_owned(),
        connect_timeout: Some(Duration {
            seconds: 5,
            nanos: 0,
        }),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Eds.into())),
        eds_cluster_config: Some(EdsClusterConfig {
            eds_config: Some(aggregated()),
            ..EdsClusterConfig::default()
        }),
        circuit_breakers: Some(CircuitBreakers {
            thresholds: vec![thresholds],
            ..CircuitBreakers::default()
        }),
        ..Cluster::default()
    }
}

fn virtual_host(service: &Service) -> VirtualHost {
    let action = RouteAction {
        cluster_specifier: Some(ClusterSpecifier::Cluster(service.name.clone())),
        ..RouteAction::default()
    };
    let route = Route {
        r#match: Some(RouteMatch {
            path_specifier: Some(PathSpecifier::Prefix("/".to_owned())),
            ..RouteMatch::default()
        }),
        action: Some(Action::Route(action)),
        ..Route::default()
    };
    VirtualHost {
        name: service.name.clone(),
        domains: vec![service.host.clone()],
        routes: vec![route],
        ..VirtualHost::default()
    }
}

fn locality(lb_endpoints: Vec<LbEndpoint>, priority: u32) -> LocalityLbEndpoints {
    LocalityLbEndpoints {
        lb_endpoints,
        priority,
        ..LocalityLbEndpoints::default()
    }
}

fn endpoint(at: SocketAddr) -> LbEndpoint {
    let endpoint = Endpoint {
        address: Some(address(at)),
        ..Endpoint::default()
    };
    LbEndpoint {
        host_identifier: Some(HostIdentifier::Endpoint(endpoint)),
        ..LbEndpoint::default()
    }
}

fn address(at: SocketAddr) -> Address {
    let socket = SocketAddress {
        address: at.ip().to_string(),
        port_specifier: Some(PortSpecifier::PortValue(at.port().into())),
        ..SocketAddress::default()
    };
    Address {
        address: Some(AddressKind::SocketAddress(socket)),
    }
}

/// "Ask on the stream that delivered this", however long it takes.
fn aggregated() -> ConfigSource {
    ConfigSource {
        config_source_specifier: Some(
            ConfigSourceSpecifier::Ads(AggregatedConfigSource::default()),
        ),
        initial_fetch_timeout: Some(Duration::default()),
        resource_api_version: ApiVersion::V3.into(),
        ..ConfigSource::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_tell_what_is_set_and_nothing_else() {
        let catalogue = Catalogue {
            services: 3,
            listen: ([127, 0, 0, 1], 1).into(),
            backend: ([127, 0, 0, 1], 2).into(),
        };
        let samples = catalogue.samples();
        let of = |name| &samples.iter().find(|(known, _)| *known == name).unwrap().1;
        assert!(of("Cluster").contains("name: \"service-2\""));
        assert!(of("ClusterLoadAssignment").contains("10.0.2.9"));
        assert!(
            of("HttpConnectionManager").contains("rds: ")
                || of("HttpConnectionManager").contains("Rds(")
        );
        let routes = of("RouteConfiguration");
        assert!(routes.contains("service-2") && !routes.contains("service-1"));
        for (name, text) in &samples {
            assert!(!text.contains(": None,"), "{name}: {text}");
        }
    }
}
