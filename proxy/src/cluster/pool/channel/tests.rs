use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use ::http::Method;
use tokio::io::{AsyncWrite as _, AsyncWriteExt as _};
use tokio::task::coop::unconstrained;

use super::*;
use crate::cluster::pool::fixture::{facts, life, pools};
use crate::http::codec::buffers::Buffers;
use crate::http::codec::h1::HeadLimits;
use crate::http::head::{Fields, ResponseHead};
use crate::transport::loopback::tls_pair;

/// Writes until TLS holds what the socket does not take.
async fn fill(stream: &mut Stream) {
    let full = poll_fn(|cx| {
        loop {
            let _ = Pin::new(&mut *stream).poll_write(cx, &[0; 1024]);
            if Pin::new(&mut *stream).poll_flush(cx).is_pending() {
                return Poll::Ready(());
            }
        }
    });
    unconstrained(full).await;
}

#[tokio::test]
async fn a_connection_on_which_something_of_a_request_is_unsent_in_tls_serves_nobody_else() {
    for full in [false, true] {
        let (cluster, pool) = pools();
        let (mut near, mut far) = tls_pair().await;
        if full {
            fill(&mut near).await;
        }
        let mut connection = Connection::new(near, &Buffers::new());
        let head = RequestHead::new(Method::GET, "a", "/");
        connection.send_request(&head, Framing::Empty, Persistence::Keep);
        connection.send_end(&Fields::default()).expect("no body");
        let sent = poll_fn(|cx| Poll::Ready(connection.poll_flush(cx).is_ready())).await;
        assert_eq!(sent, !full);
        // The response comes all the same.
        let response = b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n";
        far.write_all(response).await.expect("sent");
        far.flush().await.expect("sent");
        let mut answer = ResponseHead::default();
        let limits = HeadLimits::default();
        poll_fn(|cx| connection.poll_response(cx, &head.method, &mut answer, limits))
            .await
            .expect("a response");
        assert!(connection.is_read() && connection.is_written() && !connection.has_input());
        let ticket = Box::new(Ticket {
            facts: facts(),
            life: life(&cluster),
            requests: 1,
        });
        let (lease, leg) = (Lease::Http1(ticket), Leg::Http1(Box::new(connection)));
        lease.give_back(leg, &pool, &cluster, true);
        assert_eq!(pool.is_empty(), full);
    }
}
