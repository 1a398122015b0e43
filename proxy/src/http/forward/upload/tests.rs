use std::future::poll_fn;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::http::codec::buffers::Buffers;
use crate::http::codec::h1::HeadLimits;
use crate::http::codec::h1::connection::Connection;
use crate::http::codec::h1::encode::Persistence;
use crate::http::head::RequestHead;
use crate::transport::{Raw, Socket, Stream};

const REQUEST: &[u8] = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi";

async fn pair() -> (Box<Connection<Stream>>, TcpStream) {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = socket.local_addr().expect("bound");
    let (ours, theirs) = tokio::join!(TcpStream::connect(addr), socket.accept());
    let stream = Stream::Plain(Socket::new(Raw::Tcp(ours.expect("connected"))));
    let connection = Connection::new(stream, &Buffers::new());
    (Box::new(connection), theirs.expect("accepted").0)
}

/// A client's leg whose request head is read.
async fn client() -> (Leg, RequestHead, TcpStream) {
    let (mut connection, mut client) = pair().await;
    client.write_all(REQUEST).await.expect("sent");
    let mut head = RequestHead::default();
    poll_fn(|cx| connection.poll_request(cx, &mut head, HeadLimits::default()))
        .await
        .expect("valid")
        .expect("a request");
    (Leg::Http1(connection), head, client)
}

fn upload() -> Upload {
    Upload {
        pump: Pump::keeping(REPLAY_LIMIT),
        left: Left::Rest,
        complete: None,
        last: false,
    }
}

/// Polls until everything is written.
async fn finish(upload: &mut Upload, down: &mut Leg, up: &mut Leg) {
    poll_fn(|cx| {
        upload.poll(cx, down, up).expect("the client is there");
        match upload.sent() {
            Some(_) => Poll::Ready(()),
            None => Poll::Pending,
        }
    })
    .await;
}

#[tokio::test]
async fn a_request_is_under_way_until_the_socket_has_taken_its_end() {
    let (mut down, head, _client) = client().await;
    let (mut connection, mut server) = pair().await;
    connection.begin_tunnel();
    poll_fn(|cx| {
        while connection.poll_flush(cx).is_ready() {
            connection.send_data(cx, &[b'-'; 1024]).expect("open");
        }
        Poll::Ready(())
    })
    .await;
    connection.send_request(&head, Framing::Length(2), Persistence::Keep);
    let mut up = Leg::Http1(connection);
    let mut upload = upload();
    poll_fn(|cx| {
        while !down.is_read() || !up.is_written() {
            upload
                .poll(cx, &mut down, &mut up)
                .expect("the client is there");
        }
        Poll::Ready(())
    })
    .await;
    assert_eq!(upload.sent(), None, "the socket is full");
    assert!(matches!(&up, Leg::Http1(connection) if !connection.is_flushed()));
    let read = async {
        let mut all = Vec::new();
        while !all.ends_with(b"\r\n\r\nhi") {
            assert_ne!(server.read_buf(&mut all).await.expect("read"), 0);
        }
    };
    tokio::join!(finish(&mut upload, &mut down, &mut up), read);
    assert!(matches!(&up, Leg::Http1(connection) if connection.is_flushed()));
}

#[tokio::test]
async fn the_last_attempt_repeats_what_came_and_then_keeps_nothing() {
    let (mut down, head, _client) = client().await;
    let mut upload = upload();
    for attempt in 1..=2 {
        let (mut connection, mut server) = pair().await;
        connection.send_request(&head, Framing::Length(2), Persistence::Keep);
        let mut up = Leg::Http1(connection);
        upload.begin();
        if attempt == 2 {
            upload.keep_no_more();
        }
        finish(&mut upload, &mut down, &mut up).await;
        drop(up);
        let mut all = Vec::new();
        server.read_to_end(&mut all).await.expect("read");
        assert!(all.ends_with(b"\r\n\r\nhi"), "attempt {attempt}");
        let kept = matches!(&upload.pump.replay, Replay::Kept { bytes, .. } if bytes == b"hi");
        let dropped = matches!(upload.pump.replay, Replay::Off);
        assert_eq!((kept, dropped), (attempt == 1, attempt == 2));
    }
}
