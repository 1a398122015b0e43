//! `testdata/<case>/input.yaml` injected is `expected.yaml`; `BLESS=1` rewrites it.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tulle_injector::{Config, Documents, NamespaceMeta, inject, inject_documents};

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata")
}

fn config(case: &Path) -> Config {
    let config = Config {
        image: "tulle/proxy:test".to_owned(),
        ..Config::default()
    };
    match std::fs::read_to_string(case.join("mesh.yaml")) {
        Ok(mesh) => config.with_mesh_config(&mesh).unwrap(),
        Err(_) => config,
    }
}

/// What is compared: what was said of each object, as comments, and the objects.
fn shown(documents: &Documents) -> String {
    let said: String = documents
        .reports
        .iter()
        .flat_map(|report| {
            let report = report.to_string();
            report
                .lines()
                .map(|line| format!("# {line}\n"))
                .collect::<Vec<_>>()
        })
        .collect();
    said + &documents.to_yaml().unwrap()
}

fn cases() -> Vec<PathBuf> {
    let mut cases: Vec<_> = std::fs::read_dir(testdata())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    assert!(!cases.is_empty());
    cases
}

#[test]
fn files_are_injected_as_expected() {
    for case in cases() {
        let input = std::fs::read_to_string(case.join("input.yaml")).unwrap();
        let injected = shown(&inject_documents(&input, &config(&case)).unwrap());
        let path = case.join("expected.yaml");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &injected).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            injected,
            expected,
            "{}: run with BLESS=1 if the change is meant",
            case.display()
        );
    }
}

#[test]
fn injecting_again_changes_nothing() {
    for case in cases() {
        let input = std::fs::read_to_string(case.join("input.yaml")).unwrap();
        let once = inject_documents(&input, &config(&case)).unwrap();
        let twice = inject_documents(&once.to_yaml().unwrap(), &config(&case)).unwrap();
        assert_eq!(twice.objects, once.objects, "{}", case.display());
    }
}

#[test]
fn the_patch_leads_from_the_pod_to_the_injected_pod() {
    let pod = json!({
        "metadata": {"name": "web"},
        "spec": {"containers": [{"name": "web", "unknownField": {"kept": true}}]},
    });
    let injected = inject(
        pod.clone(),
        &NamespaceMeta::enabled("shop"),
        &Config::default(),
    )
    .unwrap();
    let mut patched = pod;
    json_patch::patch(&mut patched, &injected.patch).unwrap();
    assert_eq!(patched, injected.pod);
    assert_eq!(
        patched["spec"]["containers"][0]["unknownField"],
        json!({"kept": true})
    );
}

#[test]
fn a_pod_that_is_not_injected_has_an_empty_patch() {
    let pod = json!({"metadata": {"name": "web"}, "spec": {"containers": [], "hostNetwork": true}});
    let injected = inject(
        pod.clone(),
        &NamespaceMeta::enabled("shop"),
        &Config::default(),
    )
    .unwrap();
    assert!(injected.patch.0.is_empty());
    assert_eq!(injected.pod, pod);
}

#[test]
fn a_bad_annotation_refuses_the_file_and_names_the_object() {
    let input = "kind: Pod\nmetadata: {name: web, annotations: {status.sidecar.istio.io/port: http}}\nspec: {containers: []}";
    let error = inject_documents(input, &Config::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("Pod default/web: annotation status.sidecar.istio.io/port"),
        "{error}"
    );
}

#[test]
fn what_is_not_a_pod_is_refused() {
    for pod in [
        json!({}),
        json!({"spec": {"containers": "web"}}),
        json!({"spec": {"containers": [], "volumes": {}}}),
    ] {
        let outcome: Result<_, _> = inject(
            pod.clone(),
            &NamespaceMeta::enabled("shop"),
            &Config::default(),
        );
        assert!(outcome.is_err(), "{pod}");
    }
    let numbers: Value =
        json!({"metadata": {"labels": {"version": 2}}, "spec": {"containers": []}});
    let error = inject(numbers, &NamespaceMeta::enabled("shop"), &Config::default()).unwrap_err();
    assert!(error.to_string().contains("metadata.labels"), "{error}");
}
