//! From a listening socket to whoever serves the connection: inspection, chains, workers, replacement.

mod harness;
mod logs;

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tulle_proxy::listener::Sockets;

use self::harness::{closed_without_a_byte, echo, greeter, read, start, start_with, yaml};
use crate::beside::{closed_port, run};
use crate::boot::listener;

#[test]
fn a_server_that_speaks_first_is_heard_on_a_port_that_inspects() {
    run(async {
        let proxy = start(greeter().await, 1);
        let mut client = TcpStream::connect(proxy.addr).await.unwrap();
        read(&mut client, b"220 ready\r\n").await;
        client.write_all(b"EHLO\r\n").await.unwrap();
        read(&mut client, b"EHLO\r\n").await;
    });
}

#[test]
fn a_client_that_speaks_late_is_inspected_after_all() {
    run(async {
        let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = start(upstream.local_addr().unwrap(), 1);
        let mut client = TcpStream::connect(proxy.addr).await.unwrap();
        // Once the upstream is dialled, the client's silence has been taken for silence.
        let _dialled = upstream.accept().await.unwrap();
        client
            .write_all(b"GET /hello HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.ends_with("hello"), "{answer}");
    });
}

#[test]
fn a_silent_client_of_a_chain_that_terminates_tls_gets_nothing_without_a_handshake() {
    let pair = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
    let (chain, key) = (pair.cert.pem(), pair.signing_key.serialize_pem());
    let tls = format!(
        r#"    - transport_socket_connect_timeout: 0.100s
      transport_socket:
        name: tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            tls_certificates: [ {{ certificate_chain: {{ inline_string: {chain:?} }}, private_key: {{ inline_string: {key:?} }} }} ]
      filters:
      - name: tcp
"#
    );
    run(async move {
        let plain = "    - filters:\n      - name: tcp\n";
        let proxy = start_with(&yaml(greeter().await).replace(plain, &tls), 1);
        let mut client = TcpStream::connect(proxy.addr).await.unwrap();
        closed_without_a_byte(&mut client).await;
        proxy.counts("ssl.connection_error: 1\n").await;
    });
}

#[test]
fn a_silent_client_learns_that_its_server_cannot_be_reached() {
    run(async {
        let (_bound, upstream) = closed_port();
        let proxy = start(upstream, 1);
        let mut client = TcpStream::connect(proxy.addr).await.unwrap();
        closed_without_a_byte(&mut client).await;
    });
}

#[test]
fn a_connection_on_which_neither_side_speaks_ends_with_the_idle_timeout() {
    run(async {
        let yaml = yaml(echo().await);
        let bounded = "          cluster: up\n          idle_timeout: 0.1s\n";
        let proxy = start_with(&yaml.replace("          cluster: up\n", bounded), 1);
        let mut client = TcpStream::connect(proxy.addr).await.unwrap();
        closed_without_a_byte(&mut client).await;
        proxy
            .counts("cluster.up.upstream_cx_idle_timeout: 1\n")
            .await;
    });
}

#[test]
fn bytes_that_are_no_known_protocol_pass_untouched() {
    run(async {
        let proxy = start(echo().await, 1);
        let mut client = TcpStream::connect(proxy.addr).await.unwrap();
        client.write_all(b"*1\r\n$4\r\nPING\r\n").await.unwrap();
        read(&mut client, b"*1\r\n$4\r\nPING\r\n").await;
        client.shutdown().await.unwrap();
        assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
    });
}

#[test]
fn a_few_long_connections_spread_evenly_over_workers() {
    run(async {
        let proxy = start(greeter().await, 4);
        let mut clients = Vec::new();
        for _ in 0..8 {
            let mut client = TcpStream::connect(proxy.addr).await.unwrap();
            read(&mut client, b"220 ready\r\n").await;
            clients.push(client);
        }
        assert_eq!(proxy.workers.connections_by_worker(), [2, 2, 2, 2]);
    });
}

#[test]
fn a_replaced_listener_keeps_its_socket_and_its_connections() {
    run(async {
        let proxy = start(greeter().await, 2);
        let mut old = TcpStream::connect(proxy.addr).await.unwrap();
        read(&mut old, b"220 ready\r\n").await;
        let replacement = Arc::new(listener(&yaml(greeter().await)));
        let name = Arc::clone(&replacement.name);
        proxy.listeners.apply(&name, Some(replacement));
        proxy.dispatcher.reconcile();
        let mut new = TcpStream::connect(proxy.addr).await.unwrap();
        read(&mut new, b"220 ready\r\n").await;
        old.write_all(b"still").await.unwrap();
        read(&mut old, b"still").await;
    });
}

#[test]
fn a_port_in_use_refuses_the_listener_and_names_it() {
    run(async {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = format!("port_value: {}", taken.local_addr().unwrap().port());
        let yaml = yaml(taken.local_addr().unwrap()).replacen("port_value: 0", &port, 1);
        let error = Sockets::new().bind(&listener(&yaml)).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("listener main cannot bind 127.0.0.1"),
            "{text}"
        );
    });
}
