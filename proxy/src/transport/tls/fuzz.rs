//! What holds for any bytes: entry points of the fuzz targets. Each panics when what opens records is wrong.

use super::library::{Role, Sinks, Step, Task};
use super::params;
use super::session::{Opened, Session};
use crate::transport::buffer::{ReadAhead, Size};
use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::version::TLS13;
use rustls::{
    AlertDescription, ClientConfig, RootCertStore, ServerConfig, SupportedCipherSuite,
    SupportedProtocolVersion,
};
use std::sync::{Arc, OnceLock};
use tokio::io::ReadBuf;

/// Inputs to begin with: data, padding and nothing, an end, new keys, tickets in parts, alerts, and what is none of it.
pub const SEEDS: &[&[u8]] = &[
    b"\x01\x17\x04data\x17\0\0\x07more\x17\0\0\x17\x01x\x15\x02\x01\0\x17\x01y",
    b"\x05\xff\0\x17\x04data\xff\0\xff\0\x17\x03abc",
    b"\x03\x16\x05\x18\0\0\x01\x01\x17\x04data",
    b"\x09\x16\x03\x04\0\0\x16\x04\x03abc\x17\x02ok",
    b"\x07\x15\x02\x01\x5a\x17\x02ok\x15\x02\x02\x28",
    b"\x00\x17\x03\x03\0\x14....................",
    b"\x02\x17\x03\x03\x41\x01",
];

/// What a session has read in the end.
#[derive(Debug, PartialEq)]
struct Outcome {
    data: Vec<u8>,
    /// Why nothing more is accepted.
    refused: Option<Option<AlertDescription>>,
    closed: bool,
}

/// What comes in behind a handshake. An even first byte: the rest as it is. Nobody without the key can make a record, so nothing
/// may be read of it. An odd one: the rest as content of genuine records, each behind a byte for its type and one for its length.
/// Data is read up to the first record that must not be there, and all the same however it is cut.
pub fn records(bytes: &[u8]) {
    let Some((choice, bytes)) = bytes.split_first() else {
        return;
    };
    let most = usize::from(*choice) + 1;
    let (mut from, mut to) = pair();
    if choice % 2 == 0 {
        let outcome = read(&mut to, bytes.chunks(most), most);
        assert!(outcome.data.is_empty() && !outcome.closed);
        return;
    }
    let (wire, data) = seal_each(&mut from, bytes);
    let whole = read(&mut to, std::iter::once(&wire[..]), 1 << 15);
    let (mut from, mut to) = pair();
    let (wire, _) = seal_each(&mut from, bytes);
    assert_eq!(whole, read(&mut to, wire.chunks(most), most));
    assert!(data.starts_with(&whole.data), "what was sent was altered");
    if whole.refused.is_none() && !whole.closed {
        assert_eq!(whole.data, data, "what was sent was left out");
    }
}

/// Genuine records with these contents, and the application data in them.
fn seal_each(from: &mut Session, mut bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut wire, mut data) = (Vec::new(), Vec::new());
    while let Some((&[kind, length], rest)) = bytes.split_first_chunk::<2>() {
        let (content, rest) = rest.split_at(rest.len().min(usize::from(length)));
        bytes = rest;
        let mut out = ReadAhead::default();
        let sealed = if kind == u8::MAX {
            from.update(Size::Usual, &mut out)
        } else {
            // The type is the last byte that is not zero.
            let inner = [content, &[kind]].concat();
            if let Some(end) = inner.iter().rposition(|byte| *byte != 0)
                && inner[end] == 23
            {
                data.extend_from_slice(&inner[..end]);
            }
            from.put(kind, content, Size::Usual, &mut out)
        };
        sealed.expect("a fresh key seals");
        wire.extend_from_slice(out.bytes());
    }
    (wire, data)
}

/// What is read of `pieces` in turn, in buffers of `most` bytes.
fn read<'a>(to: &mut Session, pieces: impl Iterator<Item = &'a [u8]>, most: usize) -> Outcome {
    let mut incoming = ReadAhead::default();
    let mut outcome = Outcome {
        data: Vec::new(),
        refused: None,
        closed: false,
    };
    let mut room = vec![0; most];
    for piece in pieces {
        feed(&mut incoming, piece);
        loop {
            let mut buf = ReadBuf::new(&mut room);
            match to.open(&mut incoming, &mut buf) {
                Ok(Opened::Data) => outcome.data.extend_from_slice(buf.filled()),
                Ok(Opened::Nothing) => break,
                Ok(Opened::Closed) => {
                    outcome.closed = true;
                    return outcome;
                }
                Err(refused) => {
                    outcome.refused = Some(refused.alert);
                    return outcome;
                }
            }
        }
    }
    outcome
}

/// Puts what came behind what is there.
pub(super) fn feed(incoming: &mut ReadAhead, bytes: &[u8]) {
    incoming.make_room(bytes.len(), Size::Large);
    if !bytes.is_empty() {
        incoming.spare(Size::Large)[..bytes.len()].copy_from_slice(bytes);
        incoming.filled(bytes.len());
    }
}

/// Our role in a handshake in memory.
pub(super) struct Ours {
    pub(super) role: Role,
    incoming: ReadAhead,
}

impl Ours {
    pub(super) fn client(config: &Arc<ClientConfig>) -> Self {
        let name = "localhost".try_into().expect("a server name");
        let client = UnbufferedClientConnection::new(Arc::clone(config), name);
        Self::new(Role::Client(client.expect("a complete configuration")))
    }

    pub(super) fn server(config: &Arc<ServerConfig>) -> Self {
        let server = UnbufferedServerConnection::new(Arc::clone(config));
        Self::new(Role::Server(server.expect("a complete configuration")))
    }

    fn new(role: Role) -> Self {
        Self {
            role,
            incoming: ReadAhead::default(),
        }
    }

    /// Takes what came, and says what to send.
    pub(super) fn turn(&mut self, bytes: &[u8]) -> Vec<u8> {
        feed(&mut self.incoming, bytes);
        let (mut out, mut plaintext) = (ReadAhead::default(), Vec::new());
        loop {
            let mut sinks = Sinks {
                out: &mut out,
                plaintext: &mut plaintext,
            };
            let incoming = self.incoming.bytes_mut();
            let (used, step) = self.role.step(incoming, Task::Wait, &mut sinks);
            self.incoming.consume(used);
            if step.expect("an honest handshake") == Step::Done {
                return out.bytes().to_vec();
            }
        }
    }
}

/// Two sessions that are connected: the client's and the server's.
pub(super) fn pair() -> (Session, Session) {
    static CONFIGS: OnceLock<(Arc<ClientConfig>, Arc<ServerConfig>)> = OnceLock::new();
    let (client, server) = CONFIGS.get_or_init(|| configs(&TLS13, 0));
    let (mut client, mut server) = (Ours::client(client), Ours::server(server));
    let mut sent = Vec::new();
    while client.role.common().is_handshaking() || server.role.common().is_handshaking() {
        sent = client.turn(&server.turn(&sent));
    }
    let session = |ours: Ours| Session::new(ours.role).expect("the handshake is over");
    (session(client), session(server))
}

/// Configurations of both sides with one cipher suite of one version.
pub(super) fn configs(
    version: &'static SupportedProtocolVersion,
    suite: usize,
) -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]);
    let made = made.expect("a certificate can be made");
    let mut provider = (*params::default_provider()).clone();
    let of_version = |suite: &SupportedCipherSuite| suite.version() == version;
    provider.cipher_suites.retain(of_version);
    provider.cipher_suites = vec![provider.cipher_suites[suite]];
    let provider = Arc::new(provider);
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a certificate");
    let mut client = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[version])
        .expect("a suite of this version")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let key = rustls_pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .expect("a suite of this version")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .expect("a key and its certificate");
    client.enable_secret_extraction = true;
    server.enable_secret_extraction = true;
    (Arc::new(client), Arc::new(server))
}
