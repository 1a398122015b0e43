#![allow(deprecated, reason = "old header matchers are still written")]

use xds_proto::pb::envoy::config::route::v3 as pb;
use xds_proto::pb::envoy::config::route::v3::route::Action as WireAction;
use xds_proto::pb::envoy::config::route::v3::route_action::ClusterSpecifier;
use xds_proto::pb::envoy::config::route::v3::route_match::PathSpecifier;

use super::*;
use crate::config::not_honoured::NotHonouredFields;
use crate::config::wire::Conversion;
use crate::http::route::{Action, Routes};
use crate::secret::Secrets;

fn convert(
    table: pb::RouteConfiguration,
) -> Result<RouteTable, crate::config::invalid::InvalidRoute> {
    let (secrets, routes) = (Secrets::new(), Routes::new());
    let cx = Conversion {
        secrets: &secrets,
        routes: &routes,
        notes: NotHonouredFields::of("route", "test"),
    };
    RouteTable::from_proto(table, bytes::Bytes::new(), cx)
}

fn to(cluster: &str, path: PathSpecifier) -> pb::Route {
    pb::Route {
        name: cluster.into(),
        r#match: Some(pb::RouteMatch {
            path_specifier: Some(path),
            ..Default::default()
        }),
        action: Some(WireAction::Route(pb::RouteAction {
            cluster_specifier: Some(ClusterSpecifier::Cluster(cluster.into())),
            ..Default::default()
        })),
        ..Default::default()
    }
}

fn all(cluster: &str) -> pb::Route {
    to(cluster, PathSpecifier::Prefix("/".into()))
}

fn host(name: &str, domains: &[&str], routes: Vec<pb::Route>) -> pb::VirtualHost {
    let domains = domains.iter().map(|domain| (*domain).to_owned()).collect();
    pb::VirtualHost {
        name: name.into(),
        domains,
        routes,
        ..Default::default()
    }
}

fn table(virtual_hosts: Vec<pb::VirtualHost>) -> RouteTable {
    convert(pb::RouteConfiguration {
        name: "t".into(),
        virtual_hosts,
        ..Default::default()
    })
    .expect("a valid table")
}

fn route(
    table: &RouteTable,
    authority: &str,
    path: &str,
    headers: &[(&'static str, &'static str)],
) -> String {
    let headers = headers
        .iter()
        .map(|(name, value)| {
            (
                ::http::HeaderName::from_static(name),
                ::http::HeaderValue::from_static(value),
            )
        })
        .collect::<::http::HeaderMap>();
    let facts = RequestFacts {
        method: "GET",
        path,
        authority,
        scheme: "http",
        headers: &headers,
        secure: false,
        internal: false,
        client_certificate: None,
        random: 0,
    };
    table.find(&facts).map_or_else(
        |none| none.to_string(),
        |decision| decision.route.name.to_string(),
    )
}

#[test]
fn virtual_hosts_are_found_exact_then_suffix_then_prefix_then_any() {
    let table = table(vec![
        host("any", &["*"], vec![all("any")]),
        host("exact", &["a.example.com"], vec![all("exact")]),
        host("suffix", &["*.example.com"], vec![all("suffix")]),
        host("longer", &["*.b.example.com"], vec![all("longer")]),
        host("prefix", &["a.*"], vec![all("prefix")]),
    ]);
    for (authority, wanted) in [
        ("a.example.com", "exact"),
        ("A.Example.COM", "exact"),
        ("c.example.com", "suffix"),
        ("c.b.example.com", "longer"),
        ("a.example.org", "prefix"),
        ("example.com", "any"),
        ("a.example.com:8080", "prefix"),
    ] {
        assert_eq!(route(&table, authority, "/", &[]), wanted, "{authority}");
    }
}

#[test]
fn the_first_route_that_matches_wins() {
    let regex = xds_proto::pb::envoy::r#type::matcher::v3::RegexMatcher {
        regex: "/v[0-9]+".into(),
        ..Default::default()
    };
    let table = table(vec![host(
        "h",
        &["*"],
        vec![
            to("exact", PathSpecifier::Path("/exact".into())),
            to("regex", PathSpecifier::SafeRegex(regex)),
            to("segment", PathSpecifier::PathSeparatedPrefix("/seg".into())),
            to("prefix", PathSpecifier::Prefix("/pre".into())),
        ],
    )]);
    for (path, wanted) in [
        ("/exact?query", "exact"),
        ("/v12", "regex"),
        ("/v12/more", "no route of virtual host \"h\" matches"),
        ("/seg", "segment"),
        ("/seg/below?x=1", "segment"),
        ("/segment", "no route of virtual host \"h\" matches"),
        ("/prefixed", "prefix"),
    ] {
        assert_eq!(route(&table, "x", path, &[]), wanted, "{path}");
    }
}

#[test]
fn headers_and_their_absence_decide() {
    let matcher = |name: &str, specifier, invert_match| pb::HeaderMatcher {
        name: name.into(),
        invert_match,
        header_match_specifier: Some(specifier),
        ..Default::default()
    };
    use pb::header_matcher::HeaderMatchSpecifier::{PrefixMatch, PresentMatch, RangeMatch};
    let range = xds_proto::pb::envoy::r#type::v3::Int64Range { start: 1, end: 10 };
    for (matcher, headers, wanted) in [
        (
            matcher("end-user", PrefixMatch("ja".into()), false),
            vec![("end-user", "jason")],
            true,
        ),
        (
            matcher("end-user", PrefixMatch("ja".into()), true),
            vec![("end-user", "jason")],
            false,
        ),
        (
            matcher("end-user", PrefixMatch("ja".into()), true),
            vec![],
            false,
        ),
        (
            matcher("x-n", RangeMatch(range), false),
            vec![("x-n", "9")],
            true,
        ),
        (
            matcher("x-n", RangeMatch(range), false),
            vec![("x-n", "10")],
            false,
        ),
        (matcher("x-n", PresentMatch(false), false), vec![], true),
        (
            matcher(":method", PrefixMatch("GE".into()), false),
            vec![],
            true,
        ),
    ] {
        let mut wanted_route = all("yes");
        let shown = format!("{matcher:?} {headers:?}");
        wanted_route.r#match.get_or_insert_default().headers = vec![matcher];
        let table = table(vec![host("h", &["*"], vec![wanted_route])]);
        assert_eq!(
            route(&table, "x", "/", &headers) == "yes",
            wanted,
            "{shown}"
        );
    }
}

#[test]
fn a_refused_table_names_the_field() {
    let mut broken = all("x");
    broken.r#match = None;
    for (hosts, wanted) in [
        (
            vec![host("h", &["*"], vec![broken])],
            "virtual_hosts[0].routes[0].match: is required",
        ),
        (
            vec![host("h", &[], vec![])],
            "virtual_hosts[0].domains: at least one is required",
        ),
        (
            vec![host("a", &["x"], vec![]), host("b", &["X"], vec![])],
            "virtual_hosts: domain \"x\" stands in more than one virtual host",
        ),
    ] {
        let table = pb::RouteConfiguration {
            name: "t".into(),
            virtual_hosts: hosts,
            ..Default::default()
        };
        let error = convert(table).expect_err("it is broken").to_string();
        assert!(error.contains(wanted), "{error}");
    }
}

#[test]
fn weights_share_requests_exactly() {
    let weight = |name: &str, weight| pb::weighted_cluster::ClusterWeight {
        name: name.into(),
        weight: Some(xds_proto::pb::google::protobuf::UInt32Value { value: weight }),
        ..Default::default()
    };
    let mut weighted = all("w");
    weighted.action = Some(WireAction::Route(pb::RouteAction {
        cluster_specifier: Some(ClusterSpecifier::WeightedClusters(pb::WeightedCluster {
            clusters: vec![weight("v1", 90), weight("v2", 10)],
            ..Default::default()
        })),
        ..Default::default()
    }));
    let table = table(vec![host("h", &["*"], vec![weighted])]);
    let Action::Forward(forward) = &table.virtual_hosts[0].routes[0].action else {
        panic!("it forwards")
    };
    let headers = ::http::HeaderMap::new();
    let facts = RequestFacts {
        method: "GET",
        path: "/",
        authority: "x",
        scheme: "http",
        headers: &headers,
        secure: false,
        internal: false,
        client_certificate: None,
        random: 0,
    };
    let v2 = (0..100)
        .filter(|random| {
            forward
                .pick_cluster(&facts, *random)
                .is_ok_and(|pick| pick.name == "v2")
        })
        .count();
    assert_eq!(v2, 10);
}
