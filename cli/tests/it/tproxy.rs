//! Transparent interception: real sidecars behind TPROXY rules.

use crate::mesh::Mesh;

const CONFIG: &str = "\
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict, namespace: shop}
spec: {mtls: {mode: STRICT}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: shop
  labels: {app: web, version: v1}
  annotations: {sidecar.istio.io/interceptionMode: TPROXY}
spec:
  containers: [{name: web, image: tulle/demo, ports: [{containerPort: 8080}]}]
---
apiVersion: v1
kind: Pod
metadata:
  name: client
  namespace: shop
  labels: {app: client, version: v1}
  annotations: {sidecar.istio.io/interceptionMode: TPROXY}
spec:
  containers: [{name: client, image: tulle/demo, ports: [{containerPort: 8080}]}]
---
apiVersion: v1
kind: Pod
metadata:
  name: outsider
  namespace: shop
  labels: {app: outsider, version: v1, sidecar.istio.io/inject: 'false'}
spec:
  containers: [{name: outsider, image: tulle/demo, ports: [{containerPort: 8080}]}]
";

#[test]
fn tproxy_carries_requests_over_mtls_and_refuses_plaintext() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("mesh.yaml"), CONFIG).unwrap();
    let Some(mesh) = Mesh::captured("tproxy", Some(dir.path())) else {
        return;
    };
    mesh.until("an answer", |mesh| {
        let answer = mesh.curl("client", &["http://web/"]);
        (answer.contains("200 OK") && answer.contains("x-forwarded-client-cert")).then_some(())
    });
    let output = mesh.exec("outsider", &["curl", "-s", "-m", "5", "http://web/"]);
    assert!(
        !output.status.success(),
        "a pod without a sidecar was answered: {output:?}"
    );
}
