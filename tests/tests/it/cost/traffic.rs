//! A backend and callers that send one request after the other, so that every run does the same.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

use super::bootstrap::Ports;

const BODY: [u8; 1024] = [b'x'; 1024];
const GET: &str =
    "GET /bench HTTP/1.1\r\nhost: bench.example\r\nuser-agent: bench\r\naccept: */*\r\n\r\n";
/// Fields as a browser behind a gateway with tracing sends them.
const USUAL: &str = "host: bench.example\r\nuser-agent: Mozilla/5.0 (X11; Linux x86_64; rv:130.0)\r\naccept: application/json\r\n\
    accept-encoding: gzip, deflate, br\r\naccept-language: en\r\ncookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n\
    authorization: Bearer eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl\r\n\
    x-request-id: 3f2c1b1e-8f56-4c39-9d2b-1b0f6f0f7a11\r\n\
    traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nx-b3-traceid: 0af7651916cd43dd8448eb211c80319c\r\n\
    x-b3-spanid: b7ad6b7169203331\r\nx-b3-sampled: 1\r\nx-tenant: blue\r\ncontent-type: application/json\r\n";

/// One connection to the proxy.
pub(super) struct Caller {
    runtime: Runtime,
    to: SocketAddr,
    speak: Speak,
}

enum Speak {
    /// The bytes of a request.
    Http1(Vec<u8>, Option<TcpStream>),
    Http2(Option<SendRequest<Bytes>>),
}

/// What is measured, by name.
pub(super) fn scenarios(ports: &Ports) -> Vec<(&'static str, Caller)> {
    let get = || Speak::Http1(GET.into(), None);
    let post = format!(
        "POST /bench?a=b HTTP/1.1\r\n{USUAL}content-length: {}\r\n\r\n",
        BODY.len()
    );
    let post = [post.as_bytes(), &BODY].concat();
    vec![
        ("HTTP/1.1, one hop", Caller::new(ports.plain, get())),
        (
            "HTTP/1.1 with Istio's access log, one hop",
            Caller::new(ports.logged, get()),
        ),
        (
            "HTTP/1.1 with 15 fields and a body, one hop",
            Caller::new(ports.plain, Speak::Http1(post, None)),
        ),
        (
            "HTTP/1.1, two hops with mutual TLS",
            Caller::new(ports.outbound, get()),
        ),
        (
            "HTTP/2 without TLS, one hop",
            Caller::new(ports.http2, Speak::Http2(None)),
        ),
    ]
}

impl Caller {
    fn new(to: SocketAddr, speak: Speak) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        Self { runtime, to, speak }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.to
    }

    /// Sends so many requests and waits for each response, on the connection of the call before.
    pub(super) fn ask(&mut self, count: u32) {
        let Self { runtime, to, speak } = self;
        runtime.block_on(async {
            match speak {
                Speak::Http1(request, stream) => {
                    if stream.is_none() {
                        let connected = TcpStream::connect(*to).await.unwrap();
                        connected.set_nodelay(true).unwrap();
                        *stream = Some(connected);
                    }
                    let stream = stream.as_mut().unwrap();
                    for _ in 0..count {
                        stream.write_all(request).await.unwrap();
                        let head = read_message(stream).await.unwrap();
                        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
                    }
                }
                Speak::Http2(sender) => {
                    if sender.is_none() {
                        *sender = Some(connect_http2(*to).await);
                    }
                    let sender = sender.as_mut().unwrap();
                    for _ in 0..count {
                        get_http2(sender).await;
                    }
                }
            }
        });
    }
}

async fn connect_http2(to: SocketAddr) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(to).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn get_http2(sender: &mut SendRequest<Bytes>) {
    let request = Request::get("http://bench.example/bench").body(()).unwrap();
    let mut ready = sender.clone().ready().await.unwrap();
    let (response, _) = ready.send_request(request, true).unwrap();
    let response = response.await.unwrap();
    assert_eq!(response.status(), 200);
    let mut body = response.into_body();
    let mut received = 0;
    while let Some(data) = body.data().await {
        let count = data.unwrap().len();
        received += count;
        body.flow_control().release_capacity(count).unwrap();
    }
    assert_eq!(received, BODY.len());
}

/// Reads one HTTP/1 message whose body has a length, and returns its head; `None` at the end of the connection.
async fn read_message(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..at]).to_lowercase();
        let length = head.split("content-length: ").nth(1);
        let length = length.map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
        if bytes.len() == at + 4 + length {
            return Some(String::from_utf8_lossy(&bytes[..at]).into_owned());
        }
    }
}

/// Starts a server for HTTP/1.1 and HTTP/2 on a thread of its own; it ends with the test.
pub(super) fn backend() -> SocketAddr {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let socket = TcpListener::from_std(socket).unwrap();
            loop {
                let (stream, _) = socket.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                tokio::spawn(serve(stream));
            }
        });
    });
    address
}

async fn serve(mut stream: TcpStream) {
    let mut first = [0; 3];
    let count = stream.peek(&mut first).await.unwrap_or_default();
    if first[..count] == *b"PRI" {
        return serve_http2(stream).await;
    }
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n",
        BODY.len()
    );
    let response = [head.as_bytes(), &BODY].concat();
    while read_message(&mut stream).await.is_some() {
        if stream.write_all(&response).await.is_err() {
            return;
        }
    }
}

async fn serve_http2(stream: TcpStream) {
    let Ok(mut connection) = h2::server::handshake(stream).await else {
        return;
    };
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        let response = Response::builder()
            .header("content-type", "text/plain")
            .body(())
            .unwrap();
        if let Ok(mut send) = respond.send_response(response, false) {
            let _ = send.send_data(Bytes::from_static(&BODY), true);
        }
    }
}
