//! A second delivery happens only where it is safe.

use super::harness::{Client, closed_port, run, start, start_edited, upstream};

const RETRY_503: &str = r#"
- match: { prefix: / }
  route:
    cluster: web
    timeout: 5s
    retry_policy: { retry_on: "5xx,reset,connect-failure", num_retries: 2, retry_back_off: { base_interval: 0.001s } }
"#;

async fn ask(to: std::net::SocketAddr, method: &str, more: &str) -> String {
    let mut client = Client::connect(to).await;
    client.send(&format!("{method} / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{more}content-length: 2\r\n\r\nhi")).await;
    client.rest().await
}

#[test]
fn retries_503_only_when_idempotent() {
    run(async {
        let web = upstream(|number, mut server| async move {
            let head = server.until("hi").await;
            assert!(
                head.contains(&format!("x-envoy-attempt-count: {}\r\n", number % 2 + 1)),
                "{head}"
            );
            let status = if number % 2 == 0 {
                "503 Busy"
            } else {
                "200 OK"
            };
            server
                .send(&format!(
                    "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                ))
                .await;
        })
        .await;
        let proxy = start(RETRY_503, &[("web", &[web], "")]).await;
        for (method, more, status) in [
            ("PUT", "", "200"),
            ("POST", "idempotency-key: 1\r\n", "200"),
            ("POST", "", "503"),
        ] {
            let all = ask(proxy.addr, method, more).await;
            assert!(
                all.starts_with(&format!("HTTP/1.1 {status} ")),
                "{method}: {all}"
            );
        }
    });
}

#[test]
fn a_refused_connection_is_retried_for_every_method() {
    run(async {
        let web = upstream(|_, mut server| async move {
            server.until("hi").await;
            server
                .send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .await;
        })
        .await;
        let (_bound, dead) = closed_port();
        let proxy = start(RETRY_503, &[("web", &[dead, web], "")]).await;
        for _ in 0..4 {
            let all = ask(proxy.addr, "POST", "").await;
            assert!(all.starts_with("HTTP/1.1 200 "), "{all}");
        }
    });
}

#[test]
fn a_post_that_may_have_been_processed_is_not_sent_again() {
    run(async {
        let web = upstream(|number, mut server| async move {
            assert_eq!(number, 0, "delivered twice");
            server.until("hi").await;
        })
        .await;
        let proxy = start(RETRY_503, &[("web", &[web], "")]).await;
        let all = ask(proxy.addr, "POST", "").await;
        assert!(all.starts_with("HTTP/1.1 503 "), "{all}");
        assert!(
            all.contains("reset reason: connection termination"),
            "{all}"
        );
    });
}

#[test]
fn a_stale_pooled_connection_costs_an_idempotent_request_nothing() {
    let route = "- match: { prefix: / }\n  route: { cluster: web }";
    run(async move {
        let web = upstream(|number, mut server| async move {
            server.until("hi").await;
            server
                .send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                .await;
            if number == 0 {
                // Closes as the next request arrives: the race of every keep-alive.
                server.until("hi").await;
            }
        })
        .await;
        let proxy = start(route, &[("web", &[web], "")]).await;
        for _ in 0..2 {
            let all = ask(proxy.addr, "PUT", "").await;
            assert!(all.starts_with("HTTP/1.1 200 "), "{all}");
        }
    });
}

#[test]
fn without_endpoint_or_answer_the_reply_says_so() {
    let routes = r#"
- match: { prefix: /none }
  route: { cluster: none }
- match: { prefix: /missing }
  route: { cluster: missing }
- match: { prefix: /dead }
  route: { cluster: dead }
- match: { prefix: /silent }
  route: { cluster: silent, timeout: 0.05s }
- match: { prefix: /broken }
  route: { cluster: dead }
  typed_per_filter_config:
    envoy.filters.http.fault:
      "@type": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault
      abort: { http_status: 418, percentage: { numerator: 100 } }
- match: { prefix: /there }
  redirect: { path_redirect: /here }
"#;
    run(async move {
        let silent = upstream(|_, mut server| async move {
            server.rest().await;
        })
        .await;
        let (_bound, dead) = closed_port();
        let proxy = start(
            routes,
            &[
                ("none", &[], ""),
                ("dead", &[dead], ""),
                ("silent", &[silent], ""),
            ],
        )
        .await;
        for (path, status, body) in [
            ("/none", "503", "no healthy upstream"),
            ("/missing", "503", ""),
            ("/dead", "503", "reset reason: connection failure"),
            ("/silent", "504", "upstream request timeout"),
            ("/broken", "418", "fault filter abort"),
            ("/there", "301", "location: http://x/here"),
            ("/nowhere", "404", ""),
        ] {
            let mut client = Client::connect(proxy.addr).await;
            client
                .send(&format!(
                    "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
                ))
                .await;
            let all = client.rest().await;
            assert!(
                all.starts_with(&format!("HTTP/1.1 {status} ")) && all.contains(body),
                "{path}: {all}"
            );
        }
        let log = proxy.log(7).await;
        for line in [
            "GET /none 503 UH 19 none",
            "GET /missing 503 NC 0 -",
            "GET /dead 503 UF ",
            "GET /silent 504 UT 24 silent",
            "GET /broken 418 FI 18 dead",
            "GET /there 301 - 0 -",
            "GET /nowhere 404 NR 0 -",
        ] {
            assert!(
                log.lines().any(|logged| logged.starts_with(line)),
                "{line}: {log}"
            );
        }
    });
}

#[test]
fn a_request_that_is_sent_again_keeps_its_body_its_trailers_and_both_connections() {
    run(async {
        let web = upstream(|number, mut server| async move {
            assert_eq!(
                number, 0,
                "what was answered without a body leaves a usable connection"
            );
            for status in ["503 Busy", "200 OK", "200 OK"] {
                let all = server.until("\r\n0\r\nx-sum: 1\r\n\r\n").await;
                assert!(all.contains("\r\n3\r\nabc\r\n"), "{all}");
                server
                    .send(&format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n"))
                    .await;
            }
        })
        .await;
        let proxy = start(RETRY_503, &[("web", &[web], "")]).await;
        let mut client = Client::connect(proxy.addr).await;
        for _ in 0..2 {
            client.send("PUT / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n").await;
            let all = client.until("\r\n\r\n").await;
            assert!(all.starts_with("HTTP/1.1 200 "), "{all}");
        }
    });
}

#[test]
fn a_request_without_a_body_that_is_sent_again_leaves_the_clients_connection_open() {
    run(async {
        let web = upstream(|_, mut server| async move {
            for status in ["503 Busy", "200 OK", "200 OK"] {
                server.until("\r\n\r\n").await;
                server
                    .send(&format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n"))
                    .await;
            }
        })
        .await;
        let proxy = start(RETRY_503, &[("web", &[web], "")]).await;
        let mut client = Client::connect(proxy.addr).await;
        for _ in 0..2 {
            client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
            let all = client.until("\r\n\r\n").await;
            assert!(all.starts_with("HTTP/1.1 200 "), "{all}");
        }
    });
}

#[test]
fn the_log_tells_that_retries_ran_out_or_were_not_allowed() {
    run(async {
        let web = upstream(|_, mut server| async move {
            loop {
                let Some(_) = server.until_or_end("hi").await else {
                    return;
                };
                server
                    .send("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n")
                    .await;
            }
        })
        .await;
        let none = "circuit_breakers: { thresholds: [ { max_retries: 0 } ] }";
        for (limits, flag) in [("", "URX"), (none, "UO")] {
            let proxy = start(RETRY_503, &[("web", &[web], limits)]).await;
            let all = ask(proxy.addr, "PUT", "").await;
            assert!(all.starts_with("HTTP/1.1 503 "), "{all}");
            let log = proxy.log(1).await;
            assert!(log.starts_with(&format!("PUT / 503 {flag} ")), "{log}");
        }
    });
}

#[test]
fn who_is_rate_limited_is_not_asked_again() {
    run(async {
        let web = upstream(|number, mut server| async move {
            assert_eq!(number, 0, "asked again");
            server.until("hi").await;
            server.send("HTTP/1.1 503 Busy\r\nx-envoy-ratelimited: true\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
        })
        .await;
        let proxy = start(RETRY_503, &[("web", &[web], "")]).await;
        let all = ask(proxy.addr, "PUT", "").await;
        assert!(all.starts_with("HTTP/1.1 503 "), "{all}");
    });
}

#[test]
fn the_host_that_an_endpoints_name_replaced_is_told_by_whichever_attempt_connects() {
    let route = r#"
- match: { prefix: / }
  route:
    cluster: web
    auto_host_rewrite: true
    append_x_forwarded_host: true
    retry_policy: { retry_on: "5xx,connect-failure", num_retries: 3, retry_back_off: { base_interval: 0.001s } }
"#;
    run(async move {
        let web = upstream(|number, mut server| async move {
            let head = server.until("hi").await;
            assert!(head.contains("host: web.example\r\n"), "{head}");
            assert!(head.contains("x-forwarded-host: x\r\n"), "{head}");
            let status = if number % 2 == 0 {
                "503 Busy"
            } else {
                "200 OK"
            };
            server
                .send(&format!(
                    "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                ))
                .await;
        })
        .await;
        let (_bound, dead) = closed_port();
        let name = |text: String| {
            let named = "- endpoint: { hostname: web.example, address";
            text.replace("- endpoint: { address", named)
        };
        let proxy = start_edited(name, route, &[("web", &[dead, web], "")]).await;
        for _ in 0..2 {
            let all = ask(proxy.addr, "PUT", "").await;
            assert!(all.starts_with("HTTP/1.1 200 "), "{all}");
        }
    });
}
