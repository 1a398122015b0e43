use super::*;
use crate::model::{ConfigObject, Kind, Object};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use tempfile::TempDir;

fn service(name: &str, port: u16) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{ports: [{{port: {port}}}]}}\n"
    )
}

fn object(name: &str) -> Object {
    Object {
        kind: Kind::Service,
        namespace: "default".into(),
        name: name.into(),
    }
}

/// Names and first ports of the services of a snapshot.
fn services(event: &Event) -> Vec<String> {
    let Event::Snapshot { objects, .. } = event else {
        panic!("no snapshot: {event:?}")
    };
    objects.iter().map(print).collect()
}

fn print(object: &ConfigObject) -> String {
    let service = object.as_service().expect("only services are written here");
    format!("{}:{}", service.name, service.ports[0].number)
}

fn upserted(event: Option<Event>) -> String {
    match event {
        Some(Event::Upsert { object, .. }) => print(&object),
        other => panic!("no upsert: {other:?}"),
    }
}

fn directory(root: &Path) -> Directory {
    Directory::new(root.to_owned(), "file:test".into())
}

#[test]
fn files_are_found_below_and_dot_files_are_not() {
    let root = TempDir::new().unwrap();
    fs::create_dir_all(root.path().join("a/b")).unwrap();
    fs::create_dir_all(root.path().join(".git")).unwrap();
    for (path, name) in [
        ("a/b/1.yaml", "one"),
        ("2.yml", "two"),
        (".git/3.yaml", "three"),
        (".4.yaml", "four"),
        ("5.txt", "five"),
    ] {
        fs::write(root.path().join(path), service(name, 80)).unwrap();
    }
    fs::write(root.path().join("6.json"), r#"{"apiVersion":"v1","kind":"Service","metadata":{"name":"six"},"spec":{"ports":[{"port":80}]}}"#).unwrap();
    let event = directory(root.path())
        .scan()
        .expect("the first look always tells");
    assert_eq!(services(&event), ["one:80", "six:80", "two:80"]);
}

#[test]
fn a_broken_file_keeps_its_last_good_objects_and_others_move_on() {
    let root = TempDir::new().unwrap();
    let (a, b) = (root.path().join("a.yaml"), root.path().join("b.yaml"));
    fs::write(&a, service("a", 80)).unwrap();
    fs::write(&b, service("b", 80)).unwrap();
    let mut state = directory(root.path());
    state.scan();
    fs::write(&a, "apiVersion: v1\nkind: [").unwrap();
    fs::write(&b, service("b", 81)).unwrap();
    assert_eq!(upserted(state.scan()), "b:81");
    fs::write(&a, service("a", 82)).unwrap();
    assert_eq!(upserted(state.scan()), "a:82");
    assert_eq!(state.scan(), None, "nothing changed");
}

#[test]
fn a_broken_object_keeps_only_itself_back() {
    let root = TempDir::new().unwrap();
    let file = root.path().join("a.yaml");
    let both = |a: &str, b: &str| fs::write(&file, format!("{a}---\n{b}")).unwrap();
    both(&service("a", 80), &service("b", 80));
    let mut state = directory(root.path());
    state.scan();
    both(&service("a", 0), &service("b", 81));
    assert_eq!(upserted(state.scan()), "b:81");
    // The name of the first cannot be read: it may be `a`, so `a` stays.
    both("kind: Service\n", &service("b", 82));
    assert_eq!(upserted(state.scan()), "b:82");
    fs::write(&file, service("b", 82)).unwrap();
    assert!(
        matches!(state.scan(), Some(Event::Remove { object: gone, .. }) if gone == object("a"))
    );
}

#[test]
fn the_first_path_wins_and_the_second_takes_over() {
    let root = TempDir::new().unwrap();
    fs::write(root.path().join("1.yaml"), service("a", 80)).unwrap();
    fs::write(root.path().join("2.yaml"), service("a", 81)).unwrap();
    let mut state = directory(root.path());
    assert_eq!(services(&state.scan().unwrap()), ["a:80"]);
    fs::remove_file(root.path().join("1.yaml")).unwrap();
    assert_eq!(upserted(state.scan()), "a:81");
}

#[test]
fn a_directory_that_goes_keeps_serving_and_a_file_that_goes_does_not() {
    let parent = TempDir::new().unwrap();
    let root = parent.path().join("mesh");
    let mut state = directory(&root);
    assert_eq!(state.scan(), None, "it is not there yet");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("a.yaml"), service("a", 80)).unwrap();
    assert_eq!(services(&state.scan().unwrap()), ["a:80"]);
    fs::rename(&root, parent.path().join("away")).unwrap();
    assert_eq!(state.scan(), None);
    fs::rename(parent.path().join("away"), &root).unwrap();
    assert_eq!(state.scan(), None, "nothing is different");
    fs::remove_file(root.join("a.yaml")).unwrap();
    assert!(matches!(state.scan(), Some(Event::Remove { .. })));
}

/// A directory as the kubelet mounts a ConfigMap: files are links through `..data`, which is swapped.
struct ConfigMap {
    root: TempDir,
    version: usize,
}

impl ConfigMap {
    fn publish(&mut self, text: &str) {
        self.version += 1;
        let content = format!("..version-{}", self.version);
        let at = |name: &str| self.root.path().join(name);
        fs::create_dir(at(&content)).unwrap();
        fs::write(at(&content).join("mesh.yaml"), text).unwrap();
        symlink(&content, at("..data_tmp")).unwrap();
        fs::rename(at("..data_tmp"), at("..data")).unwrap();
        if self.version == 1 {
            symlink("..data/mesh.yaml", at("mesh.yaml")).unwrap();
        }
    }
}

#[tokio::test]
async fn a_watched_config_map_is_followed_through_swaps_and_broken_versions() {
    let mut map = ConfigMap {
        root: TempDir::new().unwrap(),
        version: 0,
    };
    map.publish(&service("a", 80));
    let (events, mut inbox) = mpsc::channel(16);
    let (drain, draining) = tokio::sync::watch::channel(false);
    let task = tokio::spawn(run(map.root.path().to_owned(), events, draining));
    let first = inbox.recv().await.expect("the first snapshot");
    assert_eq!(services(&first), ["a:80"]);
    map.publish(&service("a", 81));
    assert_eq!(upserted(inbox.recv().await), "a:81");
    map.publish("kind: {");
    map.publish(&service("a", 82));
    assert_eq!(upserted(inbox.recv().await), "a:82");
    drain.send_replace(true);
    task.await.expect("it ends when it is told to");
    assert_eq!(inbox.recv().await, None);
}

#[tokio::test]
async fn a_directory_that_comes_late_or_is_replaced_is_found() {
    let parent = TempDir::new().unwrap();
    let root = parent.path().join("mesh");
    let (events, mut inbox) = mpsc::channel(16);
    let (_drain, draining) = tokio::sync::watch::channel(false);
    tokio::spawn(run(root.clone(), events, draining));
    let other = parent.path().join("next");
    for directory in [&root, &other] {
        fs::create_dir(directory).unwrap();
    }
    fs::write(root.join("a.yaml"), service("a", 80)).unwrap();
    fs::write(other.join("a.yaml"), service("a", 81)).unwrap();
    let mut seen = Vec::new();
    while seen.last().map(String::as_str) != Some("a:80") {
        seen = services(&inbox.recv().await.expect("the directory is found"));
    }
    fs::rename(&root, parent.path().join("old")).unwrap();
    fs::rename(&other, &root).unwrap();
    assert_eq!(upserted(inbox.recv().await), "a:81");
}

fn policy(kind: &str, rest: &str) -> String {
    format!("apiVersion: security.istio.io/v1\nkind: {kind}\n{rest}\n")
}

/// What the only object of an event closes: `Kind namespace/name label=value`.
fn closes(event: Option<Event>) -> String {
    let object = match event {
        Some(Event::Snapshot { mut objects, .. }) => {
            assert_eq!(objects.len(), 1, "{objects:?}");
            objects.remove(0)
        }
        Some(Event::Upsert { object, .. }) => object,
        other => panic!("no object: {other:?}"),
    };
    let closed = object.as_closed().expect("something closed");
    let labels = closed.selector.iter().map(|(k, v)| format!(" {k}={v}"));
    format!("{}{}", closed.origin, labels.collect::<String>())
}

#[test]
fn a_security_object_that_never_was_good_closes_what_it_selects() {
    for (text, wanted) in [
        (
            policy(
                "PeerAuthentication",
                "metadata: {name: a, namespace: n}\nspec: {selector: {matchLabels: {app: x}}, mtls: {mode: STRIKT}}",
            ),
            "PeerAuthentication n/a app=x",
        ),
        (
            policy(
                "AuthorizationPolicy",
                "metadata: {name: a, namespace: n}\nspec: {selector: [app]}",
            ),
            "AuthorizationPolicy n/a",
        ),
        (
            policy(
                "RequestAuthentication",
                "metadata: {namespace: n, labels: 1}\nspec: {selector: {matchLabels: {app: x}}}",
            ),
            "RequestAuthentication n/(without name, of app=x) app=x",
        ),
        (
            "apiVersion: security.istio.io/v9\nkind: AuthorizationPolicy\nmetadata: {name: a}\n"
                .to_owned(),
            "AuthorizationPolicy default/a",
        ),
        (
            "apiVersion: security.isto.io/v1\nkind: PeerAuthentication\nmetadata: {name: a}\n"
                .to_owned(),
            "PeerAuthentication default/a",
        ),
    ] {
        let root = TempDir::new().unwrap();
        fs::write(root.path().join("a.yaml"), &text).unwrap();
        assert_eq!(closes(directory(root.path()).scan()), wanted, "{text}");
    }
}

#[test]
fn a_security_object_that_was_good_serves_on_and_one_that_becomes_good_opens() {
    let root = TempDir::new().unwrap();
    let file = root.path().join("a.yaml");
    let write = |mode: &str| {
        let rest = format!("metadata: {{name: a}}\nspec: {{mtls: {{mode: {mode}}}}}");
        fs::write(&file, policy("PeerAuthentication", &rest)).unwrap();
    };
    let mut state = directory(root.path());
    write("STRIKT");
    assert_eq!(closes(state.scan()), "PeerAuthentication default/a");
    write("STRICT");
    let good = state.scan();
    assert!(
        matches!(&good, Some(Event::Upsert { object, .. }) if object.as_peer_authentication().is_some()),
        "{good:?}"
    );
    write("STRIKTER");
    assert_eq!(state.scan(), None, "the good one goes on");
}

#[test]
fn a_security_object_in_a_file_that_is_no_yaml_any_more_goes_on() {
    let root = TempDir::new().unwrap();
    let file = root.path().join("a.yaml");
    let good = "metadata: {name: a}\nspec: {mtls: {mode: STRICT}}";
    let never_good = "metadata: {name: b}\nspec: {mtls: {mode: STRIKT}}";
    let kind = "PeerAuthentication";
    let text = format!("{}---\n{}", policy(kind, good), policy(kind, never_good));
    fs::write(&file, text).unwrap();
    let mut state = directory(root.path());
    let Some(Event::Snapshot { objects, .. }) = state.scan() else {
        panic!("the first look tells everything")
    };
    assert_eq!(objects.len(), 2, "one in force, one closed");
    for broken in [
        &b"\xff\xfe"[..],
        b"}{ : [",
        b"\tnot yaml: [",
        b"kind: Service\n",
    ] {
        fs::write(&file, broken).unwrap();
        assert_eq!(state.scan(), None, "both go on: {broken:?}");
    }
}
