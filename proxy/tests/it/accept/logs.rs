//! What a TCP connection leaves in access logs and metrics.

use std::net::SocketAddr;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::harness::{echo, read, start_with, yaml};
use crate::beside::{closed_port, run};

/// A named pipe that access logs go to: whoever reads it waits for lines, not for time to pass.
struct Pipe {
    path: std::path::PathBuf,
    lines: tokio::sync::mpsc::Receiver<String>,
}

impl Pipe {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tulle-{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.expect("mkfifo is part of coreutils").success());
        let (send, lines) = tokio::sync::mpsc::channel(16);
        let from = path.clone();
        std::thread::spawn(move || {
            let pipe = std::fs::File::open(from).expect("a pipe");
            for line in std::io::BufRead::lines(std::io::BufReader::new(pipe)) {
                let Ok(line) = line else { return };
                if send.blocking_send(line).is_err() {
                    return;
                }
            }
        });
        Self { path, lines }
    }

    async fn line(&mut self) -> String {
        self.lines.recv().await.expect("a line")
    }

    /// An access log that writes `format` into the pipe.
    fn log(&self, format: &str) -> String {
        let kind = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog";
        let path = self.path.display();
        format!(
            r#"access_log: [{{ name: file, typed_config: {{ "@type": {kind}, path: "{path}", log_format: {{ text_format_source: {{ inline_string: "{format}\n" }} }} }} }}]"#
        )
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The configuration with logs of the TCP proxy and of the listener.
fn logging(upstream: SocketAddr, pipe: &Pipe) -> String {
    let tcp = pipe.log("tcp %BYTES_RECEIVED% %BYTES_SENT% %UPSTREAM_CLUSTER% %RESPONSE_FLAGS%");
    let whole = pipe.log("listener %RESPONSE_CODE% %RESPONSE_FLAGS% %UPSTREAM_HOST% %PROTOCOL%");
    yaml(upstream)
        .replace(
            "          cluster: up\n",
            &format!("          cluster: up\n          {tcp}\n"),
        )
        .replace(
            "    filter_chains:\n",
            &format!("    {whole}\n    filter_chains:\n"),
        )
}

#[test]
fn a_connection_is_logged_and_counted_when_it_ends() {
    run(async {
        let upstream = echo().await;
        let mut pipe = Pipe::new("ended");
        let proxy = start_with(&logging(upstream, &pipe), 1);
        let mut client = TcpStream::connect(proxy.addr).await.unwrap();
        client.write_all(b"*1\r\n$4\r\nPING\r\n").await.unwrap();
        read(&mut client, b"*1\r\n$4\r\nPING\r\n").await;
        let opened = "istio_tcp_connections_opened_total";
        proxy.measures(opened, "reporter=\"source\"", 1).await;
        drop(client);
        assert_eq!(pipe.line().await, "tcp 14 14 up -");
        assert_eq!(pipe.line().await, format!("listener 0 - {upstream} -"));
        for (family, wanted) in [
            ("istio_tcp_connections_closed_total", 1),
            ("istio_tcp_sent_bytes_total", 14),
            ("istio_tcp_received_bytes_total", 14),
        ] {
            let label = "source_principal=\"unknown\"";
            proxy.measures(family, label, wanted).await;
        }
    });
}

#[test]
fn a_connection_without_an_upstream_is_logged_with_its_flags() {
    run(async {
        let (_bound, upstream) = closed_port();
        let mut pipe = Pipe::new("refused");
        let proxy = start_with(&logging(upstream, &pipe), 1);
        let mut client = TcpStream::connect(proxy.addr).await.unwrap();
        client.write_all(b"*1\r\n$4\r\nPING\r\n").await.unwrap();
        assert_eq!(pipe.line().await, "tcp 0 0 up UF,URX");
        let whole = format!("listener 0 UF,URX {upstream} -");
        assert_eq!(pipe.line().await, whole);
        let closed = "istio_tcp_connections_closed_total";
        let label = "response_flags=\"UF,URX\"";
        proxy.measures(closed, label, 1).await;
    });
}
