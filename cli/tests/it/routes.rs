//! What a VirtualService says, seen by curl in a pod, through real redirect rules and mTLS.

use crate::mesh::Mesh;

const CONFIG: &str = include_str!("routes.yaml");

#[test]
fn virtual_services_do_what_they_say() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("mesh.yaml"), CONFIG).unwrap();
    let Some(mesh) = Mesh::captured("routes", Some(dir.path())) else {
        return;
    };
    mesh.until("a first answer", |mesh| {
        mesh.curl("client", &["http://web/"])
            .contains("200 OK")
            .then_some(())
    });
    for (args, wanted) in [
        (
            &["http://web/"][..],
            &["\"version\":\"v1\"", "x-added: yes"][..],
        ),
        (
            &["http://web.shop.svc.cluster.local/"],
            &["\"version\":\"v1\""],
        ),
        (
            &["-H", "x-user: beta", "http://web/"],
            &["\"version\":\"v2\""],
        ),
        (
            &["-X", "POST", "-d", "a=1", "http://web/cart"],
            &["\"version\":\"v2\"", "\"method\":\"POST\""],
        ),
        (
            &["http://web/old/page"],
            &["\"path\":\"/new/page\"", "\"x-from\":\"rewrite\""],
        ),
        (
            &["http://web/moved"],
            &["302", "location: http://elsewhere.example/there"],
        ),
        (&["http://web/teapot"], &["418", "short and stout"]),
        (
            &["http://web/"],
            &["\"x-forwarded-proto\":\"http\"", "\"x-request-id\":"],
        ),
        (
            &["--http2-prior-knowledge", "http://web/"],
            &["HTTP/2 200", "\"version\":\"v1\""],
        ),
    ] {
        let answer = mesh.curl("client", args);
        for part in wanted {
            assert!(
                answer.contains(part),
                "{args:?} should say {part}:\n{answer}"
            );
        }
    }
    strict_mtls_refuses_plaintext(&mesh);
    unknown_destinations_pass_through(&mesh);
    explanations_name_the_rule(&mesh);
}

fn strict_mtls_refuses_plaintext(mesh: &Mesh) {
    let output = mesh.exec("outsider", &["curl", "-s", "-m", "5", "http://web/"]);
    assert!(
        !output.status.success(),
        "a pod without a sidecar was answered: {output:?}"
    );
}

fn unknown_destinations_pass_through(mesh: &Mesh) {
    // the outsider has no sidecar and no service: only its address is known
    let address = mesh.exec("outsider", &["hostname", "-I"]);
    let address = String::from_utf8(address.stdout).unwrap();
    let answer = mesh.curl("client", &[&format!("http://{}:8080/", address.trim())]);
    assert!(answer.contains("200 OK"), "{answer}");
}

fn explanations_name_the_rule(mesh: &Mesh) {
    let plain = mesh.explain(&["--from", "client", "--to", "http://web/"]);
    assert!(
        plain.contains("outbound|80|v1|web.shop.svc.cluster.local"),
        "{plain}"
    );
    let beta = mesh.explain(&[
        "--from",
        "client",
        "--to",
        "http://web/",
        "-H",
        "x-user: beta",
    ]);
    assert!(
        beta.contains("outbound|80|v2|web.shop.svc.cluster.local")
            && beta.contains("VirtualService shop/web"),
        "{beta}"
    );
}
