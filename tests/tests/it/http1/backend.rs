//! A backend that writes down every byte that a proxy sends it, and answers each connection once.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::reader::{self, Request};
use crate::mesh::http::PATIENCE;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Begins a connection behind which nothing that was sent before can come.
const FENCE: &[u8] = b"fence";

/// One connection from a proxy.
#[derive(Debug)]
pub(super) struct Recorded {
    /// Everything that came.
    pub(super) bytes: Vec<u8>,
    /// The request, if all of one came; what cannot be read in one way only is an error.
    pub(super) request: Result<Option<Request>, String>,
    /// What came behind the request.
    pub(super) rest: Vec<u8>,
}

/// The backend of one proxy. It lives in the network namespace of the thread that starts it.
pub(super) struct Backend {
    pub(super) address: SocketAddr,
    connections: Option<Receiver<Open>>,
}

/// A connection that may still be read.
struct Open {
    stream: TcpStream,
    reader: JoinHandle<Recorded>,
}

impl Backend {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, connections) = sync_channel(1024);
        std::thread::spawn(move || accept(&listener, &sender));
        Self {
            address,
            connections: Some(connections),
        }
    }

    /// All connections since the last call, in their order. Those that are still open end here: what has come, has come.
    pub(super) fn recorded(&self) -> Vec<Recorded> {
        let mut fence = TcpStream::connect(self.address).unwrap();
        fence.write_all(FENCE).unwrap();
        drop(fence);
        let connections = self.connections.as_ref().into_iter().flatten();
        connections
            .map(Open::end)
            .take_while(|one| one.bytes != FENCE)
            .collect()
    }
}

impl Open {
    fn end(self) -> Recorded {
        self.stream.shutdown(Shutdown::Both).ok();
        self.reader.join().unwrap()
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.connections = None;
        // Nobody waits for this connection: the backend notices and ends.
        TcpStream::connect(self.address).ok();
    }
}

fn accept(listener: &TcpListener, connections: &SyncSender<Open>) {
    for stream in listener.incoming() {
        let stream = stream.unwrap();
        let own = stream.try_clone().unwrap();
        let reader = std::thread::spawn(move || record(own));
        if connections.send(Open { stream, reader }).is_err() {
            return;
        }
    }
}

fn record(mut stream: TcpStream) -> Recorded {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut bytes, mut block) = (Vec::new(), [0; 16 * 1024]);
    let request = loop {
        match reader::read(&bytes) {
            Ok(None) => {}
            Ok(Some((request, length))) => break Ok(Some((request, length))),
            Err(doubt) => break Err(doubt),
        }
        match stream.read(&mut block) {
            Ok(0) => break Ok(None),
            Ok(count) => bytes.extend_from_slice(&block[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break Ok(None),
            Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&bytes)),
        }
    };
    let length = match &request {
        Ok(Some((_, length))) => {
            stream.write_all(ANSWER).ok();
            *length
        }
        Ok(None) | Err(_) => bytes.len(),
    };
    stream.shutdown(Shutdown::Write).ok();
    stream.read_to_end(&mut bytes).ok();
    Recorded {
        request: request.map(|read| read.map(|(request, _)| request)),
        rest: bytes[length..].to_vec(),
        bytes,
    }
}
