//! `/config_dump`: the bootstrap and every resource in force, with its version and its last refusal.
//!
//! Parameters: `resource=dynamic_listeners` shows one repeated field, `mask=dynamic_active_clusters,static_clusters`
//! keeps the fields it names, `name_regex` the resources whose name matches, `include_eds` adds the endpoints.
//! Source: Envoy, *Administration interface*, `/config_dump`.

use std::collections::BTreeSet;

use http::StatusCode;
use xds_proto::pb::envoy::admin::v3 as pb;
use xds_proto::resource::pack_any;

use super::query::Query;
use super::{AdminState, Reply, json};
use crate::config::not_honoured::NotHonoured;

mod endpoints;
mod redact;
mod resources;
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
    configs.push(pack_any(&resources::clusters(
        &state.xds,
        &state.clusters,
        &wanted,
    )));
    if query.has("include_eds") {
        configs.push(pack_any(&endpoints::dump(state, &wanted)));
    }
    configs.push(pack_any(&resources::listeners(
        &state.xds,
        &state.listeners,
        &wanted,
    )));
    configs.push(pack_any(&resources::routes(
        &state.xds,
        &state.routes,
        &wanted,
    )));
    configs.push(pack_any(&secrets::dump(state, &wanted)));
    Ok(pb::ConfigDump { configs })
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
    let fields = not_honoured(state);
    let Ok(serde_json::Value::Object(mut dump)) = serde_json::from_str(&text) else {
        return text;
    };
    dump.insert("not_honoured".to_owned(), fields.into());
    serde_json::to_string_pretty(&dump).unwrap_or(text)
}

/// Each field of each resource in force that is not acted upon, once.
fn not_honoured(state: &AdminState) -> Vec<String> {
    let mut fields: BTreeSet<String> = BTreeSet::new();
    let mut add = |list: &[NotHonoured]| fields.extend(list.iter().map(ToString::to_string));
    add(&state.bootstrap.not_honoured);
    for listener in state.listeners.snapshot().values() {
        add(&listener.not_honoured);
    }
    for table in state.routes.snapshot().iter() {
        add(&table.not_honoured);
    }
    for cluster in state.clusters.snapshot().values() {
        add(&cluster.config.not_honoured);
        add(&cluster.endpoints().not_honoured);
    }
    add(&state.secrets.not_honoured());
    fields.into_iter().collect()
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
