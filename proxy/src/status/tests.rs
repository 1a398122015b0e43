use super::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

fn status(probers: &str, annotations: &str) -> Rc<Status> {
    let config = StatusConfig {
        status_port: Some(15020),
        health_port: 15021,
        prometheus_port: 15090,
        app_probers: probers.to_owned(),
        prometheus_annotations: annotations.to_owned(),
        pod_ip: None,
    };
    Rc::new(Status::new(&config, Lifecycle::new(), Registry::new()).unwrap())
}

async fn bind() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Serves a port and returns how it answers.
async fn serve(status: &Rc<Status>, port: Port) -> SocketAddr {
    let (listener, address) = bind().await;
    tokio::task::spawn_local(Rc::clone(status).serve(listener, port));
    address
}

async fn ask(address: SocketAddr, line: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{line} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// An application that gives one answer to every request.
async fn application(answer: &'static str) -> SocketAddr {
    let (listener, address) = bind().await;
    tokio::task::spawn_local(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let length = answer.len();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    address
}

#[tokio::test]
async fn readiness_follows_the_life_of_the_process() {
    LocalSet::new()
        .run_until(async {
            let status = status("", "");
            let address = serve(&status, Port::Health).await;
            assert!(
                ask(address, "GET /healthz/ready")
                    .await
                    .starts_with("HTTP/1.1 503")
            );
            status.lifecycle.advance(Phase::Live);
            assert!(
                ask(address, "GET /healthz/ready")
                    .await
                    .starts_with("HTTP/1.1 200")
            );
            status.lifecycle.advance(Phase::Draining);
            let answer = ask(address, "GET /healthz/ready").await;
            assert!(answer.contains("draining"), "{answer}");
        })
        .await;
}

#[tokio::test]
async fn drain_and_quit_need_a_post() {
    LocalSet::new()
        .run_until(async {
            let status = status("", "");
            let address = serve(&status, Port::Agent).await;
            assert!(ask(address, "GET /drain").await.starts_with("HTTP/1.1 405"));
            assert_eq!(status.lifecycle.phase(), Phase::Initializing);
            assert!(
                ask(address, "POST /drain")
                    .await
                    .starts_with("HTTP/1.1 200")
            );
            assert_eq!(status.lifecycle.phase(), Phase::Draining);
            assert!(
                ask(address, "POST /quitquitquit")
                    .await
                    .starts_with("HTTP/1.1 200")
            );
            assert_eq!(status.lifecycle.phase(), Phase::Quitting);
        })
        .await;
}

#[tokio::test]
async fn a_client_outside_cannot_end_the_process_through_redirected_traffic() {
    LocalSet::new()
        .run_until(async {
            let status = status("", "");
            let address = serve(&status, Port::Agent).await;
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.bind("127.0.0.6:0".parse().unwrap()).unwrap();
            let mut stream = socket.connect(address).await.unwrap();
            let request = "POST /quitquitquit HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
            assert_eq!(status.lifecycle.phase(), Phase::Initializing);
        })
        .await;
}

#[tokio::test]
async fn probes_reach_the_application() {
    LocalSet::new()
        .run_until(async {
            let port = application("fine").await.port();
            // Bound and not listening: nobody else gets the port meanwhile.
            let unused = tokio::net::TcpSocket::new_v4().unwrap();
            unused.bind("127.0.0.1:0".parse().unwrap()).unwrap();
            let dead = unused.local_addr().unwrap();
            let probers = format!(
                r#"{{"/app-health/a/livez": {{"httpGet": {{"path": "live", "port": {port}, "scheme": "HTTP"}}}},
                    "/app-health/a/readyz": {{"tcpSocket": {{"port": {port}}}, "timeoutSeconds": 5}},
                    "/app-health/b/livez": {{"tcpSocket": {{"port": {}}}}}}}"#,
                dead.port()
            );
            let address = serve(&status(&probers, ""), Port::Agent).await;
            for (path, wanted) in [
                ("/app-health/a/livez", "HTTP/1.1 200"),
                ("/app-health/a/readyz", "HTTP/1.1 200"),
                ("/app-health/b/livez", "HTTP/1.1 500"),
                ("/app-health/c/livez", "HTTP/1.1 404"),
            ] {
                let answer = ask(address, &format!("GET {path}")).await;
                assert!(answer.starts_with(wanted), "{path}: {answer}");
            }
        })
        .await;
}

#[tokio::test]
async fn metrics_of_the_application_follow_our_own() {
    LocalSet::new()
        .run_until(async {
            let port = application("app_metric 7\n# EOF\n").await.port();
            let annotations = format!(r#"{{"scrape":"true","port":"{port}"}}"#);
            let status = status("", &annotations);
            let address = serve(&status, Port::Agent).await;
            let answer = ask(address, "GET /stats/prometheus").await;
            assert!(answer.contains("\napp_metric 7\n"), "{answer}");
            assert!(!answer.contains("# EOF"), "{answer}");
            let own = serve(&status, Port::Prometheus).await;
            assert!(
                !ask(own, "GET /stats/prometheus")
                    .await
                    .contains("app_metric")
            );
        })
        .await;
}

#[test]
fn probes_without_exactly_one_way_are_refused() {
    for text in [
        r#"{"/app-health/a/livez": {}}"#,
        r#"{"/x": {"tcpSocket": {"port": 1}}}"#,
        "[",
    ] {
        assert!(Probers::parse(text, None).is_err(), "{text}");
    }
}
