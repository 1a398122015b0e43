//! What capture needs besides rules: the `::6` loopback address, and in TPROXY mode a route that delivers marked packets
//! locally.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use nlink::netlink::addr::Ipv6Address;
use nlink::netlink::route::{Ipv4Route, Ipv6Route, RouteType};
use nlink::netlink::rule::RuleBuilder;
use nlink::netlink::types::route::RouteScope;
use nlink::netlink::{Connection, Route};

use super::address_family::{AddressFamily, PASSTHROUGH_V6};
use super::config::{Config, InterceptionMode};
use super::error::CaptureError;
use super::inbound::captures_nothing;

const LOOPBACK: &str = "lo";

/// Adds what is missing.
pub(super) async fn install(config: &Config) -> Result<(), CaptureError> {
    let connection = connect()?;
    if has_ipv6() {
        let address = Ipv6Address::new(LOOPBACK, PASSTHROUGH_V6, 128);
        unless_exists(
            "the address ::6 on lo",
            connection.add_address(address).await,
        )?;
    }
    match config.mode {
        InterceptionMode::Tproxy { mark, table } if !captures_nothing(&config.inbound_ports) => {
            for family in families() {
                unless_exists(
                    "the policy routing rule",
                    connection.add_rule(rule(family, mark, table)).await,
                )?;
                unless_exists(
                    "the local route",
                    add_route(&connection, family, table).await,
                )?;
            }
            Ok(())
        }
        InterceptionMode::Tproxy { .. } | InterceptionMode::Redirect => Ok(()),
    }
}

/// Removes what [`install`] added; what is not there is as good as removed.
pub(super) async fn remove(config: &Config) -> Result<(), CaptureError> {
    let connection = connect()?;
    if has_ipv6() {
        let removed = connection
            .del_address_if_exists(LOOPBACK, IpAddr::from(PASSTHROUGH_V6), 128)
            .await;
        removed.map_err(|error| CaptureError::netlink("the address ::6 on lo", &error))?;
    }
    match config.mode {
        InterceptionMode::Tproxy { mark, table } => {
            for family in families() {
                unless_absent(
                    "the policy routing rule",
                    connection.del_rule(rule(family, mark, table)).await,
                )?;
                unless_absent(
                    "the local route",
                    del_route(&connection, family, table).await,
                )?;
            }
            Ok(())
        }
        InterceptionMode::Redirect => Ok(()),
    }
}

fn connect() -> Result<Connection<Route>, CaptureError> {
    Connection::<Route>::new()
        .map_err(|error| CaptureError::netlink("addresses and routes", &error))
}

fn families() -> impl Iterator<Item = AddressFamily> {
    AddressFamily::BOTH
        .into_iter()
        .filter(|family| match family {
            AddressFamily::V4 => true,
            AddressFamily::V6 => has_ipv6(),
        })
}

/// Whether the kernel has IPv6 and the loopback interface may use it.
fn has_ipv6() -> bool {
    let disabled = Path::new("/proc/sys/net/ipv6/conf/lo/disable_ipv6");
    std::fs::read_to_string(disabled).is_ok_and(|text| text.trim() == "0")
}

fn rule(family: AddressFamily, mark: u32, table: u32) -> RuleBuilder {
    let builder = match family {
        AddressFamily::V4 => RuleBuilder::v4(),
        AddressFamily::V6 => RuleBuilder::v6(),
    };
    builder.fwmark(mark).table(table)
}

fn v4_route(table: u32) -> Ipv4Route {
    Ipv4Route::new(Ipv4Addr::UNSPECIFIED, 0)
        .dev(LOOPBACK)
        .route_type(RouteType::Local)
        .scope(RouteScope::Host)
        .table(table)
}

fn v6_route(table: u32) -> Ipv6Route {
    Ipv6Route::new(Ipv6Addr::UNSPECIFIED, 0)
        .dev(LOOPBACK)
        .route_type(RouteType::Local)
        .table(table)
}

async fn add_route(
    connection: &Connection<Route>,
    family: AddressFamily,
    table: u32,
) -> nlink::Result<()> {
    match family {
        AddressFamily::V4 => connection.add_route(v4_route(table)).await,
        AddressFamily::V6 => connection.add_route(v6_route(table)).await,
    }
}

async fn del_route(
    connection: &Connection<Route>,
    family: AddressFamily,
    table: u32,
) -> nlink::Result<()> {
    match family {
        AddressFamily::V4 => connection.del_route(v4_route(table)).await,
        AddressFamily::V6 => connection.del_route(v6_route(table)).await,
    }
}

fn unless_exists(what: &'static str, outcome: nlink::Result<()>) -> Result<(), CaptureError> {
    match outcome {
        Err(error) if !error.is_already_exists() => Err(CaptureError::netlink(what, &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn unless_absent(what: &'static str, outcome: nlink::Result<()>) -> Result<(), CaptureError> {
    match outcome {
        Err(error) if !error.is_not_found() && error.errno() != Some(libc::ESRCH) => {
            Err(CaptureError::netlink(what, &error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
