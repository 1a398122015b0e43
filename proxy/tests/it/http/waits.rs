//! Nothing is waited for without end.

use tulle_proxy::telemetry::istio::Workload;

use super::harness::{
    Client, HTTP2, TO_WEB, http2_upstream, run, start, start_with, upstream, yaml,
};

/// A route without any limit of its own.
const UNLIMITED: &str = "- match: { prefix: / }\n  route: { cluster: web, timeout: 0s }";

#[test]
fn a_request_is_given_up_upstream_when_its_client_leaves() {
    run(async {
        let (tell, told) = tokio::sync::oneshot::channel();
        let tell = std::cell::Cell::new(Some(tell));
        let web = upstream(move |_, mut server| {
            let tell = tell.take();
            async move {
                server.until("\r\n\r\n").await;
                assert_eq!(
                    server.rest().await,
                    "",
                    "the proxy closes and sends no more"
                );
                let _ = tell.expect("one connection").send(());
            }
        })
        .await;
        let proxy = start(UNLIMITED, &[("web", &[web], "")]).await;
        let mut client = Client::connect(proxy.addr).await;
        client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
        proxy.stat("cluster.web.upstream_rq_total", 1).await;
        drop(client);
        told.await.expect("the upstream saw the end");
        let log = proxy.log(1).await;
        assert!(log.starts_with("GET / 0 DC "), "{log}");
    });
}

#[test]
fn a_wait_for_a_connection_ends_with_the_routes_timeout_even_if_the_request_is_not_complete() {
    let route = "- match: { prefix: /held }\n  route: { cluster: web, timeout: 0s }\n\
                 - match: { prefix: / }\n  route: { cluster: web, timeout: 0.1s }";
    let limits = "circuit_breakers: { thresholds: [ { max_connections: 1 } ] }";
    run(async {
        let web = upstream(|_, mut server| async move {
            server.rest().await;
        })
        .await;
        let proxy = start(route, &[("web", &[web], limits)]).await;
        let mut held = Client::connect(proxy.addr).await;
        held.send("GET /held HTTP/1.1\r\nhost: x\r\n\r\n").await;
        proxy.stat("cluster.web.upstream_rq_total", 1).await;
        let mut client = Client::connect(proxy.addr).await;
        client
            .send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf")
            .await;
        let all = client.until("upstream request timeout").await;
        assert!(all.starts_with("HTTP/1.1 504 "), "{all}");
        proxy.stat("cluster.web.upstream_rq_timeout", 1).await;
    });
}

#[test]
fn a_server_that_does_not_speak_http2_is_given_up_after_the_connect_timeout() {
    run(async {
        let web = upstream(|_, mut server| async move {
            server.rest().await;
        })
        .await;
        let proxy = start(UNLIMITED, &[("web", &[web], HTTP2)]).await;
        let mut client = Client::connect(proxy.addr).await;
        client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let all = client.until("connection termination").await;
        assert!(all.starts_with("HTTP/1.1 503 "), "{all}");
    });
}

#[test]
fn a_connection_that_the_server_is_about_to_close_takes_no_further_request() {
    run(async {
        let web = http2_upstream(h2::server::Builder::new(), |mut connection| async move {
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                respond
                    .send_response(http::Response::new(()), true)
                    .expect("sent");
                connection.graceful_shutdown();
            }
        })
        .await;
        let proxy = start(TO_WEB, &[("web", &[web], HTTP2)]).await;
        let mut client = Client::connect(proxy.addr).await;
        for _ in 0..5 {
            client
                .send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")
                .await;
            let all = client.until("\r\n\r\n").await;
            assert!(all.starts_with("HTTP/1.1 200 "), "{all}");
        }
    });
}

#[test]
fn a_client_that_is_idle_for_too_long_inside_its_request_gets_408() {
    let route =
        "- match: { prefix: / }\n  route: { cluster: web, timeout: 0s, idle_timeout: 0.1s }";
    run(async {
        let web = upstream(|_, mut server| async move {
            server.rest().await;
        })
        .await;
        let proxy = start(route, &[("web", &[web], "")]).await;
        let mut client = Client::connect(proxy.addr).await;
        client
            .send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf")
            .await;
        let all = client.until("stream timeout").await;
        assert!(all.starts_with("HTTP/1.1 408 "), "{all}");
        let log = proxy.log(1).await;
        assert!(log.starts_with("POST / 408 SI "), "{log}");
    });
}

#[test]
fn an_attempt_without_a_byte_is_given_up_for_another_one() {
    let route = r#"
- match: { prefix: / }
  route:
    cluster: web
    timeout: 0s
    retry_policy: { retry_on: "reset", num_retries: 1, per_try_idle_timeout: 0.1s }
"#;
    run(async {
        let web = upstream(|number, mut server| async move {
            server.until("\r\n\r\n").await;
            if number == 0 {
                server.rest().await;
            }
            server
                .send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                .await;
        })
        .await;
        let proxy = start(route, &[("web", &[web], "")]).await;
        let mut client = Client::connect(proxy.addr).await;
        client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let all = client.until("\r\n\r\nok").await;
        assert!(all.starts_with("HTTP/1.1 200 "), "{all}");
        proxy
            .stat("cluster.web.upstream_rq_per_try_idle_timeout", 1)
            .await;
    });
}

#[test]
fn the_clusters_longest_life_of_a_stream_ends_a_request() {
    let more = "typed_extension_protocol_options:\n  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:\n    \
                \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions\n    \
                common_http_protocol_options: { max_stream_duration: 0.1s }\n    \
                explicit_http_config: { http_protocol_options: {} }";
    run(async {
        let web = upstream(|_, mut server| async move {
            server.rest().await;
        })
        .await;
        let proxy = start(UNLIMITED, &[("web", &[web], more)]).await;
        let mut client = Client::connect(proxy.addr).await;
        client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let all = client.until("upstream max stream duration reached").await;
        assert!(all.starts_with("HTTP/1.1 504 "), "{all}");
        let log = proxy.log(1).await;
        assert!(log.starts_with("GET / 504 UMSDR "), "{log}");
    });
}

#[test]
fn a_client_that_leaves_while_the_response_is_silent_ends_it_upstream() {
    run(async {
        let (tell, told) = tokio::sync::oneshot::channel();
        let tell = std::cell::Cell::new(Some(tell));
        let web = upstream(move |_, mut server| {
            let tell = tell.take();
            async move {
                server.until("\r\n\r\n").await;
                server
                    .send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n")
                    .await;
                server.rest().await;
                let _ = tell.expect("one connection").send(());
            }
        })
        .await;
        let proxy = start(UNLIMITED, &[("web", &[web], "")]).await;
        let mut client = Client::connect(proxy.addr).await;
        client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
        client.until("\r\nhi\r\n").await;
        drop(client);
        told.await.expect("the upstream saw the end");
        let log = proxy.log(1).await;
        assert!(log.starts_with("GET / 200 DC "), "{log}");
    });
}

#[test]
fn an_http2_client_without_preface_and_one_that_begins_a_head_and_stops_are_let_go() {
    for (codec, beginning) in [("HTTP2", ""), ("AUTO", "PRI * HT"), ("AUTO", "GET / HT")] {
        let bounded = format!(
            "stat_prefix: test\n          codec_type: {codec}\n          request_headers_timeout: 0.1s"
        );
        run(async move {
            let text = |log: &str| yaml(log, TO_WEB, &[]).replace("stat_prefix: test", &bounded);
            let proxy = start_with(text, Workload::default()).await;
            let mut client = Client::connect(proxy.addr).await;
            client.send(beginning).await;
            let all = client.rest().await;
            assert!(
                all.is_empty() || all.starts_with("HTTP/1.1 408 ") || codec == "HTTP2",
                "{all}"
            );
        });
    }
}

#[test]
fn a_client_that_stops_in_its_head_is_let_go_where_only_idle_streams_are_bounded() {
    run(async {
        let bounded = "stat_prefix: test\n          stream_idle_timeout: 0.1s";
        let text = |log: &str| yaml(log, TO_WEB, &[]).replace("stat_prefix: test", bounded);
        let proxy = start_with(text, Workload::default()).await;
        let mut client = Client::connect(proxy.addr).await;
        client.send("GET / HT").await;
        let all = client.rest().await;
        assert!(all.starts_with("HTTP/1.1 408 "), "{all}");
        assert!(all.ends_with("\r\n\r\nstream timeout"), "{all}");
    });
}

#[test]
fn a_client_that_leaves_during_an_injected_delay_is_not_waited_for() {
    let route = "- match: { prefix: / }\n  route: { cluster: web }\n  typed_per_filter_config:\n    \
                 envoy.filters.http.fault:\n      \
                 \"@type\": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault\n      \
                 delay: { fixed_delay: 600s, percentage: { numerator: 100 } }";
    run(async {
        let proxy = start(route, &[("web", &[], "")]).await;
        let mut client = Client::connect(proxy.addr).await;
        client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
        proxy.stat("http.test.downstream_rq_active", 1).await;
        drop(client);
        let log = proxy.log(1).await;
        assert!(log.starts_with("GET / 0 ") && log.contains("DC"), "{log}");
    });
}

#[test]
fn a_header_names_the_destination_where_the_cluster_says_so() {
    run(async {
        let web = upstream(|_, mut server| async move {
            server.until("\r\n\r\n").await;
            server
                .send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                .await;
        })
        .await;
        let text = |log: &str| {
            let original = "type: ORIGINAL_DST\n    lb_policy: CLUSTER_PROVIDED\n    \
                            original_dst_lb_config: { use_http_header: true }";
            let text = yaml(log, TO_WEB, &[("web", &[], "")]).replace("type: STATIC", original);
            let end = text.find("    load_assignment").expect("the last part");
            text[..end].to_owned()
        };
        let proxy = start_with(text, Workload::default()).await;
        let mut client = Client::connect(proxy.addr).await;
        client
            .send(&format!(
                "GET / HTTP/1.1\r\nhost: x\r\nx-envoy-original-dst-host: {web}\r\n\r\n"
            ))
            .await;
        client.until("\r\n\r\nok").await;
    });
}

#[test]
fn the_deadline_of_a_grpc_client_ends_its_stream_with_deadline_exceeded() {
    let route = "- match: { prefix: / }\n  route: { cluster: web, timeout: 0s, max_stream_duration: { grpc_timeout_header_max: 0s } }";
    run(async {
        let web = upstream(|_, mut server| async move {
            server.rest().await;
        })
        .await;
        let proxy = start(route, &[("web", &[web], "")]).await;
        let mut client = Client::connect(proxy.addr).await;
        client
            .send("POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/grpc\r\ngrpc-timeout: 100m\r\ncontent-length: 0\r\n\r\n")
            .await;
        let all = client.until("\r\n\r\n").await;
        assert!(all.contains("\r\ngrpc-status: 4\r\n"), "{all}");
        let log = proxy.log(1).await;
        assert!(log.starts_with("POST / 200 - "), "{log}");
    });
}
