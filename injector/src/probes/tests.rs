use super::*;

fn pod(container: Value) -> Value {
    json!({"spec": {"containers": [container]}})
}

#[test]
fn every_kind_of_probe_goes_through_the_sidecar() {
    let mut rewritten = pod(json!({
        "name": "web",
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"port": "http", "path": "/ready", "scheme": "HTTPS"}, "timeoutSeconds": 2},
        "livenessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 3},
        "startupProbe": {"grpc": {"port": 9000}},
        "lifecycle": {"preStop": {"httpGet": {"port": 8080, "path": "/bye"}}, "postStart": {"exec": {"command": ["x"]}}},
    }));
    let variable = rewrite(&mut rewritten, 15020, &mut Vec::new()).unwrap();
    let originals: Value = serde_json::from_str(&variable).unwrap();
    let expected = json!({
        "/app-health/web/readyz": {
            "httpGet": {"port": 8080, "path": "/ready", "scheme": "HTTPS"}, "timeoutSeconds": 2
        },
        "/app-health/web/livez": {"tcpSocket": {"port": 8080}},
        "/app-health/web/startupz": {"grpc": {"port": 9000}},
        "/app-lifecycle/web/prestopz": {"httpGet": {"port": 8080, "path": "/bye"}},
    });
    assert_eq!(originals, expected);
    let container = &rewritten["spec"]["containers"][0];
    let readiness = json!({
        "httpGet": {"port": 15020, "path": "/app-health/web/readyz", "scheme": "HTTP"}, "timeoutSeconds": 2
    });
    assert_eq!(container["readinessProbe"], readiness);
    let liveness =
        json!({"httpGet": {"port": 15020, "path": "/app-health/web/livez"}, "periodSeconds": 3});
    assert_eq!(container["livenessProbe"], liveness);
    assert_eq!(
        container["lifecycle"]["postStart"],
        json!({"exec": {"command": ["x"]}})
    );
}

#[test]
fn restoring_undoes_rewriting() {
    let before = pod(json!({
        "name": "web",
        "livenessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 3, "timeoutSeconds": 1},
        "lifecycle": {"preStop": {"httpGet": {"port": 8080, "path": "/bye"}}},
    }));
    let mut after = before.clone();
    let variable = rewrite(&mut after, 15020, &mut Vec::new()).unwrap();
    assert_ne!(after, before);
    restore(&mut after, &variable);
    assert_eq!(after, before);
}

#[test]
fn a_port_name_that_is_not_declared_is_left_alone_and_told() {
    let before = pod(json!({"name": "web", "readinessProbe": {"httpGet": {"port": "http"}}}));
    let mut after = before.clone();
    let mut warnings = Vec::new();
    assert_eq!(rewrite(&mut after, 15020, &mut warnings), None);
    assert_eq!(after, before);
    assert!(warnings[0].contains("\"http\""), "{warnings:?}");
}
