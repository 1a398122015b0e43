//! Listeners from Envoy's `config.listener.v3.Listener`.
#![allow(deprecated, reason = "every field is looked at, deprecated ones too")]

mod chain;
mod inspect;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use xds_proto::pb::envoy::config::core::v3 as core;
use xds_proto::pb::envoy::config::core::v3::TrafficDirection;
use xds_proto::pb::envoy::config::core::v3::address::Address as AddressKind;
use xds_proto::pb::envoy::config::listener::v3 as pb;

use super::{Bind, Direction, FilterChains, ListenAddress, Listener};
use crate::config::access_log::proto as access_log;
use crate::config::invalid::{InvalidField, InvalidListener};
use crate::config::not_honoured::named;
use crate::config::wire::{
    Conversion, Read, at, bad, duration, each, flag, host_and_port, keepalive, known, origin,
    refuse_if, refused, required, uint,
};

const BACKLOG: u32 = 4096;
const INSPECT_TIMEOUT: Duration = Duration::from_secs(15);

impl Listener {
    /// A listener as it came over the wire. `raw` is the encoded message.
    ///
    /// # Errors
    /// When a field is wrong, or asks for something that must not be left out.
    pub fn from_proto(
        listener: pb::Listener,
        raw: Bytes,
        cx: Conversion<'_>,
    ) -> Result<Self, InvalidListener> {
        let refused = InvalidListener::of(&listener.name);
        read(cx, listener, raw).map_err(refused)
    }
}

fn read(mut cx: Conversion<'_>, listener: pb::Listener, raw: Bytes) -> Read<Listener> {
    let pb::Listener {
        name,
        address,
        additional_addresses,
        stat_prefix,
        stats_matcher,
        filter_chains,
        fcds_config,
        filter_chain_matcher,
        use_original_dst,
        default_filter_chain,
        per_connection_buffer_limit_bytes,
        per_connection_buffer_high_watermark_timeout,
        metadata,
        deprecated_v1,
        drain_type,
        listener_filters,
        listener_filters_timeout,
        continue_on_listener_filters_timeout,
        transparent,
        freebind,
        socket_options,
        tcp_fast_open_queue_length,
        traffic_direction,
        udp_listener_config,
        api_listener,
        connection_balance_config,
        reuse_port,
        enable_reuse_port,
        access_log: logs,
        tcp_backlog_size,
        max_connections_to_accept_per_socket_event,
        bind_to_port,
        enable_mptcp,
        ignore_global_conn_limit: _, // there is no such limit
        bypass_overload_manager: _,  // there is none; the bootstrap's overload_manager is named
        tcp_keepalive,
        listener_specifier,
    } = listener;
    refused!({
        fcds_config => "filter chains by FCDS are not supported",
        filter_chain_matcher => "use filter_chain_match",
        udp_listener_config => "UDP is not supported",
        api_listener => "is for proxyless clients",
    });
    refuse_if(
        listener_specifier.is_some(),
        "internal_listener",
        "internal listeners are not supported",
    )?;
    let n = &mut cx.notes;
    named!(n, "", {
        stats_matcher => "all statistics of the listener are kept",
        per_connection_buffer_limit_bytes => "buffers have sizes of their own",
        per_connection_buffer_high_watermark_timeout => "no timeout",
        drain_type => "changed and removed listeners drain",
        socket_options => "sockets keep their defaults",
        tcp_fast_open_queue_length => "TCP fast open is off",
        connection_balance_config => "connections go to the least loaded worker",
        max_connections_to_accept_per_socket_event => "all that wait are accepted",
        enable_mptcp => "sockets are plain TCP",
    });
    let bound_v1 = deprecated_v1.and_then(|old| flag(old.bind_to_port));
    let direction = direction(traffic_direction)?;
    let mut addresses = vec![listen("address", address)?];
    addresses.extend(each(
        "additional_addresses",
        additional_addresses,
        |more| additional(&mut cx, more),
    )?);
    let inspection = inspect::filters(&mut cx, listener_filters)?;
    let chains = each("filter_chains", filter_chains, |chain| {
        chain::read(&mut cx, chain, direction)
    })?;
    let default = default_filter_chain
        .map(|chain| chain::read(&mut cx, chain, direction))
        .transpose();
    let default = default.map_err(at("default_filter_chain"))?.map(Arc::new);
    refuse_if(
        chains.is_empty() && default.is_none(),
        "filter_chains",
        "at least one is required",
    )?;
    let chains = FilterChains::new(chains.into_iter().map(Arc::new).collect(), default)
        .map_err(bad("filter_chains"))?;
    let access_logs = access_log::all(&mut cx, logs)?;
    let timeout =
        duration("listener_filters_timeout", listener_filters_timeout)?.unwrap_or(INSPECT_TIMEOUT);
    Ok(Listener {
        name: name.into(),
        addresses,
        bind: Bind {
            bind_to_port: flag(bind_to_port).or(bound_v1).unwrap_or(true),
            reuse_port: flag(enable_reuse_port).unwrap_or(true) || reuse_port,
            transparent: flag(transparent).unwrap_or(false),
            freebind: flag(freebind).unwrap_or(false),
            backlog: uint(tcp_backlog_size).unwrap_or(BACKLOG),
            keepalive: tcp_keepalive.map(keepalive),
        },
        use_original_dst: flag(use_original_dst).unwrap_or(false),
        // Envoy adds the listener filter by itself to a listener that hands over by original destination
        recover_original_dst: inspection.original_dst || flag(use_original_dst).unwrap_or(false),
        direction,
        inspect: inspection.inspect,
        inspect_timeout: (!timeout.is_zero()).then_some(timeout),
        continue_on_timeout: continue_on_listener_filters_timeout,
        chains,
        access_logs,
        stat_prefix: (!stat_prefix.is_empty()).then(|| stat_prefix.into()),
        origin: origin(metadata.as_ref()),
        not_honoured: cx.notes.into_vec(),
        raw,
    })
}

fn direction(value: i32) -> Read<Direction> {
    Ok(match known("traffic_direction", value)? {
        TrafficDirection::Unspecified => Direction::Unspecified,
        TrafficDirection::Inbound => Direction::Inbound,
        TrafficDirection::Outbound => Direction::Outbound,
    })
}

fn listen(path: &str, address: Option<core::Address>) -> Read<ListenAddress> {
    match required(path, required(path, address)?.address)? {
        AddressKind::SocketAddress(socket) => {
            let ipv4_compat = socket.ipv4_compat;
            let (host, port) = host_and_port(path, socket)?;
            let ip = host
                .parse()
                .map_err(|error| InvalidField::new(path, format_args!("{host:?}: {error}")))?;
            Ok(ListenAddress {
                addr: SocketAddr::new(ip, port),
                ipv4_compat,
            })
        }
        AddressKind::Pipe(_) | AddressKind::EnvoyInternalAddress(_) => Err(InvalidField::new(
            path,
            "only socket addresses are supported",
        )),
    }
}

fn additional(cx: &mut Conversion<'_>, more: pb::AdditionalAddress) -> Read<ListenAddress> {
    let pb::AdditionalAddress {
        address,
        socket_options,
        tcp_keepalive,
    } = more;
    named!(cx.notes, "additional_addresses.", {
        socket_options => "sockets keep their defaults",
        tcp_keepalive => "the listener's keepalive counts",
    });
    listen("address", address)
}
