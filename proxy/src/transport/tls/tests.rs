use super::*;
use crate::secret::{Certificate, Secret, SecretCell, TrustRoots, ValidationContext};
use crate::transport::{ConnectOptions, Raw};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use std::time::SystemTime;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const CLIENT: &str = "spiffe://cluster.local/ns/a/sa/client";
const SERVER: &str = "spiffe://cluster.local/ns/b/sa/server";

/// A certificate authority for one test.
struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Ca {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    fn issue(&self, san: SanType, change: impl FnOnce(&mut CertificateParams)) -> Secret {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = vec![san];
        change(&mut params);
        let chain = params.signed_by(&key, &self.issuer).unwrap().pem();
        let pem = key.serialize_pem();
        let certificate = Certificate::from_pem(chain.as_bytes(), pem.as_bytes()).unwrap();
        Secret::Certificate(Arc::new(certificate))
    }

    fn identity(&self, uri: &str) -> Arc<SecretCell> {
        let san = SanType::URI(uri.try_into().unwrap());
        Arc::new(SecretCell::fixed("default", self.issue(san, |_| ())))
    }

    fn host(&self, name: &str) -> Arc<SecretCell> {
        let san = SanType::DnsName(name.try_into().unwrap());
        Arc::new(SecretCell::fixed(name, self.issue(san, |_| ())))
    }

    fn roots(&self) -> Arc<SecretCell> {
        let roots = TrustRoots::from_pem(self.pem.as_bytes()).unwrap();
        let context = ValidationContext::trusting(roots);
        Arc::new(SecretCell::fixed(
            "ROOTCA",
            Secret::Validation(Arc::new(context)),
        ))
    }
}

fn common(certificates: Vec<Arc<SecretCell>>, validation: Option<Validation>) -> TlsConfig {
    TlsConfig {
        certificates,
        validation,
        alpn: vec![b"istio"[..].into()],
        params: TlsParams::default(),
    }
}

fn server(ca: &Ca, certificate: Arc<SecretCell>, required: bool) -> ServerContext {
    let validation = Validation::by_secret(ca.roots(), Vec::new());
    ServerContext::new(ServerTls {
        common: common(vec![certificate], Some(validation)),
        require_client_certificate: required,
    })
    .unwrap()
}

fn client(ca: &Ca, certificates: Vec<Arc<SecretCell>>, expected: &str) -> ClientContext {
    let names = vec![SanMatcher::exact_uri(expected)];
    let validation = Validation::by_secret(ca.roots(), names);
    client_with(common(certificates, Some(validation)), None)
}

fn client_with(common: TlsConfig, sni: Option<&str>) -> ClientContext {
    ClientContext::new(ClientTls {
        common,
        sni: sni.map(Arc::from),
        verify_server_name: false,
    })
    .unwrap()
}

type Side = Result<(Stream, Rc<TlsFacts>), TlsError>;

/// Makes a handshake over loopback, and an exchange of one byte where it succeeds: under TLS 1.3 a client learns only
/// from the first read that its certificate was refused.
async fn handshake(client: &ClientContext, server: &ServerContext) -> (Side, Side) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (connected, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    let ours = Socket::new(Raw::Tcp(connected.unwrap()));
    let theirs = Socket::new(Raw::Tcp(accepted.unwrap().0));
    let options = ConnectOptions::default();
    let connect = async {
        let (mut stream, facts) = client.connect(ours, &options).await?;
        stream.read_u8().await.map_err(TlsError::Handshake)?;
        Ok((stream, facts))
    };
    let accept = async {
        let (mut stream, facts) = server.accept(theirs).await?;
        stream.write_u8(1).await.map_err(TlsError::Handshake)?;
        stream.flush().await.map_err(TlsError::Handshake)?;
        Ok((stream, facts))
    };
    tokio::join!(connect, accept)
}

#[tokio::test]
async fn both_sides_learn_who_the_other_is() {
    let ca = Ca::new();
    let server = server(&ca, ca.identity(SERVER), true);
    let client = client(&ca, vec![ca.identity(CLIENT)], SERVER);
    let (connected, accepted) = handshake(&client, &server).await;
    let (at_client, at_server) = (connected.unwrap().1, accepted.unwrap().1);
    assert_eq!(at_client.peer.as_ref().unwrap().spiffe_id(), Some(SERVER));
    assert_eq!(at_server.peer.as_ref().unwrap().spiffe_id(), Some(CLIENT));
    assert!(at_client.verified && at_server.verified);
    assert_eq!(at_server.alpn.as_deref(), Some(&b"istio"[..]));
    assert_eq!(at_server.version, "TLSv1.3");
    assert_eq!(at_server.cipher, "TLS13_AES_128_GCM_SHA256");
    assert_eq!(at_server.peer.as_ref().unwrap().hash().len(), 64);
}

#[tokio::test]
async fn another_identity_than_the_expected_is_refused_by_name() {
    let ca = Ca::new();
    let server = server(&ca, ca.identity(SERVER), true);
    let client = client(
        &ca,
        vec![ca.identity(CLIENT)],
        "spiffe://cluster.local/ns/b/sa/other",
    );
    let (connected, accepted) = handshake(&client, &server).await;
    let error = connected.unwrap_err().to_string();
    assert!(error.contains(SERVER), "{error}");
    assert!(error.contains("sa/other"), "{error}");
    assert!(accepted.is_err());
}

#[tokio::test]
async fn an_identity_of_another_authority_is_refused() {
    let (ca, other) = (Ca::new(), Ca::new());
    let server = server(&ca, ca.identity(SERVER), true);
    let client = client(&ca, vec![other.identity(CLIENT)], SERVER);
    let (connected, accepted) = handshake(&client, &server).await;
    assert!(accepted.is_err());
    assert!(connected.is_err());
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let ca = Ca::new();
    let san = SanType::URI(SERVER.try_into().unwrap());
    let expired = ca.issue(san, |params| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 2, 1);
    });
    let expired = Arc::new(SecretCell::fixed("default", expired));
    let server = server(&ca, expired, false);
    let client = client(&ca, vec![ca.identity(CLIENT)], SERVER);
    let error = handshake(&client, &server).await.0.unwrap_err().to_string();
    assert!(error.contains("xpired"), "{error}");
}

#[tokio::test]
async fn a_client_without_certificate_passes_only_where_none_is_required() {
    let ca = Ca::new();
    let client = client(&ca, Vec::new(), SERVER);
    let strict = server(&ca, ca.identity(SERVER), true);
    assert!(handshake(&client, &strict).await.1.is_err());
    let permissive = server(&ca, ca.identity(SERVER), false);
    let facts = handshake(&client, &permissive).await.1.unwrap().1;
    assert!(facts.peer.is_none() && !facts.verified);
}

#[tokio::test]
async fn a_rotated_certificate_serves_new_connections_and_leaves_old_ones_alone() {
    let ca = Ca::new();
    let cell = ca.identity(SERVER);
    let server = server(&ca, Arc::clone(&cell), true);
    let any = Validation::by_secret(ca.roots(), Vec::new());
    let client = client_with(common(vec![ca.identity(CLIENT)], Some(any)), None);
    let (old, old_server) = handshake(&client, &server).await;
    let (mut old, _) = old.unwrap();
    let renewed = "spiffe://cluster.local/ns/b/sa/renewed";
    let san = SanType::URI(renewed.try_into().unwrap());
    cell.set(ca.issue(san, |_| ()));
    let facts = handshake(&client, &server).await.0.unwrap().1;
    assert_eq!(facts.peer.as_ref().unwrap().spiffe_id(), Some(renewed));
    let (mut old_server, _) = old_server.unwrap();
    old.write_all(b"still").await.unwrap();
    old.flush().await.unwrap();
    let mut bytes = [0; 5];
    old_server.read_exact(&mut bytes).await.unwrap();
    assert_eq!(&bytes, b"still");
}

#[tokio::test]
async fn of_several_certificates_the_one_that_names_the_host_is_shown() {
    let ca = Ca::new();
    let certificates = vec![ca.host("a.example.com"), ca.host("*.b.example.com")];
    let server = ServerContext::new(ServerTls {
        common: common(certificates, None),
        require_client_certificate: false,
    })
    .unwrap();
    for (asked, shown) in [
        ("a.example.com", "a.example.com"),
        ("x.b.example.com", "*.b.example.com"),
        ("other.example.com", "a.example.com"),
    ] {
        let client = client_with(common(Vec::new(), None), Some(asked));
        let (connected, accepted) = handshake(&client, &server).await;
        let facts = connected.unwrap().1;
        let names: Vec<_> = facts.peer.as_ref().unwrap().dns_names().collect();
        assert_eq!(names, [shown]);
        assert_eq!(accepted.unwrap().1.sni.as_deref(), Some(asked));
    }
}

#[tokio::test]
async fn a_missing_secret_is_named() {
    let ca = Ca::new();
    let cell = Arc::new(SecretCell::empty("default"));
    let server = server(&ca, cell, true);
    assert!(!server.is_ready());
    let client = client(&ca, vec![ca.identity(CLIENT)], SERVER);
    let error = handshake(&client, &server).await.1.unwrap_err().to_string();
    assert!(error.contains("secret default has not arrived"), "{error}");
}

#[test]
fn a_context_that_can_never_work_is_refused() {
    let nothing = ServerTls {
        common: common(Vec::new(), None),
        require_client_certificate: false,
    };
    assert!(matches!(
        ServerContext::new(nothing),
        Err(InvalidTls::NoCertificate)
    ));
    let ca = Ca::new();
    let blind = ServerTls {
        common: common(vec![ca.identity(SERVER)], None),
        require_client_certificate: true,
    };
    assert!(matches!(
        ServerContext::new(blind),
        Err(InvalidTls::NothingToVerifyWith)
    ));
}

#[test]
fn certificate_facts_are_read() {
    let ca = Ca::new();
    let san = SanType::URI(CLIENT.try_into().unwrap());
    let Secret::Certificate(certificate) = ca.issue(san, |params| {
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2027, 1, 1);
    }) else {
        unreachable!("a certificate was issued");
    };
    let seconds = |time: SystemTime| {
        time.duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_secs()
    };
    assert_eq!(seconds(certificate.not_before()), 1_767_225_600);
    assert_eq!(seconds(certificate.not_after()), 1_798_761_600);
    assert_eq!(certificate.uri_names().collect::<Vec<_>>(), [CLIENT]);
    let again = Certificate::from_pem(
        certificate.chain_pem().as_bytes(),
        certificate.key_pem().as_bytes(),
    );
    assert_eq!(again.unwrap().serial(), certificate.serial());
}

/// A client that wants a name, and has been given nothing to believe beyond what `change` adds.
fn rootless(change: impl FnOnce(&mut ClientTls)) -> ClientContext {
    let fixed = ValidationContext::default();
    let validation = Validation {
        fixed,
        secret: None,
    };
    let mut config = ClientTls {
        common: common(Vec::new(), Some(validation)),
        sni: None,
        verify_server_name: false,
    };
    change(&mut config);
    ClientContext::new(config).unwrap()
}

fn fixed(config: &mut ClientTls) -> &mut ValidationContext {
    &mut config.common.validation.as_mut().unwrap().fixed
}

#[tokio::test]
async fn names_without_trust_roots_believe_nobody() {
    let server = server(&Ca::new(), Ca::new().identity(SERVER), false);
    let names = || vec![SanMatcher::exact_uri(SERVER)];
    let by_name = rootless(|config| fixed(config).names = names());
    let error = handshake(&by_name, &server).await.0.unwrap_err();
    assert!(error.to_string().contains("NobodyToBelieve"), "{error}");
    let by_server_name = rootless(|config| config.verify_server_name = true);
    let error = handshake(&by_server_name, &server).await.0.unwrap_err();
    assert!(error.to_string().contains("NobodyToBelieve"), "{error}");
    let asked_for = rootless(|config| {
        fixed(config).names = names();
        fixed(config).accept_untrusted = true;
    });
    handshake(&asked_for, &server).await.0.unwrap();
}

#[tokio::test]
async fn a_required_client_certificate_without_trust_roots_believes_nobody() {
    let ca = Ca::new();
    let validation = Validation {
        fixed: ValidationContext::default(),
        secret: None,
    };
    let server = ServerContext::new(ServerTls {
        common: common(vec![ca.identity(SERVER)], Some(validation)),
        require_client_certificate: true,
    })
    .unwrap();
    let client = client(&ca, vec![Ca::new().identity(CLIENT)], SERVER);
    let error = handshake(&client, &server).await.1.unwrap_err();
    assert!(error.to_string().contains("NobodyToBelieve"), "{error}");
}

#[test]
fn a_revocation_list_without_a_block_is_an_error() {
    let mut context = ValidationContext::default();
    assert!(context.revoke_by_pem(b"").is_err());
    assert!(context.revoke_by_pem(Ca::new().pem.as_bytes()).is_err());
}
