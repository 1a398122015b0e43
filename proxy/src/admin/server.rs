//! `/server_info`, `/ready` and `/memory`.

use http::StatusCode;
use xds_proto::pb::envoy::admin::v3::{CommandLineOptions, Memory, ServerInfo, server_info};
use xds_proto::pb::google::protobuf::Duration;

use super::{AdminState, Reply, json};
use crate::lifecycle::{Lifecycle, Phase};

pub(super) fn ready(lifecycle: &Lifecycle) -> Reply {
    if lifecycle.is_ready() {
        return Reply::text("LIVE\n");
    }
    Reply::error(
        StatusCode::SERVICE_UNAVAILABLE,
        format!("{}\n", state(lifecycle).as_str_name()),
    )
}

fn state(lifecycle: &Lifecycle) -> server_info::State {
    match lifecycle.phase() {
        Phase::Initializing => server_info::State::Initializing,
        Phase::Live if lifecycle.is_ready() => server_info::State::Live,
        Phase::Live | Phase::Draining | Phase::Quitting => server_info::State::Draining,
    }
}

pub(super) fn info(state: &AdminState) -> Reply {
    let uptime = state.started.elapsed();
    let uptime = Some(Duration {
        seconds: i64::try_from(uptime.as_secs()).unwrap_or(i64::MAX),
        nanos: 0,
    });
    let info = ServerInfo {
        version: format!("tulle/{}", crate::VERSION),
        state: self::state(&state.lifecycle).into(),
        uptime_current_epoch: uptime,
        uptime_all_epochs: uptime,
        hot_restart_version: "disabled".to_owned(),
        node: Some(state.bootstrap.node.clone()),
        command_line_options: Some(CommandLineOptions {
            concurrency: u32::try_from(state.concurrency).unwrap_or(u32::MAX),
            service_node: state.bootstrap.node.id.clone(),
            service_cluster: state.bootstrap.node.cluster.clone(),
            ..Default::default()
        }),
        ..Default::default()
    };
    print(&info)
}

pub(super) fn memory() -> Reply {
    let pages = |text: &str, field: usize| {
        text.split(' ')
            .nth(field)
            .and_then(|pages| pages.trim().parse::<u64>().ok())
    };
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let bytes = |field| pages(&statm, field).unwrap_or(0) * 4096;
    print(&Memory {
        allocated: bytes(5),
        heap_size: bytes(5),
        total_physical_bytes: bytes(1),
        ..Default::default()
    })
}

fn print<M: prost::Message + prost::Name>(message: &M) -> Reply {
    match json::print(message) {
        Ok(text) => Reply::json(text),
        Err(error) => Reply::error(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}
