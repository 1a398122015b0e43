//! HTTP/2 on either side, with the `h2` crate as client and server.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use tokio::net::{TcpListener, TcpStream};

use super::harness::{Client, HTTP2, TO_WEB, run, start, upstream};

/// A server that answers each request with its body and gRPC-like trailers.
async fn echo() -> SocketAddr {
    echo_with(h2::server::Builder::new()).await
}

async fn echo_with(builder: h2::server::Builder) -> SocketAddr {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = socket.local_addr().expect("bound");
    tokio::task::spawn_local(async move {
        loop {
            let (tcp, _) = socket.accept().await.expect("accepted");
            let builder = builder.clone();
            tokio::task::spawn_local(async move {
                let mut connection = builder.handshake(tcp).await.expect("a preface");
                while let Some(Ok((request, respond))) = connection.accept().await {
                    tokio::task::spawn_local(answer(request, respond));
                }
            });
        }
    });
    addr
}

async fn answer(request: Request<h2::RecvStream>, mut respond: h2::server::SendResponse<Bytes>) {
    let mut body = request.into_body();
    let response = Response::builder()
        .header("content-type", "application/grpc")
        .body(())
        .expect("valid");
    let mut send = respond.send_response(response, false).expect("sent");
    while let Some(data) = body.data().await {
        let data = data.expect("data");
        let _ = body.flow_control().release_capacity(data.len());
        // A peer takes few frames without bytes (CVE-2019-9518).
        if !data.is_empty() {
            send.send_data(data, false).expect("sent");
        }
    }
    let trailers = HeaderMap::from_iter([(
        http::HeaderName::from_static("grpc-status"),
        http::HeaderValue::from_static("0"),
    )]);
    send.send_trailers(trailers).expect("sent");
}

async fn client(to: SocketAddr) -> h2::client::SendRequest<Bytes> {
    let tcp = TcpStream::connect(to).await.expect("connected");
    let (sender, connection) = h2::client::handshake(tcp).await.expect("a handshake");
    tokio::task::spawn_local(async move {
        let _ = connection.await;
    });
    sender
}

async fn exchange(
    sender: &h2::client::SendRequest<Bytes>,
    body: Vec<u8>,
) -> (StatusCode, Vec<u8>, Option<HeaderMap>) {
    let mut sender = sender.clone().ready().await.expect("ready");
    let request = Request::post("http://x/pkg.Service/Call")
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    let (response, mut send) = sender
        .send_request(request.body(()).expect("valid"), false)
        .expect("sent");
    let upload = async {
        let mut rest = Bytes::from(body);
        while !rest.is_empty() {
            send.reserve_capacity(rest.len());
            let capacity = std::future::poll_fn(|cx| send.poll_capacity(cx))
                .await
                .expect("open")
                .expect("capacity");
            send.send_data(rest.split_to(capacity.min(rest.len())), false)
                .expect("sent");
        }
        send.send_data(Bytes::new(), true).expect("sent");
    };
    let download = async {
        let response = response.await.expect("a response");
        let status = response.status();
        let mut recv = response.into_body();
        let mut all = Vec::new();
        while let Some(data) = recv.data().await {
            let data = data.expect("data");
            let _ = recv.flow_control().release_capacity(data.len());
            all.extend_from_slice(&data);
        }
        (status, all, recv.trailers().await.expect("an end"))
    };
    let ((), downloaded) = tokio::join!(upload, download);
    downloaded
}

#[test]
fn grpc_passes_with_its_trailers_and_streams_share_a_connection() {
    run(async {
        let proxy = start(TO_WEB, &[("web", &[echo().await], HTTP2)]).await;
        let sender = client(proxy.addr).await;
        let calls = (0..20)
            .map(|number| exchange(&sender, vec![number as u8; 100]))
            .collect::<Vec<_>>();
        for (number, (status, body, trailers)) in futures_util::future::join_all(calls)
            .await
            .into_iter()
            .enumerate()
        {
            assert_eq!((status, body), (StatusCode::OK, vec![number as u8; 100]));
            assert_eq!(
                trailers
                    .expect("trailers")
                    .get("grpc-status")
                    .map(|status| status.as_bytes()),
                Some(b"0".as_slice())
            );
        }
        let stats = proxy.metrics.render_text();
        assert!(
            stats.contains("cluster.web.upstream_cx_http2_total: 1\n"),
            "{stats}"
        );
    });
}

#[test]
fn many_streams_at_once_pass_whole_again_and_again() {
    run(async {
        let proxy = start(TO_WEB, &[("web", &[echo().await], HTTP2)]).await;
        let sender = client(proxy.addr).await;
        for round in 0..3 {
            let calls = (0..150).map(|_| exchange(&sender, vec![round; 100]));
            for (status, body, _) in futures_util::future::join_all(calls).await {
                assert_eq!((status, body), (StatusCode::OK, vec![round; 100]));
            }
        }
    });
}

#[test]
fn requests_that_open_a_connection_wait_for_the_servers_limit_of_streams() {
    run(async {
        let mut server = h2::server::Builder::new();
        server.max_concurrent_streams(100);
        let proxy = start(TO_WEB, &[("web", &[echo_with(server).await], HTTP2)]).await;
        let sender = client(proxy.addr).await;
        let calls = (0..150).map(|_| exchange(&sender, vec![b'x'; 100]));
        for (status, body, _) in futures_util::future::join_all(calls).await {
            assert_eq!((status, body.len()), (StatusCode::OK, 100));
        }
    });
}

#[test]
fn a_body_beyond_every_window_passes_whole() {
    run(async {
        let proxy = start(TO_WEB, &[("web", &[echo().await], HTTP2)]).await;
        let body: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
        let (status, echoed, _) = exchange(&client(proxy.addr).await, body.clone()).await;
        assert!(status == StatusCode::OK && echoed == body);
    });
}

#[test]
fn http1_clients_reach_http2_servers() {
    run(async {
        let proxy = start(TO_WEB, &[("web", &[echo().await], HTTP2)]).await;
        let mut client = Client::connect(proxy.addr).await;
        client
            .send("POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi")
            .await;
        let all = client.until("\r\n0\r\ngrpc-status: 0\r\n\r\n").await;
        assert!(
            all.contains("transfer-encoding: chunked\r\n") && all.contains("\r\n2\r\nhi"),
            "{all}"
        );
    });
}

#[test]
fn http2_clients_reach_http1_servers() {
    run(async {
        let web = upstream(|_, mut server| async move {
            let all = server.until("\r\n0\r\n\r\n").await;
            assert!(
                all.starts_with("POST /pkg.Service/Call HTTP/1.1\r\nhost: x\r\n"),
                "{all}"
            );
            server
                .send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine")
                .await;
        })
        .await;
        let proxy = start(TO_WEB, &[("web", &[web], "")]).await;
        let (status, body, trailers) = exchange(&client(proxy.addr).await, b"hi".to_vec()).await;
        assert_eq!(
            (status, body, trailers.is_none()),
            (StatusCode::OK, b"fine".to_vec(), true)
        );
    });
}

#[test]
fn a_grpc_client_gets_a_grpc_status_from_the_proxy() {
    run(async {
        let proxy = start(TO_WEB, &[("web", &[], "")]).await;
        let mut sender = client(proxy.addr).await.ready().await.expect("ready");
        let request = Request::post("http://x/a.B/C")
            .header("content-type", "application/grpc")
            .body(())
            .expect("valid");
        let (response, _) = sender.send_request(request, true).expect("sent");
        let response = response.await.expect("a response");
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(
            response
                .headers()
                .get("grpc-status")
                .map(|status| status.as_bytes()),
            Some(b"14".as_slice())
        );
    });
}

#[test]
fn an_answer_that_comes_before_the_request_is_whole_arrives_and_then_tells_the_client_to_stop() {
    run(async {
        let proxy = start(TO_WEB, &[("web", &[], "")]).await;
        let mut sender = client(proxy.addr).await.ready().await.expect("ready");
        for _ in 0..20 {
            let request = Request::post("http://x/").body(()).expect("valid");
            let (response, mut upload) = sender.send_request(request, false).expect("sent");
            let response = response.await.expect("a response");
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            let mut body = response.into_body();
            while let Some(data) = body.data().await {
                data.expect("a body");
            }
            let reason = std::future::poll_fn(|cx| upload.poll_reset(cx)).await;
            assert_eq!(reason.expect("told"), h2::Reason::NO_ERROR);
            sender = sender.ready().await.expect("the connection stays");
        }
    });
}

/// Rules under which a peer that does not answer PINGs is given up soon.
const PINGS: &str = "connection_keepalive: { interval: 0.01s, timeout: 0.1s }";

#[test]
fn an_upstream_that_does_not_answer_pings_is_given_up_before_the_route_times_out() {
    run(async {
        let web = upstream(|_, mut server| async move {
            server.until("SM\r\n\r\n").await;
            // an empty SETTINGS frame, and then nothing
            server.send("\0\0\0\u{4}\0\0\0\0\0").await;
            server.rest().await;
        })
        .await;
        let http2 = HTTP2.replace("{}", &format!("{{ {PINGS} }}"));
        let routes = "- match: { prefix: / }\n  route: { cluster: web, timeout: 600s }";
        let proxy = start(routes, &[("web", &[web], &http2)]).await;
        let mut client = Client::connect(proxy.addr).await;
        client
            .send("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .await;
        let response = client.rest().await;
        assert!(response.starts_with("HTTP/1.1 503 "), "{response}");
    });
}

#[test]
fn a_client_that_does_not_answer_pings_is_given_up() {
    run(async {
        let text = |text: String| {
            text.replace(
                "stat_prefix: test",
                &format!("stat_prefix: test\n          http2_protocol_options: {{ {PINGS} }}"),
            )
        };
        let proxy = super::harness::start_edited(text, TO_WEB, &[("web", &[], "")]).await;
        let mut client = Client::connect(proxy.addr).await;
        // the preface with an empty SETTINGS frame, and then nothing
        client.send(PREFACE).await;
        // returns because the proxy closes
        client.rest().await;
    });
}

/// A client's preface with an empty SETTINGS frame.
const PREFACE: &str = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0";

#[test]
fn a_client_that_does_not_answer_the_goodbye_is_let_go_after_the_drain_timeout() {
    run(async {
        let limits = "stat_prefix: test\n          drain_timeout: 0.1s\n          \
                      common_http_protocol_options: { idle_timeout: 0.1s }";
        let text = |text: String| text.replace("stat_prefix: test", limits);
        let proxy = super::harness::start_edited(text, TO_WEB, &[("web", &[], "")]).await;
        let mut client = Client::connect(proxy.addr).await;
        client.send(PREFACE).await;
        // returns because the proxy closes
        client.rest().await;
    });
}

#[test]
fn a_request_that_ends_with_its_connection_is_counted_and_logged() {
    run(async {
        let web = upstream(|_, mut server| async move {
            server.rest().await;
        })
        .await;
        let proxy = start(TO_WEB, &[("web", &[web], "")]).await;
        let tcp = TcpStream::connect(proxy.addr).await.expect("connected");
        let (mut sender, connection) = h2::client::handshake(tcp).await.expect("a handshake");
        let driver = tokio::task::spawn_local(connection);
        let request = Request::get("http://x/").body(()).expect("valid");
        let _response = sender.send_request(request, true).expect("sent");
        proxy.stat("cluster.web.upstream_rq_active", 1).await;
        driver.abort();
        let log = proxy.log(1).await;
        assert!(log.starts_with("GET / 0 DC "), "{log}");
        proxy.stat("http.test.downstream_rq_active", 0).await;
    });
}

#[test]
fn a_client_that_takes_no_body_does_not_hold_a_local_reply_for_ever() {
    let route =
        "- match: { prefix: / }\n  direct_response: { status: 200, body: { inline_string: hi } }";
    run(async move {
        let limits = "stat_prefix: test\n          stream_idle_timeout: 0.1s";
        let text = |text: String| text.replace("stat_prefix: test", limits);
        let proxy = super::harness::start_edited(text, route, &[]).await;
        let tcp = TcpStream::connect(proxy.addr).await.expect("connected");
        let (mut sender, connection) = h2::client::Builder::new()
            .initial_window_size(0)
            .handshake::<_, Bytes>(tcp)
            .await
            .expect("a handshake");
        tokio::task::spawn_local(connection);
        let request = Request::get("http://x/").body(()).expect("valid");
        let (response, _) = sender.send_request(request, true).expect("sent");
        let mut body = response.await.expect("a head").into_body();
        body.data().await.expect("an end").expect_err("a reset");
        let log = proxy.log(1).await;
        assert!(log.starts_with("GET / 200 SI "), "{log}");
    });
}

#[test]
fn responses_that_have_no_body_reach_http1_clients_without_one() {
    run(async {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let web = socket.local_addr().expect("bound");
        tokio::task::spawn_local(async move {
            let (tcp, _) = socket.accept().await.expect("accepted");
            let mut connection = h2::server::handshake(tcp).await.expect("a preface");
            while let Some(Ok((request, mut respond))) = connection.accept().await {
                let status = request.uri().path()[1..].to_owned();
                let response = Response::builder().status(status.as_str());
                let response = response.body(()).expect("valid");
                // The end comes later than the head.
                let mut send = respond.send_response(response, false).expect("sent");
                send.send_data(Bytes::new(), true).expect("sent");
            }
        });
        let proxy = start(TO_WEB, &[("web", &[web], HTTP2)]).await;
        let mut client = Client::connect(proxy.addr).await;
        for request in ["GET /204", "GET /304", "HEAD /200", "GET /204"] {
            client
                .send(&format!("{request} HTTP/1.1\r\nhost: x\r\n\r\n"))
                .await;
            let all = client.until("\r\n\r\n").await;
            assert!(all.starts_with("HTTP/1.1 "), "{request}: {all}");
            let framed = all.contains("transfer-encoding") || all.contains("content-length");
            assert!(!framed, "{request}: {all}");
        }
    });
}
