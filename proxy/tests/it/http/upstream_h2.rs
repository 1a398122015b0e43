//! HTTP/2 connections to upstreams: when they begin, and when they end.

use std::net::SocketAddr;

use bytes::Bytes;
use http::Response;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::harness::{Client, HTTP2, TO_WEB, run, start, upstream};

/// A server of HTTP/2 that tells when a connection has ended.
async fn server(ended: mpsc::Sender<()>) -> SocketAddr {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = socket.local_addr().expect("bound");
    tokio::task::spawn_local(async move {
        loop {
            let (tcp, _) = socket.accept().await.expect("accepted");
            let ended = ended.clone();
            tokio::task::spawn_local(async move {
                let mut connection = h2::server::handshake(tcp).await.expect("a preface");
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    let mut send = respond
                        .send_response(Response::new(()), false)
                        .expect("sent");
                    send.send_data(Bytes::from_static(b"fine"), true)
                        .expect("sent");
                }
                ended.send(()).await.expect("heard");
            });
        }
    });
    addr
}

async fn get(client: &mut Client) {
    client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let all = client.until("fine\r\n0\r\n\r\n").await;
    assert!(all.starts_with("HTTP/1.1 200 OK\r\n"), "{all}");
}

#[test]
fn a_connection_that_has_had_its_requests_ends_with_the_last_of_them() {
    run(async {
        let (tell, mut told) = mpsc::channel(1);
        let web = server(tell).await;
        let limit = "common_http_protocol_options: { max_requests_per_connection: 2 }";
        let cluster = format!("{HTTP2}    {limit}\n");
        let proxy = start(TO_WEB, &[("web", &[web], &cluster)]).await;
        let mut client = Client::connect(proxy.addr).await;
        for _ in 0..3 {
            get(&mut client).await;
            get(&mut client).await;
            told.recv().await.expect("the end of a connection");
        }
        proxy.stat("cluster.web.upstream_cx_http2_total", 3).await;
        proxy.stat("cluster.web.upstream_cx_active", 0).await;
    });
}

#[test]
fn a_server_that_begins_with_anything_but_settings_is_given_up() {
    run(async {
        let web = upstream(|_, mut server| async move {
            server.until("SM\r\n\r\n").await;
            // a PING, and then nothing
            server
                .send("\0\0\u{8}\u{6}\0\0\0\0\0\0\0\0\0\0\0\0\0")
                .await;
            server.rest().await;
        })
        .await;
        let routes = "- match: { prefix: / }\n  route: { cluster: web, timeout: 600s }";
        let proxy = start(routes, &[("web", &[web], HTTP2)]).await;
        let mut client = Client::connect(proxy.addr).await;
        client
            .send("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .await;
        let response = client.rest().await;
        assert!(response.starts_with("HTTP/1.1 503 "), "{response}");
    });
}
