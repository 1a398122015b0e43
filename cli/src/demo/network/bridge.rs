//! One bridge, and a veth pair to each pod.

use std::net::Ipv4Addr;

use anyhow::Context;
use nlink::netlink::addr::Ipv4Address;
use nlink::netlink::link::{BridgeLink, VethLink};
use nlink::netlink::route::Ipv4Route;
use nlink::netlink::{Connection, Route};

/// Length of the pods' network prefix.
const PREFIX: u8 = 24;
/// The bridge's address: gateway of the pods and address of the control plane.
pub(in crate::demo) const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 244, 0, 1);
const BRIDGE: &str = "mesh0";
const POD_INTERFACE: &str = "eth0";

/// Address of the pod with this index, from 0.
pub(super) fn pod_address(index: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 244, 0, index.saturating_add(10))
}

fn netlink() -> anyhow::Result<Connection<Route>> {
    Connection::<Route>::new().context("cannot speak netlink")
}

/// Makes the bridge in this network namespace.
pub(in crate::demo) async fn make() -> anyhow::Result<()> {
    let netlink = netlink()?;
    netlink.set_link_up("lo").await?;
    netlink
        .add_link(BridgeLink::new(BRIDGE))
        .await
        .context("cannot make a bridge; is the kernel's bridge module there?")?;
    netlink
        .add_address(Ipv4Address::new(BRIDGE, GATEWAY, PREFIX))
        .await?;
    Ok(netlink.set_link_up(BRIDGE).await?)
}

/// Connects the network namespace of a process to the bridge.
pub(in crate::demo) async fn connect(index: u8, pid: u32) -> anyhow::Result<()> {
    let netlink = netlink()?;
    let name = format!("pod{index}");
    netlink
        .add_link(VethLink::new(name.as_str(), POD_INTERFACE).peer_netns_pid(pid))
        .await?;
    netlink.set_link_master(name.as_str(), BRIDGE).await?;
    Ok(netlink.set_link_up(name.as_str()).await?)
}

/// Configures the pod's side, in the pod's own namespace, once it is connected.
pub(in crate::demo) async fn configure_pod(address: Ipv4Addr) -> anyhow::Result<()> {
    let netlink = netlink()?;
    netlink.set_link_up("lo").await?;
    netlink
        .add_address(Ipv4Address::new(POD_INTERFACE, address, PREFIX))
        .await?;
    netlink.set_link_up(POD_INTERFACE).await?;
    Ok(netlink
        .add_route(Ipv4Route::default_route().gateway(GATEWAY))
        .await?)
}
