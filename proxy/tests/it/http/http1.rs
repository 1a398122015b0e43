//! HTTP/1 on both sides.

use super::harness::{Client, TO_WEB, run, start, start_edited, upstream};

/// The most that the future of a connection may take; what its requests need it has only while there are some.
const FUTURE_BYTES: usize = 320;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[test]
fn a_request_and_its_response_pass_with_their_fields() {
    run(async {
        let web = upstream(|_, mut server| async move {
            let head = server.until("\r\n\r\n").await;
            assert!(
                head.starts_with("GET /a?b HTTP/1.1\r\nhost: x\r\nX-One: 1\r\n"),
                "{head}"
            );
            assert!(
                head.contains("\r\nx-request-id: ")
                    && head.contains("\r\nx-forwarded-proto: http\r\n"),
                "{head}"
            );
            assert!(
                !head.contains("x-mine") && !head.to_lowercase().contains("connection"),
                "{head}"
            );
            server
                .send("HTTP/1.1 200 Fine\r\nX-Two: 2\r\ncontent-length: 2\r\n\r\nok")
                .await;
        })
        .await;
        let proxy = start(TO_WEB, &[("web", &[web], "")]).await;
        let mut client = Client::connect(proxy.addr).await;
        client.send("GET /a?b HTTP/1.1\r\nHost: x\r\nX-One: 1\r\nx-mine: 1\r\nConnection: x-mine, close\r\n\r\n").await;
        let all = client.rest().await;
        assert!(
            all.starts_with("HTTP/1.1 200 Fine\r\nX-Two: 2\r\n"),
            "{all}"
        );
        assert!(
            all.contains("\r\nserver: envoy\r\n") && all.contains("connection: close\r\n\r\n"),
            "{all}"
        );
        assert!(all.ends_with("\r\n\r\nok"), "{all}");
        proxy.stat("cluster.web.upstream_rq_2xx", 1).await;
        proxy.stat("http.test.downstream_rq_2xx", 1).await;
    });
}

#[test]
fn an_idle_connection_holds_a_small_future() {
    run(async {
        let web = upstream(|_, mut server| async move {
            server.until("\r\n\r\n").await;
            server.send(OK).await;
            server.rest().await;
        })
        .await;
        let proxy = start(TO_WEB, &[("web", &[web], "")]).await;
        let mut client = Client::connect(proxy.addr).await;
        client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
        client.until("\r\n\r\nok").await;
        let size = proxy.future_size.get();
        assert!((1..=FUTURE_BYTES).contains(&size), "{size} bytes");
    });
}

#[test]
fn connections_are_used_again_on_both_sides() {
    run(async {
        let web = upstream(|number, mut server| async move {
            assert_eq!(number, 0, "one connection serves both requests");
            for _ in 0..2 {
                server.until("\r\n\r\n").await;
                server.send(OK).await;
            }
            server.rest().await;
        })
        .await;
        let proxy = start(TO_WEB, &[("web", &[web], "")]).await;
        let mut client = Client::connect(proxy.addr).await;
        for _ in 0..2 {
            client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
            client.until("\r\n\r\nok").await;
        }
    });
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    run(async {
        let web = upstream(|_, mut server| async move {
            for number in 1..=2 {
                let head = server.until("\r\n\r\n").await;
                assert!(head.starts_with(&format!("GET /{number} ")), "{head}");
                server
                    .send(&format!(
                        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{number}"
                    ))
                    .await;
            }
        })
        .await;
        let proxy = start(TO_WEB, &[("web", &[web], "")]).await;
        let mut client = Client::connect(proxy.addr).await;
        client
            .send("GET /1 HTTP/1.1\r\nhost: x\r\n\r\nGET /2 HTTP/1.1\r\nhost: x\r\n\r\n")
            .await;
        client.until("\r\n\r\n1").await;
        client.until("\r\n\r\n2").await;
    });
}

#[test]
fn chunked_bodies_and_trailers_pass_both_ways() {
    run(async {
        let web = upstream(|_, mut server| async move {
            let all = server.until("\r\n0\r\nx-end: 1\r\n\r\n").await;
            assert!(all.contains("transfer-encoding: chunked\r\n") && all.contains("3\r\nabc\r\n"), "{all}");
            server.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nx-done: 2\r\n\r\n").await;
        })
        .await;
        let proxy = start(TO_WEB, &[("web", &[web], "")]).await;
        let mut client = Client::connect(proxy.addr).await;
        client.send("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-end: 1\r\n\r\n").await;
        let all = client.until("0\r\nx-done: 2\r\n\r\n").await;
        assert!(all.contains("2\r\nhi\r\n"), "{all}");
    });
}

#[test]
fn an_expected_continue_comes_from_the_upstream() {
    run(async {
        let web = upstream(|_, mut server| async move {
            server.until("\r\n\r\n").await;
            server.send("HTTP/1.1 100 Continue\r\n\r\n").await;
            server.until("body").await;
            server.send(OK).await;
        })
        .await;
        let proxy = start(TO_WEB, &[("web", &[web], "")]).await;
        let mut client = Client::connect(proxy.addr).await;
        client
            .send("POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n")
            .await;
        client.until("HTTP/1.1 100 Continue\r\n\r\n").await;
        client.send("body").await;
        client.until("\r\n\r\nok").await;
    });
}

#[test]
fn a_websocket_becomes_a_tunnel() {
    run(async {
        let web = upstream(|_, mut server| async move {
            let head = server.until("\r\n\r\n").await;
            assert!(head.contains("upgrade: websocket\r\n") && head.contains("connection: upgrade\r\n"), "{head}");
            server.send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhello").await;
            server.until("ping").await;
            server.send("pong").await;
        })
        .await;
        let proxy = start(TO_WEB, &[("web", &[web], "")]).await;
        let mut client = Client::connect(proxy.addr).await;
        client
            .send("GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
            .await;
        client.until("\r\n\r\nhello").await;
        client.send("ping").await;
        client.until("pong").await;
    });
}

#[test]
fn a_tunnel_does_not_hold_the_route_table_it_began_with() {
    run(async {
        let web = upstream(|_, mut server| async move {
            server.until("\r\n\r\n").await;
            server.send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhello").await;
            server.until("ping").await;
            server.send("pong").await;
        })
        .await;
        let rds = |text: String| {
            let (before, rest) = text
                .split_once("          route_config:\n")
                .expect("routes");
            let (_, after) = rest
                .split_once("          http_filters:\n")
                .expect("filters");
            let rds = "rds: { route_config_name: local, config_source: { ads: {} } }";
            format!("{before}          {rds}\n          http_filters:\n{after}")
        };
        let proxy = start_edited(rds, TO_WEB, &[("web", &[web], "")]).await;
        let first = proxy.apply_routes(TO_WEB);
        let mut client = Client::connect(proxy.addr).await;
        client
            .send("GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
            .await;
        client.until("\r\n\r\nhello").await;
        assert!(first.upgrade().is_some(), "in force");
        let second = proxy.apply_routes(TO_WEB);
        assert!(first.upgrade().is_none(), "held by the tunnel");
        client.send("ping").await;
        client.until("pong").await;
        assert!(second.upgrade().is_some(), "in force");
    });
}

#[test]
fn an_upgrade_with_a_body_is_sent_on_without_the_upgrade() {
    run(async {
        let web = upstream(|_, mut server| async move {
            let all = server.until("\r\n\r\nhello").await;
            assert!(!all.to_lowercase().contains("upgrade"), "{all}");
            server.send(OK).await;
        })
        .await;
        let proxy = start(TO_WEB, &[("web", &[web], "")]).await;
        let mut client = Client::connect(proxy.addr).await;
        client
            .send("POST / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\ncontent-length: 5\r\n\r\nhello")
            .await;
        client.until("\r\n\r\nok").await;
    });
}

#[test]
fn what_follows_a_refused_tunnel_is_not_read_as_a_request() {
    run(async {
        let web = upstream(|_, _| async { panic!("reached") }).await;
        let proxy = start(TO_WEB, &[("web", &[web], "")]).await;
        let mut client = Client::connect(proxy.addr).await;
        client
            .send("CONNECT x:1 HTTP/1.1\r\nhost: x:1\r\n\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .await;
        let all = client.rest().await;
        assert!(
            all.starts_with("HTTP/1.1 404 ") && all.matches("HTTP/1.1").count() == 1,
            "{all}"
        );
    });
}

#[test]
fn malformed_requests_get_an_answer_and_never_reach_the_upstream() {
    run(async {
        let web = upstream(|_, _| async { panic!("reached") }).await;
        let proxy = start(TO_WEB, &[("web", &[web], "")]).await;
        for (text, status) in [
            ("GET / HTTP/1.1\r\n\r\n", "400"),
            ("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", "400"),
            (
                "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
                "400",
            ),
            (
                "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n",
                "501",
            ),
            ("GET / HTTP/1.0\r\nhost: a\r\n\r\n", "426"),
            ("CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n", "404"),
        ] {
            let mut client = Client::connect(proxy.addr).await;
            client.send(text).await;
            let all = client.until("\r\n\r\n").await;
            assert!(
                all.starts_with(&format!("HTTP/1.1 {status} ")),
                "{text:?}: {all}"
            );
        }
    });
}

#[test]
fn a_response_that_breaks_off_is_not_passed_as_whole() {
    run(async {
        let web = upstream(|_, mut server| async move {
            server.until("\r\n\r\n").await;
            server
                .send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
                .await;
        })
        .await;
        let proxy = start(TO_WEB, &[("web", &[web], "")]).await;
        let mut client = Client::connect(proxy.addr).await;
        client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let all = client.rest().await;
        assert!(all.ends_with("\r\n\r\nhalf"), "{all}");
    });
}

#[test]
fn a_large_body_passes_whole_both_ways() {
    run(async {
        let body: String = (0..400_000)
            .map(|at| char::from(b'a' + (at % 23) as u8))
            .collect();
        let echoed = body.clone();
        let web = upstream(move |_, mut server| {
            let body = echoed.clone();
            async move {
                server.until("\r\n\r\n").await;
                server.until(".").await;
                server.send(&format!("HTTP/1.1 200 OK\r\n\r\n{body}")).await;
            }
        })
        .await;
        let proxy = start(TO_WEB, &[("web", &[web], "")]).await;
        let mut client = Client::connect(proxy.addr).await;
        let text = format!(
            "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}.",
            body.len() + 1
        );
        client.send(&text[..text.len() - 1]).await;
        client.send(".").await;
        let all = client.until("0\r\n\r\n").await;
        assert!(all.len() > body.len(), "{}", all.len());
    });
}

#[test]
fn a_draining_listener_ends_connections_after_the_response() {
    run(async {
        let web = upstream(|_, mut server| async move {
            server.until("\r\n\r\n").await;
            server.send(OK).await;
        })
        .await;
        let proxy = start(TO_WEB, &[("web", &[web], "")]).await;
        let mut client = Client::connect(proxy.addr).await;
        proxy.drain.throw();
        client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let all = client.rest().await;
        assert!(
            all.is_empty() || all.contains("connection: close\r\n"),
            "{all}"
        );
    });
}
