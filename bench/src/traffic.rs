//! A backend that answers every request with 1 KiB, and connections that ask as fast as they are answered.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const BODY: usize = 1024;
const REQUEST: &[u8] =
    b"GET /bench HTTP/1.1\r\nhost: bench.example\r\nuser-agent: tulle-bench\r\naccept: */*\r\n\r\n";

/// Starts the backend on a thread of its own.
pub(crate) fn backend() -> anyhow::Result<SocketAddr> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::Builder::new()
        .name("backend".to_owned())
        .spawn(move || {
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener)?;
                loop {
                    let (stream, _) = listener.accept().await?;
                    tokio::spawn(answer(stream));
                }
                #[expect(unreachable_code, reason = "names the type of the error")]
                std::io::Result::Ok(())
            })
        })?;
    Ok(address)
}

async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut response =
        format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {BODY}\r\n\r\n")
            .into_bytes();
    response.resize(response.len() + BODY, b'x');
    let mut buffer = vec![0; 16 * 1024];
    let mut filled = 0;
    loop {
        let count = stream.read(&mut buffer[filled..]).await?;
        if count == 0 {
            return Ok(());
        }
        filled += count;
        if buffer[..filled].ends_with(b"\r\n\r\n") {
            stream.write_all(&response).await?;
            filled = 0;
        }
    }
}

/// What a run saw.
pub(crate) struct Run {
    pub(crate) requests: u64,
    /// Nanoseconds.
    pub(crate) latency: Histogram<u64>,
}

/// Sends for a while over several connections.
pub(crate) async fn run(
    to: SocketAddr,
    connections: usize,
    length: Duration,
) -> anyhow::Result<Run> {
    let local = tokio::task::LocalSet::new();
    let end = Instant::now() + length;
    local
        .run_until(async {
            let mut sum = Run {
                requests: 0,
                latency: Histogram::new(3)?,
            };
            let mut tasks = tokio::task::JoinSet::new();
            for _ in 0..connections {
                tasks.spawn_local(client(to, end));
            }
            while let Some(done) = tasks.join_next().await {
                let latency = done??;
                sum.requests += latency.len();
                sum.latency.add(latency)?;
            }
            Ok(sum)
        })
        .await
}

async fn client(to: SocketAddr, end: Instant) -> anyhow::Result<Histogram<u64>> {
    let mut stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    let mut latency = Histogram::new(3)?;
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let sent = Instant::now();
        if sent > end {
            return Ok(latency);
        }
        stream.write_all(REQUEST).await?;
        read_response(&mut stream, &mut buffer).await?;
        latency.record(u64::try_from(sent.elapsed().as_nanos()).unwrap_or(u64::MAX))?;
    }
}

async fn read_response(stream: &mut TcpStream, buffer: &mut [u8]) -> anyhow::Result<()> {
    let mut filled = 0;
    loop {
        let count = stream.read(&mut buffer[filled..]).await?;
        anyhow::ensure!(count > 0, "the connection was closed");
        filled += count;
        let head = buffer[..filled]
            .windows(4)
            .position(|window| window == b"\r\n\r\n");
        if head.is_some_and(|head| filled >= head + 4 + BODY) {
            anyhow::ensure!(
                buffer.starts_with(b"HTTP/1.1 200"),
                "{}",
                String::from_utf8_lossy(&buffer[..filled.min(200)])
            );
            return Ok(());
        }
    }
}
