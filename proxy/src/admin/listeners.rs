//! `/listeners`: name and address of each.

use http::StatusCode;
use xds_proto::pb::envoy::admin::v3::{ListenerStatus, Listeners as ListenersMessage};

use super::clusters::address;
use super::query::Query;
use super::{Reply, json};
use crate::listener::{Listener, Listeners};
use crate::transport::Address;

pub(super) fn respond(query: &Query, listeners: &Listeners) -> Reply {
    let snapshot = listeners.snapshot();
    if query.get("format") != Some("json") {
        let line = |listener: &Listener, address: std::net::SocketAddr| {
            format!("{}::{address}\n", listener.name)
        };
        let lines = snapshot
            .values()
            .flat_map(|listener| listener.addresses.iter().map(|at| line(listener, at.addr)));
        return Reply::text(lines.collect::<String>());
    }
    let listener_statuses = snapshot.values().map(|listener| status(listener)).collect();
    match json::print(&ListenersMessage { listener_statuses }) {
        Ok(text) => Reply::json(text),
        Err(error) => Reply::error(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

fn status(listener: &Listener) -> ListenerStatus {
    let mut addresses = listener
        .addresses
        .iter()
        .map(|at| address(&Address::Ip(at.addr)));
    ListenerStatus {
        name: listener.name.to_string(),
        local_address: addresses.next(),
        additional_local_addresses: addresses.collect(),
    }
}
