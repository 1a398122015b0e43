//! Who may connect, and what certificates say.

use rcgen::{CertificateParams, KeyPair};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};
use xds_proto::istio::auth::IstioCertificateRequest;
use xds_proto::istio::auth::istio_certificate_service_client::IstioCertificateServiceClient;
use xds_proto::resource::ResourceKind::Cluster;

use crate::plane::{Delta, Plane, node, soon, with_token};

async fn ask(channel: Channel, key: &KeyPair, token: Option<&str>) -> Result<Vec<String>, Status> {
    let names = vec!["spiffe.example".to_owned(), "admin.example".to_owned()];
    let csr = CertificateParams::new(names)
        .unwrap()
        .serialize_request(key)
        .unwrap()
        .pem()
        .unwrap();
    let request = IstioCertificateRequest {
        csr,
        validity_duration: 3600,
        ..Default::default()
    };
    let mut client = IstioCertificateServiceClient::new(channel);
    let answer = soon(client.create_certificate(with_token(Request::new(request), token))).await?;
    Ok(answer.into_inner().cert_chain)
}

fn uri(pem: &str) -> String {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let (_, cert) = X509Certificate::from_der(&der).unwrap();
    let names = &cert
        .subject_alternative_name()
        .unwrap()
        .unwrap()
        .value
        .general_names;
    assert_eq!(names.len(), 1, "{names:?}");
    let GeneralName::URI(uri) = &names[0] else {
        panic!("{names:?}")
    };
    (*uri).to_owned()
}

#[tokio::test]
async fn a_token_buys_a_certificate_in_its_own_name_and_that_buys_the_next() {
    let plane = Plane::start().await;
    let key = KeyPair::generate().unwrap();
    let token = plane.token("default", "client");
    let chain = ask(plane.tls(None).await, &key, Some(&token))
        .await
        .unwrap();
    assert_eq!(
        uri(&chain[0]),
        "spiffe://cluster.local/ns/default/sa/client"
    );
    assert_eq!(chain.last().unwrap().trim(), plane.running.root_pem.trim());

    let certs = vec![CertificateDer::from_pem_slice(chain[0].as_bytes()).unwrap()];
    let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let channel = plane.tls(Some((certs, private))).await;
    let renewed = ask(channel.clone(), &KeyPair::generate().unwrap(), None)
        .await
        .unwrap();
    assert_eq!(
        uri(&renewed[0]),
        "spiffe://cluster.local/ns/default/sa/client"
    );

    let mut stream = Delta::open(channel, node("client-1", "default"), None)
        .await
        .unwrap();
    stream.subscribe(Cluster, &[]).await;
    stream.accept(Cluster).await;
}

#[tokio::test]
async fn without_a_credential_nothing_is_served_over_tls() {
    let plane = Plane::start().await;
    let key = KeyPair::generate().unwrap();
    let refused = ask(plane.tls(None).await, &key, None).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let refused = Delta::open(plane.tls(None).await, node("client-1", "default"), None)
        .await
        .err()
        .unwrap();
    assert_eq!(refused.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn a_token_of_another_mesh_is_refused_with_a_hint() {
    let (plane, other) = (Plane::start().await, Plane::start().await);
    let token = other.token("default", "client");
    let key = KeyPair::generate().unwrap();
    let refused = ask(plane.tls(None).await, &key, Some(&token))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert!(
        refused.message().contains("tulle token create"),
        "{refused}"
    );
    let refused = Delta::open(
        plane.tls(None).await,
        node("client-1", "default"),
        Some(&token),
    )
    .await
    .err()
    .unwrap();
    assert_eq!(refused.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn the_plaintext_port_issues_nothing_to_strangers() {
    let plane = Plane::start().await;
    let refused = ask(plane.plaintext().await, &KeyPair::generate().unwrap(), None)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn a_proxy_can_not_speak_for_another_namespace_or_account() {
    let plane = Plane::start().await;
    for (namespace, account) in [("payments", "client"), ("default", "other")] {
        let token = plane.token(namespace, account);
        let channel = plane.tls(None).await;
        let mut stream = Delta::open(channel, node("client-1", "default"), Some(&token))
            .await
            .unwrap();
        stream.subscribe(Cluster, &[]).await;
        assert_eq!(
            stream.next().await.unwrap_err().code(),
            Code::PermissionDenied
        );
    }
}

#[tokio::test]
async fn root_and_tokens_outlive_a_restart() {
    let plane = Plane::start().await;
    let (root, token) = (
        plane.running.root_pem.clone(),
        plane.token("default", "client"),
    );
    let plane = plane.restart().await;
    assert_eq!(plane.running.root_pem, root);
    assert!(
        ask(
            plane.tls(None).await,
            &KeyPair::generate().unwrap(),
            Some(&token)
        )
        .await
        .is_ok()
    );
}
