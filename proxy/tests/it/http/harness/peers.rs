//! Clients and upstreams of the proxy, byte by byte or by HTTP/2 frames.

use std::net::SocketAddr;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::beside;

/// A raw client connection.
pub(in crate::http) struct Client(TcpStream);

impl Client {
    pub(in crate::http) async fn connect(to: SocketAddr) -> Self {
        Self(TcpStream::connect(to).await.expect("connected"))
    }

    pub(in crate::http) async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.expect("sent");
    }

    /// Everything until the proxy closes.
    pub(in crate::http) async fn rest(&mut self) -> String {
        let mut all = Vec::new();
        self.0.read_to_end(&mut all).await.expect("read");
        String::from_utf8_lossy(&all).into_owned()
    }

    /// Bytes until `end` has come.
    pub(in crate::http) async fn until(&mut self, end: &str) -> String {
        match self.read_until(end).await {
            Ok(all) => all,
            Err(all) => panic!("closed after {all:?}"),
        }
    }

    /// Bytes until `end` has come; `None` when the other side closes.
    pub(in crate::http) async fn until_or_end(&mut self, end: &str) -> Option<String> {
        self.read_until(end).await.ok()
    }

    async fn read_until(&mut self, end: &str) -> Result<String, String> {
        let mut all = Vec::new();
        let mut byte = [0];
        while !all.ends_with(end.as_bytes()) {
            if !matches!(self.0.read(&mut byte).await, Ok(1)) {
                return Err(String::from_utf8_lossy(&all).into_owned());
            }
            all.push(byte[0]);
        }
        Ok(String::from_utf8_lossy(&all).into_owned())
    }
}

/// An upstream that runs `script` on each connection, with its number. What fails in there fails the test.
pub(in crate::http) async fn upstream<F>(
    script: impl Fn(usize, Client) -> F + 'static,
) -> SocketAddr
where
    F: Future<Output = ()> + 'static,
{
    listening(move |number, tcp| script(number, Client(tcp))).await
}

/// An HTTP/2 upstream, made by `builder`, that runs `script` on each connection.
pub(in crate::http) async fn http2_upstream<F>(
    builder: h2::server::Builder,
    script: impl Fn(h2::server::Connection<TcpStream, Bytes>) -> F + Clone + 'static,
) -> SocketAddr
where
    F: Future<Output = ()> + 'static,
{
    listening(move |_, tcp| {
        let (builder, script) = (builder.clone(), script.clone());
        async move { script(builder.handshake(tcp).await.expect("a preface")).await }
    })
    .await
}

async fn listening<F>(serve: impl Fn(usize, TcpStream) -> F + 'static) -> SocketAddr
where
    F: Future<Output = ()> + 'static,
{
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = socket.local_addr().expect("bound");
    beside::spawn(async move {
        for number in 0.. {
            let (tcp, _) = socket.accept().await.expect("accepted");
            beside::spawn(serve(number, tcp));
        }
    });
    addr
}
