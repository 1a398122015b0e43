//! nginx's configuration.

use std::path::Path;

use super::{Missing, Programs};
use crate::certificate::HOST;
use crate::exchange::{PATH, Protocol};
use crate::topology::{Features, Hop, Sessions, Transport};

/// Where its workers, who have fewer rights than we, write.
pub(crate) const FOLDER: &str = "nginx";
/// Requests on one connection before nginx closes it; its default is 1,000.
const REQUESTS: u64 = 1_000_000_000;

/// The file for one hop.
pub(crate) fn render(hop: &Hop, folder: &Path, programs: &Programs) -> Result<String, Missing> {
    let block = match hop.accepts.protocol {
        Protocol::Tcp => {
            let module = programs.nginx_stream()?;
            return Ok(format!(
                "load_module {};\n{}{}",
                module.display(),
                top(hop, folder),
                stream(hop)
            ));
        }
        Protocol::Http1 | Protocol::Http2 | Protocol::Grpc => http(hop, folder)?,
    };
    Ok(format!("{}{block}", top(hop, folder)))
}

fn top(hop: &Hop, folder: &Path) -> String {
    let folder = folder.display();
    let name = hop.name;
    format!(
        "\
daemon off;
worker_processes 1;
pid {folder}/nginx-{name}-{port}.pid;
error_log stderr error;
events {{ worker_connections 20000; }}
",
        port = hop.listen.port()
    )
}

fn http(hop: &Hop, folder: &Path) -> Result<String, Missing> {
    let unable = hop.sends.protocol == Protocol::Http2;
    if unable {
        return Err(Missing(
            "nginx speaks HTTP/2 to upstreams for gRPC only".to_owned(),
        ));
    }
    let secure = matches!(hop.sends.transport, Transport::MutualTls(_));
    let (word, scheme) = match (hop.sends.protocol == Protocol::Grpc, secure) {
        (true, false) => ("grpc", "grpc"),
        (true, true) => ("grpc", "grpcs"),
        (false, false) => ("proxy", "http"),
        (false, true) => ("proxy", "https"),
    };
    let http1 = if word == "proxy" {
        "proxy_max_temp_file_size 0; proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header Host $http_host;"
    } else {
        ""
    };
    let metrics = match hop.features {
        Features::Nothing => String::new(),
        Features::Metrics
        | Features::Logged
        | Features::Everything
        | Features::Istio
        | Features::IstioMetrics => {
            format!(
                "server {{ listen {}; location /metrics {{ stub_status; }} }}",
                hop.admin
            )
        }
    };
    let rule = match hop.features {
        // by source within the location; the methods are those that the generator does not use
        Features::Everything => {
            "if ($request_method !~ ^(GET|HEAD|POST|PUT)$) { return 403; } allow 127.0.0.0/8; deny all;"
        }
        Features::Metrics
        | Features::Nothing
        | Features::Logged
        | Features::Istio
        | Features::IstioMetrics => "",
    };
    // what is elsewhere is not found
    let place = if rule.is_empty() { "/" } else { PATH };
    Ok(format!(
        "\
http {{
    access_log {log};
    client_body_temp_path {folder}/{FOLDER}/body; proxy_temp_path {folder}/{FOLDER}/proxy;
    fastcgi_temp_path {folder}/{FOLDER}/fastcgi; uwsgi_temp_path {folder}/{FOLDER}/uwsgi; scgi_temp_path {folder}/{FOLDER}/scgi;
    keepalive_requests {REQUESTS}; keepalive_timeout 300s;
    upstream backend {{ server {upstream}; keepalive 1024; keepalive_requests {REQUESTS}; keepalive_timeout 300s; }}
    {others}
    server {{
        listen {listen} backlog=4096{ssl}{http2};
        {accepting}
        location {place} {{
            {rule}
            {word}_pass {scheme}://{target};
            {http1}
            {sending}
        }}
    }}
    {metrics}
}}
",
        place = place,
        log = log(hop, folder),
        target = if hop.services == 0 { "backend" } else { "$service" },
        others = others(hop),
        folder = folder.display(),
        upstream = hop.upstream,
        listen = hop.listen,
        ssl = ssl(hop),
        http2 = if hop.accepts.protocol == Protocol::Http1 { "" } else { " http2" },
        accepting = accepting(hop),
        sending = sending(hop, word),
    ))
}

/// Other services, found by host.
fn others(hop: &Hop) -> String {
    if hop.services == 0 {
        return String::new();
    }
    let (mut hosts, mut upstreams) = (String::new(), String::new());
    for service in hop.others() {
        hosts.push_str(&format!("        {} {};\n", service.host, service.name));
        let servers: String = service
            .endpoints
            .iter()
            .map(|endpoint| format!(" server {endpoint};"))
            .collect();
        upstreams.push_str(&format!(
            "    upstream {} {{{servers} keepalive 64; }}\n",
            service.name
        ));
    }
    format!(
        "map_hash_max_size 131072; map_hash_bucket_size 128;\n    map $host $service {{\n        default backend;\n{hosts}    }}\n{upstreams}"
    )
}

fn stream(hop: &Hop) -> String {
    format!(
        "\
stream {{
    upstream backend {{ server {}; }}
    server {{
        listen {} backlog=4096{};
        {}
        proxy_pass backend;
        {}
    }}
}}
",
        hop.upstream,
        hop.listen,
        ssl(hop),
        accepting(hop),
        match hop.sends.transport {
            Transport::Plain => String::new(),
            Transport::MutualTls(_) => format!("proxy_ssl on; {}", sending(hop, "proxy")),
        }
    )
}

fn log(hop: &Hop, folder: &Path) -> String {
    match hop.features {
        Features::Metrics | Features::Nothing | Features::IstioMetrics => "off".to_owned(),
        Features::Logged | Features::Everything | Features::Istio => {
            format!(
                "{}/nginx-access-{}.log combined buffer=64k flush=1s",
                folder.display(),
                hop.listen.port()
            )
        }
    }
}

fn ssl(hop: &Hop) -> &'static str {
    match hop.accepts.transport {
        Transport::Plain => "",
        Transport::MutualTls(_) => " ssl",
    }
}

fn accepting(hop: &Hop) -> String {
    let Transport::MutualTls(sessions) = hop.accepts.transport else {
        return String::new();
    };
    let cache = match sessions {
        Sessions::Default => "",
        Sessions::Full => " ssl_session_tickets off; ssl_session_cache off;",
    };
    format!(
        "ssl_certificate {}; ssl_certificate_key {}; ssl_client_certificate {}; ssl_verify_client on;
        ssl_protocols TLSv1.3; ssl_ecdh_curve X25519; ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;{cache}",
        hop.certificate.chain.display(),
        hop.certificate.key.display(),
        hop.certificate.root.display(),
    )
}

fn sending(hop: &Hop, word: &str) -> String {
    let Transport::MutualTls(sessions) = hop.sends.transport else {
        return String::new();
    };
    let reuse = match sessions {
        Sessions::Default => "",
        Sessions::Full => " proxy_ssl_session_reuse off;",
    };
    let reuse = reuse.replace("proxy_", &format!("{word}_"));
    format!(
        "{word}_ssl_certificate {}; {word}_ssl_certificate_key {}; {word}_ssl_trusted_certificate {};
            {word}_ssl_verify on; {word}_ssl_name {HOST}; {word}_ssl_server_name on; {word}_ssl_protocols TLSv1.3;{reuse}",
        hop.certificate.chain.display(),
        hop.certificate.key.display(),
        hop.certificate.root.display(),
    )
}
