//! The pod as a document: what is in it, what is added, what an earlier injection added.
//!
//! The pod stays a JSON value, so that fields this program does not know survive.

mod overlay;

use serde::Serialize;
use serde_json::{Map, Value, json};
use xds_proto::well_known::{TLS_MODE_ISTIO, annotation, label};

use crate::sidecar::{INIT, PROXY, Sidecar};
use crate::{probes, prometheus};
use overlay::overlay;

const LISTS: [&str; 2] = ["initContainers", "containers"];
const LABEL_LENGTH: usize = 63;

/// The annotation that says what was added. Tools know a sidecar by it.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    init_containers: Option<Vec<String>>,
    containers: Option<Vec<String>>,
    volumes: Option<Vec<String>>,
    image_pull_secrets: Option<Vec<String>>,
    revision: String,
}

/// The user's own containers under the sidecar's names: wishes that overlay the sidecar.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Overrides {
    by_list: Map<String, Value>,
}

/// How the sidecar is put into the pod.
pub(crate) struct Placement<'a> {
    pub(crate) native: bool,
    pub(crate) before_application: bool,
    pub(crate) image_pull_secrets: &'a [String],
    pub(crate) revision: &'a str,
    /// Name of the object that the pod belongs to, for labels that the pod lacks.
    pub(crate) owner: &'a str,
}

/// The object under a key, made if absent or null.
pub(crate) fn object<'a>(value: &'a mut Value, key: &str) -> &'a mut Map<String, Value> {
    let slot = &mut value[key];
    if !slot.is_object() {
        *slot = json!({});
    }
    slot.as_object_mut().expect("it was just made an object")
}

/// Takes an earlier injection back, so that injecting again gives the same pod.
pub(crate) fn strip(pod: &mut Value) {
    let Some(status) = pod["metadata"]["annotations"][annotation::STATUS].as_str() else {
        return;
    };
    let status: Value = serde_json::from_str(status).unwrap_or_default();
    let variable = |name| proxy_variable(pod, name).map(str::to_owned);
    let (probers, metrics) = (variable(probes::VARIABLE), variable(prometheus::VARIABLE));
    if let Some(probers) = probers {
        probes::restore(pod, &probers);
    }
    for list in LISTS.into_iter().chain(["volumes", "imagePullSecrets"]) {
        let added = status[list].as_array().cloned().unwrap_or_default();
        retain(pod, list, |item| !added.contains(&item["name"]));
    }
    let annotations = object(&mut pod["metadata"], "annotations");
    prometheus::restore(annotations, metrics.as_deref());
    annotations.remove(annotation::STATUS);
    let overrides = annotations.remove(annotation::PROXY_OVERRIDES);
    let overrides = overrides
        .as_ref()
        .and_then(Value::as_str)
        .and_then(|text| serde_json::from_str(text).ok());
    Overrides {
        by_list: overrides.unwrap_or_default(),
    }
    .put_back(pod);
}

fn proxy_variable<'a>(pod: &'a Value, name: &str) -> Option<&'a str> {
    let mut all = LISTS
        .iter()
        .filter_map(|list| pod["spec"][*list].as_array())
        .flatten();
    let proxy = all.find(|container| container["name"] == PROXY)?;
    let variable = proxy["env"]
        .as_array()?
        .iter()
        .find(|variable| variable["name"] == name)?;
    variable["value"].as_str()
}

fn retain(pod: &mut Value, list: &str, keep: impl Fn(&Value) -> bool) {
    let Some(spec) = pod["spec"].as_object_mut() else {
        return;
    };
    let Some(items) = spec.get_mut(list).and_then(Value::as_array_mut) else {
        return;
    };
    let before = items.len();
    items.retain(|item| keep(item));
    if items.is_empty() && before > 0 {
        spec.remove(list);
    }
}

impl Overrides {
    /// Takes the user's containers out of the pod.
    pub(crate) fn take(pod: &mut Value) -> Self {
        let mut by_list = Map::new();
        for list in LISTS {
            let theirs = |item: &Value| item["name"] == PROXY || item["name"] == INIT;
            let items = pod["spec"][list].as_array().into_iter().flatten();
            let taken: Vec<Value> = items.filter(|item| theirs(item)).cloned().collect();
            if !taken.is_empty() {
                by_list.insert(list.to_owned(), Value::from(taken));
                retain(pod, list, |item| !theirs(item));
            }
        }
        Self { by_list }
    }

    fn put_back(self, pod: &mut Value) {
        for (list, taken) in self.by_list {
            items(pod, &list).extend(taken.as_array().cloned().unwrap_or_default());
        }
    }

    fn apply(&self, mut container: Value) -> Value {
        let name = container["name"].clone();
        let all = self.by_list.values().filter_map(Value::as_array).flatten();
        for wish in all.filter(|wish| wish["name"] == name) {
            let mut wish = wish.clone();
            if let Some(fields) = wish
                .as_object_mut()
                .filter(|fields| fields.get("image") == Some(&json!("auto")))
            {
                fields.remove("image");
            }
            overlay(&mut container, &wish);
        }
        container
    }
}

fn items<'a>(pod: &'a mut Value, list: &str) -> &'a mut Vec<Value> {
    let slot = &mut pod["spec"][list];
    if !slot.is_array() {
        *slot = json!([]);
    }
    slot.as_array_mut().expect("it was just made an array")
}

/// Puts the sidecar into the pod, with the labels and annotations that say so.
pub(crate) fn add(
    pod: &mut Value,
    sidecar: &Sidecar,
    overrides: &Overrides,
    placement: &Placement<'_>,
) {
    let status = add_containers(pod, sidecar, overrides, placement);
    let revision = placement.revision.to_owned();
    let volumes = add_missing(pod, "volumes", &sidecar.volumes);
    let secrets: Vec<Value> = placement
        .image_pull_secrets
        .iter()
        .map(|name| json!({"name": name}))
        .collect();
    let image_pull_secrets = add_missing(pod, "imagePullSecrets", &secrets);
    let status = Status {
        volumes,
        image_pull_secrets,
        revision,
        ..status
    };
    label_pod(pod, placement.owner);
    annotate(pod, &status, overrides);
}

fn add_containers(
    pod: &mut Value,
    sidecar: &Sidecar,
    overrides: &Overrides,
    placement: &Placement<'_>,
) -> Status {
    let value = |container| serde_json::to_value(container).expect("a container is plain data");
    let init = sidecar
        .init
        .as_ref()
        .map(|init| overrides.apply(value(init)));
    let proxy = overrides.apply(value(&sidecar.proxy));
    let mut status = Status::default();
    if init.is_some() || placement.native {
        let names = [
            init.as_ref().map(|_| INIT),
            placement.native.then_some(PROXY),
        ];
        status.init_containers = Some(names.into_iter().flatten().map(str::to_owned).collect());
    }
    if placement.native {
        items(pod, "initContainers").splice(0..0, init.into_iter().chain([proxy]));
    } else {
        // The user's init containers run before traffic is redirected to a proxy that is not there yet.
        if let Some(init) = init {
            items(pod, "initContainers").push(init);
        }
        let containers = items(pod, "containers");
        let at = if placement.before_application {
            0
        } else {
            containers.len()
        };
        containers.insert(at, proxy);
        status.containers = Some(vec![PROXY.to_owned()]);
    }
    status
}

/// Adds the objects whose names are not in the list yet; the names that were added.
fn add_missing(pod: &mut Value, list: &str, objects: &[Value]) -> Option<Vec<String>> {
    if objects.is_empty() {
        return None;
    }
    let present = items(pod, list);
    let mut added = Vec::new();
    for object in objects {
        if !present.iter().any(|known| known["name"] == object["name"]) {
            present.push(object.clone());
            added.extend(object["name"].as_str().map(str::to_owned));
        }
    }
    Some(added)
}

fn label_pod(pod: &mut Value, owner: &str) {
    let labels = object(&mut pod["metadata"], "labels");
    let first = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| labels.get(*name)?.as_str().map(str::to_owned))
    };
    let name = first(&[label::KUBERNETES_NAME, label::APP]).unwrap_or_else(|| owner.to_owned());
    let name: String = name.chars().take(LABEL_LENGTH).collect();
    let name = name.trim_matches(['-', '_', '.']).to_owned();
    let revision =
        first(&[label::KUBERNETES_VERSION, label::VERSION]).unwrap_or_else(|| "latest".to_owned());
    let missing = [
        (label::TLS_MODE, TLS_MODE_ISTIO.to_owned()),
        (label::CANONICAL_NAME, name),
        (label::CANONICAL_REVISION, revision),
    ];
    for (label, value) in missing {
        labels.entry(label).or_insert_with(|| Value::from(value));
    }
}

fn annotate(pod: &mut Value, status: &Status, overrides: &Overrides) {
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    let application = containers
        .filter_map(|c| c["name"].as_str())
        .find(|name| *name != PROXY)
        .map(str::to_owned);
    let annotations = object(&mut pod["metadata"], "annotations");
    annotations.insert(
        annotation::REVISION.to_owned(),
        Value::from(status.revision.as_str()),
    );
    for name in [
        annotation::DEFAULT_CONTAINER,
        annotation::DEFAULT_LOGS_CONTAINER,
    ] {
        if let Some(application) = &application {
            annotations
                .entry(name)
                .or_insert_with(|| Value::from(application.as_str()));
        }
    }
    if !overrides.by_list.is_empty() {
        let saved = Value::Object(overrides.by_list.clone()).to_string();
        annotations.insert(annotation::PROXY_OVERRIDES.to_owned(), Value::from(saved));
    }
    let status = serde_json::to_string(status).expect("a status is plain data");
    annotations.insert(annotation::STATUS.to_owned(), Value::from(status));
}
