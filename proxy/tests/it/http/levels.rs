//! What a route, or one of its weighted clusters, asks of filters and balancers.

use std::net::SocketAddr;

use super::harness::{Client, Proxy, run, start, start_edited, upstream};

/// An upstream that answers with its name.
async fn named(name: &'static str) -> SocketAddr {
    upstream(move |_, mut server| async move {
        server.until("\r\n\r\n").await;
        let length = name.len();
        let head =
            format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
        server.send(&format!("{head}{name}")).await;
    })
    .await
}

async fn get(proxy: &Proxy, more: &str) -> String {
    let mut client = Client::connect(proxy.addr).await;
    client
        .send(&format!(
            "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{more}\r\n"
        ))
        .await;
    client.rest().await
}

#[test]
fn a_client_without_the_cookie_is_given_one_that_brings_it_back_to_its_endpoint() {
    let routes = r#"
- match: { prefix: / }
  route:
    cluster: web
    hash_policy: [ { cookie: { name: home, ttl: 60s, path: /, attributes: [ { name: SameSite, value: Lax } ] } } ]
"#;
    run(async move {
        let endpoints = [named("one").await, named("two").await, named("three").await];
        let ring = "lb_policy: RING_HASH";
        let proxy = start(routes, &[("web", &endpoints, ring)]).await;
        for _ in 0..8 {
            let first = get(&proxy, "").await;
            let (_, cookie) = first.split_once("set-cookie: home=").expect("a cookie");
            let (cookie, attributes) = cookie.split_once("; ").expect("attributes");
            assert!(
                attributes.starts_with("Max-Age=60; Path=/; SameSite=Lax; HttpOnly\r\n"),
                "{first}"
            );
            let again = get(&proxy, &format!("cookie: a=b; home={cookie}\r\n")).await;
            assert!(!again.contains("set-cookie"), "{again}");
            let body = |response: &str| response.rsplit("\r\n\r\n").next().map(str::to_owned);
            assert_eq!(body(&first), body(&again));
        }
    });
}

#[test]
fn a_weighted_cluster_has_its_own_filters_and_those_of_its_route() {
    let fault = |status: u16| {
        format!(
            "{{ \"@type\": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault, \
             abort: {{ http_status: {status}, percentage: {{ numerator: 100 }} }} }}"
        )
    };
    let (outer, inner) = (fault(418), fault(451));
    let routes = format!(
        r#"
- match: {{ prefix: /, headers: [ {{ name: x-own }} ] }}
  typed_per_filter_config: {{ envoy.filters.http.fault: {outer} }}
  route:
    weighted_clusters:
      clusters: [ {{ name: web, weight: 1, typed_per_filter_config: {{ envoy.filters.http.fault: {inner} }} }} ]
- match: {{ prefix: /, headers: [ {{ name: x-off }} ] }}
  typed_per_filter_config: {{ envoy.filters.http.fault: {outer} }}
  route:
    weighted_clusters:
      clusters:
      - name: web
        weight: 1
        typed_per_filter_config:
          envoy.filters.http.fault: {{ "@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true }}
- match: {{ prefix: / }}
  typed_per_filter_config: {{ envoy.filters.http.fault: {outer} }}
  route: {{ weighted_clusters: {{ clusters: [ {{ name: web, weight: 1 }} ] }} }}
"#
    );
    run(async move {
        let proxy = start(&routes, &[("web", &[named("web").await], "")]).await;
        for (more, status) in [("x-own: 1\r\n", 451), ("x-off: 1\r\n", 200), ("", 418)] {
            let response = get(&proxy, more).await;
            assert!(
                response.starts_with(&format!("HTTP/1.1 {status} ")),
                "{more}{response}"
            );
        }
    });
}

/// Two filters that are off: a guard that denies everything, and one of a kind that is not known.
const OFF: &str = r#"
          - name: guard
            disabled: true
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC
              rules: {}
          - name: custom
            disabled: true
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication
          - name: router"#;

#[test]
fn a_route_that_enables_a_guard_is_guarded_and_one_that_enables_the_unknown_is_closed() {
    let enabling = |name: &str| {
        let on = "{ \"@type\": type.googleapis.com/envoy.config.route.v3.FilterConfig }";
        format!(
            "- match: {{ prefix: /, headers: [ {{ name: x-{name} }} ] }}\n  \
             typed_per_filter_config: {{ {name}: {on} }}\n  route: {{ cluster: web }}\n"
        )
    };
    let open = "- match: { prefix: / }\n  route: { cluster: web }";
    let routes = format!("{}{}{open}", enabling("guard"), enabling("custom"));
    run(async move {
        let edit = |text: String| text.replacen("\n          - name: router", OFF, 1);
        let web = [named("web").await];
        let proxy = start_edited(edit, &routes, &[("web", &web, "")]).await;
        for (more, status) in [("x-guard: 1\r\n", 403), ("x-custom: 1\r\n", 403), ("", 200)] {
            let response = get(&proxy, more).await;
            assert!(
                response.starts_with(&format!("HTTP/1.1 {status} ")),
                "{more}{response}"
            );
        }
    });
}
