//! `tls` and `tcp` rules.

use super::conditions::source;
use super::{RawDestination, each, weights};
use crate::crd::cx::Cx;
use crate::crd::problem::Invalid;
use crate::crd::value::{Count, Port, Wildcard, check_host};
use crate::model::Name;
use crate::model::http_action::HeaderOps;
use crate::model::route::{ConnectionMatch, TcpRoute, TlsMatch, TlsRoute, WeightedDestination};
use crate::store::hosts;
use ipnet::IpNet;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::IpAddr;

#[derive(Deserialize)]
pub(super) struct RawTlsRoute {
    r#match: Vec<RawTlsMatch>,
    #[serde(default)]
    route: Vec<RawShare>,
}

#[derive(Deserialize)]
pub(super) struct RawTcpRoute {
    #[serde(default)]
    r#match: Vec<RawConnectionMatch>,
    #[serde(default)]
    route: Vec<RawShare>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawTlsMatch {
    sni_hosts: Vec<String>,
    #[serde(default)]
    destination_subnets: Vec<String>,
    port: Option<Port>,
    #[serde(default)]
    source_labels: BTreeMap<String, String>,
    #[serde(default)]
    gateways: Vec<String>,
    source_namespace: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawConnectionMatch {
    destination_subnets: Vec<String>,
    port: Option<Port>,
    source_labels: BTreeMap<String, String>,
    gateways: Vec<String>,
    source_namespace: Option<String>,
}

#[derive(Deserialize)]
struct RawShare {
    destination: RawDestination,
    weight: Option<Count>,
}

impl RawTlsRoute {
    pub(super) fn lower(
        self,
        index: usize,
        at: &str,
        hosts: &[Name],
        cx: &Cx<'_>,
    ) -> Result<TlsRoute, Invalid> {
        if self.r#match.is_empty() {
            return Err(Invalid::new("a tls rule needs `match` with sniHosts; add it").at(at));
        }
        let matches = each(self.r#match, &format!("{at}.match"), |_, at, raw| {
            raw.lower(at, hosts, cx)
        })?;
        Ok(TlsRoute {
            index,
            matches,
            destinations: shares(self.route, at, cx)?,
        })
    }
}

impl RawTlsMatch {
    fn lower(self, at: &str, hosts: &[Name], cx: &Cx<'_>) -> Result<TlsMatch, Invalid> {
        if self.sni_hosts.is_empty() {
            return Err(
                Invalid::new("`sniHosts` is empty; name the servers").at(&format!("{at}.sniHosts"))
            );
        }
        let sni_hosts = each(self.sni_hosts, &format!("{at}.sniHosts"), |_, at, host| {
            check_host(&host, Wildcard::Allowed).map_err(|invalid| invalid.at(at))?;
            let name: Name = host.to_ascii_lowercase().into();
            match hosts.iter().any(|own| hosts::covers(own, &name)) {
                true => Ok(name),
                false => Err(Invalid::new(format_args!(
                    "`{host}` is not among spec.hosts; add it there"
                ))
                .at(at)),
            }
        })?;
        let connection = RawConnectionMatch {
            destination_subnets: self.destination_subnets,
            port: self.port,
            source_labels: self.source_labels,
            gateways: self.gateways,
            source_namespace: self.source_namespace,
        };
        Ok(TlsMatch {
            sni_hosts,
            connection: connection.lower(at, cx)?,
        })
    }
}

impl RawTcpRoute {
    pub(super) fn lower(self, index: usize, at: &str, cx: &Cx<'_>) -> Result<TcpRoute, Invalid> {
        let matches = each(self.r#match, &format!("{at}.match"), |_, at, raw| {
            raw.lower(at, cx)
        })?;
        Ok(TcpRoute {
            index,
            matches,
            destinations: shares(self.route, at, cx)?,
        })
    }
}

impl RawConnectionMatch {
    fn lower(self, at: &str, cx: &Cx<'_>) -> Result<ConnectionMatch, Invalid> {
        let subnets = each(
            self.destination_subnets,
            &format!("{at}.destinationSubnets"),
            |_, at, text| {
                let network = text
                    .parse::<IpNet>()
                    .ok()
                    .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
                network.map(|network| network.trunc()).ok_or_else(|| {
                    Invalid::new(format_args!(
                        "`{text}` is no subnet; write 10.0.0.0/8 or an address"
                    ))
                    .at(at)
                })
            },
        )?;
        Ok(ConnectionMatch {
            destination_subnets: subnets,
            port: self.port.map(|port| port.0),
            source: source(
                self.source_labels,
                self.source_namespace,
                &self.gateways,
                cx,
            ),
        })
    }
}

fn shares(raw: Vec<RawShare>, at: &str, cx: &Cx<'_>) -> Result<Vec<WeightedDestination>, Invalid> {
    let at = format!("{at}.route");
    if raw.is_empty() {
        return Err(Invalid::new("the rule has no destination; add `route`").at(&at));
    }
    let weights = weights(
        &raw.iter().map(|share| share.weight).collect::<Vec<_>>(),
        &at,
    )?;
    each(
        raw,
        &at,
        |index,
         at,
         RawShare {
             destination,
             weight: _,
         }| {
            let destination = destination.lower(&format!("{at}.destination"), cx)?;
            Ok(WeightedDestination {
                destination,
                weight: weights[index],
                headers: HeaderOps::default(),
            })
        },
    )
}
