//! HAProxy's configuration.

use std::fs;
use std::path::Path;

use super::Attached;
use crate::certificate::HOST;
use crate::exchange::{PATH, Protocol};
use crate::topology::{Features, Hop, Sessions, Side, Transport};

const MAP: &str = "haproxy-hosts.map";

/// The file for one hop, and in `folder` the names of the services that it should know.
pub(crate) fn render(hop: &Hop, folder: &Path) -> anyhow::Result<String> {
    let mode = match hop.accepts.protocol {
        Protocol::Tcp => "tcp",
        Protocol::Http1 | Protocol::Http2 | Protocol::Grpc => "http",
    };
    let reuse = if mode == "http" {
        "    http-reuse always\n"
    } else {
        ""
    };
    let log = match hop.features {
        Features::Metrics | Features::Nothing | Features::IstioMetrics => String::new(),
        Features::Logged | Features::Everything | Features::Istio => {
            format!("    log stdout format raw local0\n    option {mode}log\n")
        }
    };
    let rule = match (hop.features, mode) {
        (Features::Everything, "http") => rules(),
        _ => String::new(),
    };
    let metrics = match hop.features {
        Features::Nothing => String::new(),
        Features::Metrics
        | Features::Logged
        | Features::Everything
        | Features::Istio
        | Features::IstioMetrics => format!(
            "\nfrontend metrics\n    mode http\n    bind {}\n    http-request use-service prometheus-exporter if {{ path /metrics }}\n",
            hop.admin
        ),
    };
    let no_cache = if hop.uses_full_handshakes() {
        "    tune.ssl.cachesize 0\n"
    } else {
        ""
    };
    let (map, others) = others(hop, folder)?;
    Ok(format!(
        "\
global
    nbthread 1
    maxconn 5000
    ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256
    ssl-default-server-ciphersuites TLS_AES_128_GCM_SHA256
    ssl-default-bind-curves X25519
{no_cache}
defaults
    mode {mode}
    timeout connect 5s
    timeout client 300s
    timeout server 300s
{log}{reuse}
frontend bench
    bind {listen}{accepting}
{rule}{map}    default_backend upstream

backend upstream
    server backend {upstream}{sending}
{metrics}{others}",
        listen = hop.listen,
        upstream = hop.upstream,
        accepting = accepting(hop),
        sending = sending(hop),
    ))
}

/// Who may do what, of which the last is what the generator does.
fn rules() -> String {
    format!(
        "    http-request allow if {{ method GET POST DELETE }} {{ path_beg /admin }} {{ src 10.0.0.0/8 }}
    http-request allow if {{ method GET }} {{ path_beg /healthz }} {{ src 10.64.0.0/16 }}
    http-request allow if {{ method POST PUT }} {{ path_beg {PATH} }} {{ src 127.0.0.0/8 }}
    http-request allow if {{ method GET HEAD }} {{ path_beg {PATH} }} {{ src 127.0.0.0/8 }}
    http-request deny
"
    )
}

impl Hop {
    fn uses_full_handshakes(&self) -> bool {
        [self.accepts, self.sends]
            .iter()
            .any(|side| side.transport == Transport::MutualTls(Sessions::Full))
    }
}

fn accepting(hop: &Hop) -> String {
    match hop.accepts.transport {
        Transport::Plain => protocol(hop.accepts),
        Transport::MutualTls(sessions) => {
            let tickets = if sessions == Sessions::Full {
                " no-tls-tickets"
            } else {
                ""
            };
            format!(
                " ssl crt {} ca-file {} verify required ssl-min-ver TLSv1.3{}{tickets}",
                hop.certificate.both.display(),
                hop.certificate.root.display(),
                alpn(hop.accepts)
            )
        }
    }
}

fn sending(hop: &Hop) -> String {
    match hop.sends.transport {
        Transport::Plain => protocol(hop.sends),
        Transport::MutualTls(sessions) => {
            let reuse = if sessions == Sessions::Full {
                " no-ssl-reuse"
            } else {
                ""
            };
            format!(
                " ssl crt {} ca-file {} verify required verifyhost {HOST} sni str({HOST}) ssl-min-ver TLSv1.3{}{reuse}",
                hop.certificate.both.display(),
                hop.certificate.root.display(),
                alpn(hop.sends)
            )
        }
    }
}

fn protocol(side: Side) -> String {
    match side.protocol {
        Protocol::Http2 | Protocol::Grpc => " proto h2".to_owned(),
        Protocol::Http1 | Protocol::Tcp => String::new(),
    }
}

fn alpn(side: Side) -> &'static str {
    match side.protocol {
        Protocol::Http1 => " alpn http/1.1",
        Protocol::Http2 | Protocol::Grpc => " alpn h2",
        Protocol::Tcp => "",
    }
}

/// The rule that finds other services by host, and their backends.
fn others(hop: &Hop, folder: &Path) -> anyhow::Result<(String, String)> {
    if hop.services == 0 {
        return Ok(Default::default());
    }
    let mut backends = String::new();
    for (at, service) in hop.others().enumerate() {
        backends.push_str(&format!("\nbackend {}\n", service.name));
        for (of, endpoint) in service.endpoints.iter().enumerate() {
            backends.push_str(&format!("    server e{at}-{of} {endpoint}\n"));
        }
    }
    let file = folder.join(MAP);
    fs::write(&file, hosts(hop))?;
    let rule = format!(
        "    use_backend %[req.hdr(host),lower,map({})]\n",
        file.display()
    );
    Ok((rule, backends))
}

/// The names of other services, where it has them.
pub(crate) fn map(hop: &Hop) -> Option<Attached> {
    (hop.services > 0).then(|| Attached {
        name: MAP,
        text: hosts(hop),
    })
}

/// Host and backend of each other service.
fn hosts(hop: &Hop) -> String {
    hop.others()
        .map(|service| format!("{} {}\n", service.host, service.name))
        .collect()
}
