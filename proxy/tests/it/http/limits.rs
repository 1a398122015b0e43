//! Circuit breakers: who waits, who is served, who is refused.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::harness::{Client, HTTP2, TO_WEB, http2_upstream, run, start, upstream};
use crate::beside;

const ONE_CONNECTION: &str = "circuit_breakers: { thresholds: [ { max_connections: 1 } ] }";
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

async fn get(to: SocketAddr, path: &str) -> Client {
    let mut client = Client::connect(to).await;
    client
        .send(&format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n"))
        .await;
    client
}

/// Answers every request on every connection as soon as `gate` lets it, and notes the paths in the order in which they
/// came.
async fn gated(gate: &Arc<Semaphore>, seen: &Rc<RefCell<Vec<String>>>) -> SocketAddr {
    let (gate, seen) = (Arc::clone(gate), Rc::clone(seen));
    upstream(move |_, mut server| {
        let (gate, seen) = (Arc::clone(&gate), Rc::clone(&seen));
        async move {
            while let Some(head) = server.until_or_end("\r\n\r\n").await {
                let path = head.split(' ').nth(1).expect("a path").to_owned();
                seen.borrow_mut().push(path);
                gate.acquire().await.expect("open").forget();
                server.send(OK).await;
            }
        }
    })
    .await
}

#[test]
fn requests_over_the_limit_on_connections_wait_and_are_served_in_order_over_the_same_one() {
    run(async {
        let (gate, seen) = (Arc::new(Semaphore::new(0)), Rc::default());
        let web = gated(&gate, &seen).await;
        let proxy = start(TO_WEB, &[("web", &[web], ONE_CONNECTION)]).await;
        let mut clients = vec![get(proxy.addr, "/0").await];
        proxy.stat("cluster.web.upstream_rq_total", 1).await;
        for number in 1..4 {
            clients.push(get(proxy.addr, &format!("/{number}")).await);
            proxy
                .stat("cluster.web.upstream_rq_pending_active", number)
                .await;
        }
        gate.add_permits(4);
        for client in &mut clients {
            client.until("\r\n\r\nok").await;
        }
        assert_eq!(*seen.borrow(), ["/0", "/1", "/2", "/3"]);
        proxy.stat("cluster.web.upstream_cx_total", 1).await;
        proxy
            .stat("cluster.web.upstream_rq_pending_active", 0)
            .await;
    });
}

#[test]
fn beyond_the_limit_on_pending_requests_the_answer_is_503_and_who_leaves_gives_his_place_back() {
    let limits =
        "circuit_breakers: { thresholds: [ { max_connections: 1, max_pending_requests: 1 } ] }";
    run(async {
        let (gate, seen) = (Arc::new(Semaphore::new(0)), Rc::default());
        let web = gated(&gate, &seen).await;
        let proxy = start(TO_WEB, &[("web", &[web], limits)]).await;
        let mut first = get(proxy.addr, "/first").await;
        proxy.stat("cluster.web.upstream_rq_total", 1).await;
        let leaves = get(proxy.addr, "/leaves").await;
        let pending = "cluster.web.upstream_rq_pending_active";
        proxy.stat(pending, 1).await;
        let mut refused = get(proxy.addr, "/refused").await;
        let answer = refused.until("reset reason: overflow").await;
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.contains("x-envoy-overloaded: true\r\n"), "{answer}");
        drop(leaves);
        proxy.stat(pending, 0).await;
        let mut next = get(proxy.addr, "/next").await;
        proxy.stat(pending, 1).await;
        gate.add_permits(2);
        first.until("\r\n\r\nok").await;
        next.until("\r\n\r\nok").await;
        assert_eq!(*seen.borrow(), ["/first", "/next"]);
        let log = proxy.log(4).await;
        for line in ["GET /refused 503 UO ", "GET /leaves 0 DC "] {
            assert!(log.contains(line), "{line}: {log}");
        }
    });
}

#[test]
fn an_idle_connection_gives_way_to_one_for_another_endpoint() {
    run(async {
        let (gate, seen) = (Arc::new(Semaphore::new(100)), Rc::default());
        let endpoints = [gated(&gate, &seen).await, gated(&gate, &seen).await];
        let proxy = start(TO_WEB, &[("web", &endpoints, ONE_CONNECTION)]).await;
        let mut client = get(proxy.addr, "/").await;
        client.until("\r\n\r\nok").await;
        for _ in 0..5 {
            client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
            let answer = client.until("\r\n\r\nok").await;
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        }
        proxy.stat("cluster.web.upstream_cx_active", 1).await;
        let stats = proxy.metrics.render_text();
        assert!(
            !stats.contains("cluster.web.upstream_cx_total: 1\n"),
            "both endpoints are used: {stats}"
        );
    });
}

#[test]
fn idle_connections_give_way_to_requests_on_another_worker() {
    let limits = "circuit_breakers: { thresholds: [ { max_connections: 2 } ] }";
    run(async {
        let (gate, seen) = (Arc::new(Semaphore::new(0)), Rc::default());
        let web = gated(&gate, &seen).await;
        let proxy = start(TO_WEB, &[("web", &[web], limits)]).await;
        for (turn, worker) in [proxy.addr, proxy.second_worker()].into_iter().enumerate() {
            let mut clients = [get(worker, "/").await, get(worker, "/").await];
            let sent = 2 * (turn as u64 + 1);
            proxy.stat("cluster.web.upstream_rq_total", sent).await;
            gate.add_permits(2);
            for client in &mut clients {
                client.until("\r\n\r\nok").await;
            }
            proxy.stat("cluster.web.upstream_rq_active", 0).await;
        }
        proxy.stat("cluster.web.upstream_cx_active", 2).await;
        proxy.stat("cluster.web.upstream_cx_total", 4).await;
    });
}

#[test]
fn busy_connections_of_others_do_not_keep_a_worker_or_an_endpoint_without_any() {
    run(async {
        let gate = Arc::new(Semaphore::new(0));
        let endpoints = [
            one_stream_at_a_time(&gate).await,
            one_stream_at_a_time(&gate).await,
        ];
        let more = format!("{ONE_CONNECTION}\n{HTTP2}");
        let proxy = start(TO_WEB, &[("web", &endpoints, &more)]).await;
        let second = proxy.second_worker();
        let mut clients = Vec::new();
        for worker in [proxy.addr, proxy.addr, second, second] {
            clients.push(get(worker, "/").await);
            let sent = clients.len() as u64;
            proxy.stat("cluster.web.upstream_rq_total", sent).await;
        }
        proxy.stat("cluster.web.upstream_cx_active", 4).await;
        gate.add_permits(4);
        for client in &mut clients {
            client.until("\r\n\r\nok").await;
        }
    });
}

#[test]
fn who_waits_for_the_only_connection_of_a_pool_beyond_the_limit_gets_another_when_it_ends() {
    run(async {
        let gate = Arc::new(Semaphore::new(0));
        let script = Arc::clone(&gate);
        let web = upstream(move |_, mut server| {
            let gate = Arc::clone(&script);
            async move {
                server.until("\r\n\r\n").await;
                gate.acquire().await.expect("open").forget();
                server
                    .send("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok")
                    .await;
            }
        })
        .await;
        let proxy = start(TO_WEB, &[("web", &[web], ONE_CONNECTION)]).await;
        let mut held = get(proxy.addr, "/").await;
        proxy.stat("cluster.web.upstream_rq_total", 1).await;
        let second = proxy.second_worker();
        let mut first = get(second, "/").await;
        proxy.stat("cluster.web.upstream_rq_total", 2).await;
        let mut waits = get(second, "/").await;
        proxy
            .stat("cluster.web.upstream_rq_pending_active", 1)
            .await;
        gate.add_permits(3);
        for client in [&mut held, &mut first, &mut waits] {
            client.until("\r\n\r\nok").await;
        }
        proxy.stat("cluster.web.upstream_cx_active", 0).await;
    });
}

#[test]
fn all_who_wait_for_a_connection_fail_with_it() {
    let tls = r#"
transport_socket:
  name: tls
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
"#;
    run(async {
        let gate = Arc::new(Semaphore::new(0));
        let script = Arc::clone(&gate);
        let web = upstream(move |_, server| {
            let gate = Arc::clone(&script);
            async move {
                gate.acquire().await.expect("open").forget();
                drop(server);
            }
        })
        .await;
        let proxy = start(TO_WEB, &[("web", &[web], &format!("{tls}{HTTP2}"))]).await;
        let mut clients = Vec::new();
        for number in 1..4 {
            clients.push(get(proxy.addr, "/").await);
            proxy
                .stat("cluster.web.upstream_rq_pending_active", number)
                .await;
        }
        gate.add_permits(3);
        for client in &mut clients {
            let answer = client.until("\r\n\r\n").await;
            assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        }
        proxy.stat("cluster.web.upstream_cx_connect_fail", 1).await;
        proxy.stat("cluster.web.upstream_cx_total", 1).await;
    });
}

#[test]
fn workers_that_compete_for_one_connection_all_get_their_turn() {
    run(async {
        let (gate, seen) = (Arc::new(Semaphore::new(10_000)), Rc::default());
        let endpoints = [gated(&gate, &seen).await, gated(&gate, &seen).await];
        let proxy = start(TO_WEB, &[("web", &endpoints, ONE_CONNECTION)]).await;
        let workers = [proxy.addr, proxy.second_worker()];
        let clients = (0..12).map(|number| async move {
            let mut client = get(workers[number % 2], "/").await;
            client.until("\r\n\r\nok").await;
            for _ in 0..20 {
                client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
                let answer = client.until("\r\n\r\nok").await;
                assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
            }
        });
        futures_util::future::join_all(clients).await;
        proxy
            .stat("cluster.web.upstream_rq_pending_active", 0)
            .await;
        proxy.stat("cluster.web.upstream_rq_total", 12 * 21).await;
    });
}

#[test]
fn a_request_over_the_limit_on_requests_is_refused_until_another_has_ended() {
    let limits = "circuit_breakers: { thresholds: [ { max_requests: 1 } ] }";
    run(async {
        let (gate, seen) = (Arc::new(Semaphore::new(0)), Rc::default());
        let web = gated(&gate, &seen).await;
        let proxy = start(TO_WEB, &[("web", &[web], limits)]).await;
        let second = proxy.second_worker();
        let mut first = get(proxy.addr, "/1").await;
        proxy.stat("cluster.web.upstream_rq_total", 1).await;
        let mut refused = get(second, "/2").await;
        let answer = refused.until("reset reason: overflow").await;
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        gate.add_permits(2);
        first.until("\r\n\r\nok").await;
        proxy.stat("cluster.web.upstream_rq_active", 0).await;
        get(second, "/3").await.until("\r\n\r\nok").await;
        assert_eq!(*seen.borrow(), ["/1", "/3"]);
    });
}

/// A server that takes one stream of a connection at a time and answers when `gate` lets it.
async fn one_stream_at_a_time(gate: &Arc<Semaphore>) -> SocketAddr {
    let mut builder = h2::server::Builder::new();
    builder.max_concurrent_streams(1);
    let gate = Arc::clone(gate);
    http2_upstream(builder, move |mut connection| {
        let gate = Arc::clone(&gate);
        async move {
            while let Some(Ok((_, respond))) = connection.accept().await {
                beside::spawn(answer(respond, Arc::clone(&gate)));
            }
        }
    })
    .await
}

async fn answer(mut respond: h2::server::SendResponse<bytes::Bytes>, gate: Arc<Semaphore>) {
    gate.acquire().await.expect("open").forget();
    let response = http::Response::builder()
        .header("content-length", "2")
        .body(())
        .expect("valid");
    let mut body = respond.send_response(response, false).expect("sent");
    body.send_data("ok".into(), true).expect("sent");
}

#[test]
fn requests_wait_for_a_stream_of_the_only_http2_connection() {
    run(async {
        let gate = Arc::new(Semaphore::new(1));
        let web = one_stream_at_a_time(&gate).await;
        let more = format!("{ONE_CONNECTION}\n{HTTP2}");
        let proxy = start(TO_WEB, &[("web", &[web], &more)]).await;
        // The first one brings the server's settings.
        get(proxy.addr, "/").await.until("\r\n\r\nok").await;
        let mut clients = vec![get(proxy.addr, "/").await];
        proxy.stat("cluster.web.upstream_rq_total", 2).await;
        for number in 1..4 {
            clients.push(get(proxy.addr, "/").await);
            proxy
                .stat("cluster.web.upstream_rq_pending_active", number)
                .await;
        }
        gate.add_permits(4);
        for client in &mut clients {
            client.until("\r\n\r\nok").await;
        }
        proxy.stat("cluster.web.upstream_cx_http2_total", 1).await;
        proxy.stat("cluster.web.upstream_rq_total", 5).await;
    });
}
