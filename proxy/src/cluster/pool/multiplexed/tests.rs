use std::time::Duration;

use ::http::{Method, Response};

use super::*;
use crate::cluster::pool::fixture::{facts, life, pools};
use crate::http::codec::h1::Framing;
use crate::http::codec::h1::encode::Persistence;
use crate::http::codec::leg::Leg;
use crate::http::head::{RequestHead, ResponseHead};
use crate::transport::loopback::pair;

/// A connection to a server that answers every request at once and without a body.
async fn connected() -> (Rc<Multiplexed>, Rc<super::super::ClusterPool>) {
    let (io, theirs) = pair().await;
    tokio::task::spawn_local(async move {
        let mut server = h2::server::handshake(theirs).await.expect("a preface");
        while let Some(Ok((_, mut respond))) = server.accept().await {
            respond
                .send_response(Response::new(()), true)
                .expect("sent");
        }
    });
    let (cluster, home) = pools();
    let opened = Opened {
        io,
        facts: facts(),
        life: life(&cluster),
        options: &Http2Options::default(),
        limits: Limits::default(),
        until: Instant::now() + Duration::from_secs(30),
        home: &home,
    };
    let connection = Multiplexed::open(opened).await.expect("a preface is sent");
    (connection, cluster)
}

/// Sends a request and waits for the response; the stream is still there.
async fn ask(connection: &Rc<Multiplexed>) -> (Stream, StreamGuard) {
    let head = RequestHead::new(Method::GET, "a", "/");
    let channel = Multiplexed::channel(connection, true);
    let sent = channel.send(&head, Framing::Empty, Persistence::Keep);
    let (Leg::Http2(mut stream), super::super::Lease::Http2(guard)) = sent.expect("open") else {
        panic!("a stream of HTTP/2");
    };
    let mut answer = ResponseHead::default();
    poll_fn(|cx| stream.poll_response(cx, &mut answer))
        .await
        .expect("a response");
    assert_eq!(answer.status, 200);
    (stream, guard)
}

#[test]
fn the_end_of_the_only_stream_runs_the_connection_with_the_next_one() {
    let runtime = worker::runtime().expect("a runtime");
    runtime.block_on(async {
        let (connection, _cluster) = connected().await;
        while !connection.heard.get() {
            tokio::task::yield_now().await;
        }
        for _ in 0..3 {
            let (stream, guard) = ask(&connection).await;
            // Whatever the server has still to say of itself is heard.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            assert!(!connection.bell.has_rung());
            guard.end(stream);
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            // A run would have listened.
            assert!(connection.bell.has_rung());
        }
    });
}

#[test]
fn the_end_of_one_stream_beside_another_runs_the_connection() {
    let runtime = worker::runtime().expect("a runtime");
    runtime.block_on(async {
        let (connection, _cluster) = connected().await;
        let (first, guard) = ask(&connection).await;
        let other = ask(&connection).await;
        guard.end(first);
        while connection.bell.has_rung() {
            tokio::task::yield_now().await;
        }
        drop(other);
    });
}
