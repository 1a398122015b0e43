//! `/config_dump`: the bootstrap and every resource in force, with its version and its last refusal.
//!
//! Parameters: `resource=dynamic_listeners` shows one repeated field, `mask=dynamic_active_clusters,static_clusters`
//! keeps the fields it names, `name_regex` the resources whose name matches, `include_eds` adds the endpoints.
//! Source: Envoy, *Administration interface*, `/config_dump`.

use std::sync::Arc;

use http::StatusCode;
use xds_proto::pb::envoy::admin::v3::{self as pb, ClientResourceStatus, UpdateFailureState};
use xds_proto::pb::google::protobuf::Any;
use xds_proto::resource::{ResourceKind, pack_any};

use super::query::Query;
use super::{AdminState, Reply, json};
use crate::xds::state::{ResourceState, XdsState};

mod endpoints;
mod redact;
mod secrets;

pub(super) use endpoints::health;

pub(super) fn respond(query: &Query, state: &AdminState) -> Reply {
    let dump = match dump(query, state) {
        Ok(dump) => dump,
        Err(error) => return Reply::error(StatusCode::BAD_REQUEST, format!("{error}\n")),
    };
    let printed = json::print(&dump).and_then(|text| redact::text(&text));
    match printed.and_then(|text| select(query, text)) {
        Ok(text) => Reply::json(with_not_honoured(query, state, text)),
        Err(error) => Reply::error(StatusCode::BAD_REQUEST, format!("{error}\n")),
    }
}

fn dump(query: &Query, state: &AdminState) -> Result<pb::ConfigDump, regex::Error> {
    let names = query.get("name_regex").map(regex::Regex::new).transpose()?;
    let wanted = |name: &str| names.as_ref().is_none_or(|names| names.is_match(name));
    let mut configs = Vec::new();
    if names.is_none() {
        let bootstrap = Some(state.bootstrap.message.clone());
        configs.push(pack_any(&pb::BootstrapConfigDump {
            bootstrap,
            last_updated: None,
        }));
    }
    configs.push(pack_any(&clusters(state, &wanted)));
    if query.has("include_eds") {
        configs.push(pack_any(&endpoints::dump(state, &wanted)));
    }
    configs.push(pack_any(&listeners(state, &wanted)));
    configs.push(pack_any(&routes(state, &wanted)));
    configs.push(pack_any(&secrets::dump(state, &wanted)));
    Ok(pb::ConfigDump { configs })
}

/// What is shown of a resource that came over xDS.
pub(super) struct Shown {
    pub(super) version: String,
    pub(super) updated: Option<xds_proto::pb::google::protobuf::Timestamp>,
    pub(super) error: Option<UpdateFailureState>,
    pub(super) status: i32,
}

impl Shown {
    pub(super) fn of(state: ResourceState) -> Self {
        let status = if state.error.is_some() {
            ClientResourceStatus::Nacked
        } else {
            ClientResourceStatus::Acked
        };
        let error = state.error.map(|error| UpdateFailureState {
            last_update_attempt: Some(json::timestamp(error.at)),
            details: error.details,
            version_info: error.version,
            ..Default::default()
        });
        Self {
            version: state.version,
            updated: Some(json::timestamp(state.updated)),
            error,
            status: status.into(),
        }
    }
}

fn body(kind: ResourceKind, raw: &[u8]) -> Option<Any> {
    Some(Any {
        type_url: kind.type_url().to_owned(),
        value: raw.to_vec(),
    })
}

fn version(xds: &XdsState, kind: ResourceKind) -> String {
    xds.answered()
        .remove(&kind)
        .map(|answered| answered.version)
        .unwrap_or_default()
}

fn clusters(state: &AdminState, wanted: &dyn Fn(&str) -> bool) -> pb::ClustersConfigDump {
    use pb::clusters_config_dump::{DynamicCluster, StaticCluster};
    let kind = ResourceKind::Cluster;
    let mut dump = pb::ClustersConfigDump {
        version_info: version(&state.xds, kind),
        ..Default::default()
    };
    let snapshot = state.clusters.snapshot();
    let mut all: Vec<_> = snapshot.iter().filter(|(name, _)| wanted(name)).collect();
    all.sort_by(|a, b| a.0.cmp(b.0));
    for (name, cluster) in all {
        let cluster = body(kind, &cluster.config.raw);
        match state.xds.resource(kind, name).map(Shown::of) {
            None => dump.static_clusters.push(StaticCluster {
                cluster,
                last_updated: None,
            }),
            Some(shown) => dump.dynamic_active_clusters.push(DynamicCluster {
                version_info: shown.version,
                cluster,
                last_updated: shown.updated,
                error_state: shown.error,
                client_status: shown.status,
            }),
        }
    }
    dump
}

fn listeners(state: &AdminState, wanted: &dyn Fn(&str) -> bool) -> pb::ListenersConfigDump {
    use pb::listeners_config_dump::{DynamicListener, DynamicListenerState, StaticListener};
    let kind = ResourceKind::Listener;
    let mut dump = pb::ListenersConfigDump {
        version_info: version(&state.xds, kind),
        ..Default::default()
    };
    for (name, listener) in state
        .listeners
        .snapshot()
        .iter()
        .filter(|(name, _)| wanted(name))
    {
        let listener = body(kind, &listener.raw);
        match state.xds.resource(kind, name).map(Shown::of) {
            None => dump.static_listeners.push(StaticListener {
                listener,
                last_updated: None,
            }),
            Some(shown) => dump.dynamic_listeners.push(DynamicListener {
                name: name.to_string(),
                active_state: Some(DynamicListenerState {
                    version_info: shown.version,
                    listener,
                    last_updated: shown.updated,
                }),
                error_state: shown.error,
                client_status: shown.status,
                ..Default::default()
            }),
        }
    }
    add_refused_listeners(state, wanted, &mut dump);
    dump
}

/// Listeners that were refused at first sight serve nothing, but their error is shown.
fn add_refused_listeners(
    state: &AdminState,
    wanted: &dyn Fn(&str) -> bool,
    dump: &mut pb::ListenersConfigDump,
) {
    let known = |name: &Arc<str>| {
        dump.dynamic_listeners
            .iter()
            .any(|listener| *listener.name == **name)
    };
    let refused: Vec<_> = state
        .xds
        .resources(ResourceKind::Listener)
        .into_iter()
        .filter(|(name, listener)| wanted(name) && listener.error.is_some() && !known(name))
        .map(|(name, listener)| (name, Shown::of(listener)))
        .collect();
    for (name, shown) in refused {
        dump.dynamic_listeners
            .push(pb::listeners_config_dump::DynamicListener {
                name: name.to_string(),
                error_state: shown.error,
                client_status: shown.status,
                ..Default::default()
            });
    }
}

fn routes(state: &AdminState, wanted: &dyn Fn(&str) -> bool) -> pb::RoutesConfigDump {
    use pb::routes_config_dump::{DynamicRouteConfig, StaticRouteConfig};
    let kind = ResourceKind::Route;
    let mut dump = pb::RoutesConfigDump::default();
    for table in state
        .routes
        .snapshot()
        .iter()
        .filter(|table| wanted(&table.name))
    {
        let route_config = body(kind, &table.raw);
        match state.xds.resource(kind, &table.name).map(Shown::of) {
            None => dump.static_route_configs.push(StaticRouteConfig {
                route_config,
                last_updated: None,
            }),
            Some(shown) => dump.dynamic_route_configs.push(DynamicRouteConfig {
                version_info: shown.version,
                route_config,
                last_updated: shown.updated,
                error_state: shown.error,
                client_status: shown.status,
            }),
        }
    }
    dump
}

/// Applies `resource` and `mask` to the printed dump.
fn select(query: &Query, text: String) -> Result<String, String> {
    let mask: Vec<&str> = query.all("mask").flat_map(|mask| mask.split(',')).collect();
    let resource = query.get("resource");
    if mask.is_empty() && resource.is_none() {
        return Ok(text);
    }
    let mut dump: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let configs = dump["configs"].as_array_mut().ok_or("the dump is empty")?;
    if let Some(resource) = resource {
        let section = configs
            .iter_mut()
            .find_map(|config| config.get_mut(resource).map(serde_json::Value::take));
        let items = section.unwrap_or_else(|| serde_json::Value::Array(Vec::new()));
        *configs = items.as_array().cloned().unwrap_or_else(|| vec![items]);
        return serde_json::to_string_pretty(&dump).map_err(|error| error.to_string());
    }
    for config in configs
        .iter_mut()
        .filter_map(serde_json::Value::as_object_mut)
    {
        config.retain(|key, _| key == "@type" || mask.contains(&key.as_str()));
    }
    configs.retain(|config| config.as_object().is_some_and(|config| config.len() > 1));
    serde_json::to_string_pretty(&dump).map_err(|error| error.to_string())
}

/// Adds the list of fields that are not honoured, under a key of our own that other readers pass over.
fn with_not_honoured(query: &Query, state: &AdminState, text: String) -> String {
    if query.has("mask") || query.has("resource") {
        return text;
    }
    let listeners = state.listeners.snapshot();
    let clusters = state.clusters.snapshot();
    let routes = state.routes.snapshot();
    let fields: Vec<String> = state
        .bootstrap
        .not_honoured
        .iter()
        .chain(
            listeners
                .values()
                .flat_map(|listener| &listener.not_honoured),
        )
        .chain(routes.iter().flat_map(|table| &table.not_honoured))
        .chain(
            clusters
                .values()
                .flat_map(|cluster| &cluster.config.not_honoured),
        )
        .map(ToString::to_string)
        .collect();
    let Ok(serde_json::Value::Object(mut dump)) = serde_json::from_str(&text) else {
        return text;
    };
    dump.insert("not_honoured".to_owned(), fields.into());
    serde_json::to_string_pretty(&dump).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = r#"{"configs": [
        {"@type": "a", "static_clusters": [{"x": 1}], "version_info": "1"},
        {"@type": "b", "dynamic_listeners": [{"y": 1}]}]}"#;

    #[test]
    fn a_mask_keeps_what_it_names() {
        let text = select(
            &Query::parse("mask=static_clusters,dynamic_active_clusters"),
            DUMP.to_owned(),
        )
        .unwrap();
        assert!(
            text.contains("static_clusters")
                && !text.contains("dynamic_listeners")
                && !text.contains("version_info")
        );
    }

    #[test]
    fn a_resource_is_the_items_of_one_field() {
        let text = select(&Query::parse("resource=dynamic_listeners"), DUMP.to_owned()).unwrap();
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap()["configs"][0]["y"],
            1
        );
    }
}
