//! Connections over loopback, for tests.

use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};

use super::tls::{ClientContext, ClientTls, ServerContext, ServerTls, TlsConfig, TlsParams};
use super::{ConnectOptions, Raw, Socket, Stream};
use crate::secret::{Certificate, Secret, SecretCell};

/// A connected pair over loopback: our end as a stream, their end as they would use it.
pub(crate) async fn pair() -> (Stream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (theirs, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    let ours = Socket::new(Raw::Tcp(accepted.unwrap().0));
    (Stream::Plain(ours), theirs.unwrap())
}

/// Both ends of a TLS connection over loopback. Neither verifies the other: bytes are what matters here.
pub(crate) async fn tls_pair() -> (Stream, Stream) {
    let made = rcgen::generate_simple_self_signed(Vec::new()).unwrap();
    let key = made.signing_key.serialize_pem();
    let certificate = Certificate::from_pem(made.cert.pem().as_bytes(), key.as_bytes()).unwrap();
    let cell = SecretCell::fixed("default", Secret::Certificate(Arc::new(certificate)));
    let common = |certificates| TlsConfig {
        certificates,
        validation: None,
        alpn: Vec::new(),
        params: TlsParams::default(),
    };
    let server = ServerContext::new(ServerTls {
        common: common(vec![Arc::new(cell)]),
        require_client_certificate: false,
    });
    let client = ClientContext::new(ClientTls {
        common: common(Vec::new()),
        sni: None,
        verify_server_name: false,
    });
    let (Stream::Plain(accepted), connected) = pair().await else {
        unreachable!("pairs are plain");
    };
    let (server, client) = (server.unwrap(), client.unwrap());
    let options = ConnectOptions::default();
    let connecting = client.connect(Socket::new(Raw::Tcp(connected)), &options);
    let (client, server) = tokio::join!(connecting, server.accept(accepted));
    (client.unwrap().0, server.unwrap().0)
}
