//! The client of the demo: an open loop of GET requests, a slower one of TCP exchanges, and a report of both.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Args;
use hdrhistogram::Histogram;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::MissedTickBehavior;

/// Flags of `tulle app client`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ClientFlags {
    /// The URL to GET
    #[arg(long)]
    http: String,
    /// The forward proxy to send requests to, instead of the host of the URL
    #[arg(long, env = "http_proxy", value_name = "URL")]
    proxy: Option<http::Uri>,
    /// The `host:port` of a TCP service to talk to, ten times a second
    #[arg(long)]
    tcp: Option<String>,
    /// Requests a second
    #[arg(long, default_value_t = 100)]
    rate: u32,
    /// Count only from the first answer on, for which to wait this long; services may start later
    #[arg(long, default_value_t = 10)]
    patience: u64,
    /// Connections to spread the requests over
    #[arg(long, default_value_t = 8)]
    connections: usize,
}

/// How often a service that does not answer yet is asked again.
const POLL: Duration = Duration::from_millis(20);

/// How much later than asked for a timer fires on an idle machine, at most.
const TIMER: Duration = Duration::from_millis(2);

/// What came back since the last report.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Requests answered 200, by the version that answered.
    pub(crate) answered: BTreeMap<String, u64>,
    /// Requests that failed, by reason.
    pub(crate) failed: BTreeMap<String, u64>,
    /// Latency of the answered requests, microseconds; one that is sent late counts from when it was due.
    pub(crate) p50_us: u64,
    /// As above.
    pub(crate) p90_us: u64,
    /// As above.
    pub(crate) p99_us: u64,
    /// TCP exchanges that worked.
    pub(crate) tcp_ok: u64,
    /// TCP exchanges that failed.
    pub(crate) tcp_failed: u64,
}

#[derive(Debug)]
struct Tally {
    report: Report,
    latency: Histogram<u64>,
}

impl Tally {
    fn new() -> Self {
        Self {
            report: Report::default(),
            latency: Histogram::new_with_max(60_000_000, 3)
                .expect("a minute in microseconds with 3 digits is in range"),
        }
    }

    fn take(&mut self) -> Report {
        let mut report = std::mem::take(&mut self.report);
        [report.p50_us, report.p90_us, report.p99_us] =
            [0.5, 0.9, 0.99].map(|q| self.latency.value_at_quantile(q));
        self.latency.reset();
        report
    }
}

pub(super) async fn run(flags: ClientFlags) -> anyhow::Result<()> {
    let tally = Arc::new(Mutex::new(Tally::new()));
    let target = Arc::new(Target::new(&flags)?);
    let patience = Duration::from_secs(flags.patience);
    let mut tick = tokio::time::interval(POLL);
    let deadline = Instant::now() + patience;
    while request(&target, &mut None).await.is_err() && Instant::now() < deadline {
        tick.tick().await;
    }
    for slot in 0..flags.connections {
        tokio::spawn(requests(
            target.clone(),
            tally.clone(),
            Pace::new(&flags, slot),
        ));
    }
    if let Some(address) = flags.tcp {
        tokio::spawn(exchanges(address, tally.clone(), patience));
    }
    let mut tick = tokio::time::interval(Duration::from_millis(500));
    loop {
        tick.tick().await;
        let report = tally.lock().await.take();
        println!("{}", serde_json::to_string(&report)?);
    }
}

/// When one connection sends.
struct Pace {
    first: Duration,
    every: Duration,
}

impl Pace {
    fn new(flags: &ClientFlags, slot: usize) -> Self {
        let every = Duration::from_secs(1) * u32::try_from(flags.connections).unwrap_or(1)
            / flags.rate.max(1);
        Self {
            first: every * u32::try_from(slot).unwrap_or(0)
                / u32::try_from(flags.connections).unwrap_or(1),
            every,
        }
    }
}

struct Target {
    connect: String,
    authority: String,
    /// The path; all of the URL towards a proxy.
    uri: http::Uri,
}

impl Target {
    fn new(flags: &ClientFlags) -> anyhow::Result<Self> {
        let uri: http::Uri = flags.http.parse()?;
        let authority = uri
            .authority()
            .ok_or_else(|| anyhow::anyhow!("--http {} has no host", flags.http))?;
        let first = match &flags.proxy {
            Some(proxy) => proxy
                .authority()
                .ok_or_else(|| anyhow::anyhow!("--proxy {proxy} has no host"))?,
            None => authority,
        };
        let connect = format!("{}:{}", first.host(), first.port_u16().unwrap_or(80));
        let authority = authority.to_string();
        Ok(Self {
            connect,
            authority,
            uri: match flags.proxy {
                Some(_) => uri,
                None => uri.path().parse()?,
            },
        })
    }
}

async fn requests(target: Arc<Target>, tally: Arc<Mutex<Tally>>, pace: Pace) {
    tokio::time::sleep(pace.first).await;
    let mut tick = tokio::time::interval(pace.every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst); // late sends are sent
    let mut connection = None;
    loop {
        let begin = begin(tick.tick().await.into_std(), Instant::now());
        let outcome = request(&target, &mut connection).await;
        let mut tally = tally.lock().await;
        match outcome {
            Ok(version) => {
                *tally.report.answered.entry(version).or_default() += 1;
                let late = u64::try_from(Instant::now().duration_since(begin).as_micros())
                    .unwrap_or(u64::MAX);
                tally.latency.saturating_record(late.max(1));
            }
            Err(reason) => {
                connection = None;
                *tally.report.failed.entry(reason).or_default() += 1;
            }
        }
    }
}

/// From when a request counts that was due and is sent now: a late one has waited already, but no timer is more exact
/// than its granularity.
fn begin(due: Instant, now: Instant) -> Instant {
    if now.saturating_duration_since(due) > TIMER {
        due
    } else {
        now
    }
}

async fn request(
    target: &Target,
    slot: &mut Option<SendRequest<Empty<Bytes>>>,
) -> Result<String, String> {
    let mut connection = match slot.take() {
        Some(connection) if connection.is_ready() => connection,
        _ => connect(target)
            .await
            .map_err(|error| format!("connect: {error}"))?,
    };
    let request = Request::get(&target.uri)
        .header("host", &target.authority)
        .body(Empty::new())
        .map_err(|error| error.to_string())?;
    let response = connection
        .send_request(request)
        .await
        .map_err(|error| format!("send: {error}"))?;
    let status = response.status();
    let version = response
        .headers()
        .get("x-version")
        .and_then(|value| value.to_str().ok())
        .unwrap_or("?")
        .to_owned();
    let body = response
        .into_body()
        .collect()
        .await
        .map_err(|error| format!("body: {error}"))?
        .to_bytes();
    *slot = Some(connection);
    if status.is_success() {
        Ok(version)
    } else {
        Err(format!(
            "{status}: {}",
            String::from_utf8_lossy(&body).trim()
        ))
    }
}

async fn connect(target: &Target) -> anyhow::Result<SendRequest<Empty<Bytes>>> {
    let stream = TcpStream::connect(&target.connect).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    sender.ready().await?;
    Ok(sender)
}

async fn exchanges(address: String, tally: Arc<Mutex<Tally>>, patience: Duration) {
    let deadline = Instant::now() + patience;
    let mut answered = false;
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut connection = None;
    loop {
        tick.tick().await;
        let outcome = exchange(&address, &mut connection).await;
        let mut tally = tally.lock().await;
        match outcome {
            Ok(()) => {
                answered = true;
                tally.report.tcp_ok += 1;
            }
            Err(_) if !answered && Instant::now() < deadline => connection = None,
            Err(_) => {
                connection = None;
                tally.report.tcp_failed += 1;
            }
        }
    }
}

async fn exchange(address: &str, slot: &mut Option<BufReader<TcpStream>>) -> anyhow::Result<()> {
    let mut line = String::new();
    let connection = match slot {
        Some(connection) => connection,
        None => {
            let mut connection = BufReader::new(TcpStream::connect(address).await?);
            connection.read_line(&mut line).await?;
            anyhow::ensure!(
                line.trim() == super::ledger::GREETING,
                "no greeting: {line:?}"
            );
            line.clear();
            slot.insert(connection)
        }
    };
    connection.write_all(b"coffee 3.20\n").await?;
    connection.read_line(&mut line).await?;
    anyhow::ensure!(
        line == "recorded coffee 3.20\n",
        "a wrong receipt: {line:?}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_requests_later_than_a_timer_count_from_when_they_were_due() {
        let due = Instant::now();
        let after = |ms| due + Duration::from_millis(ms);
        assert_eq!(begin(due, after(1)), after(1));
        assert_eq!(begin(due, after(3)), due);
        assert_eq!(begin(after(1), due), due, "a timer may fire early");
    }
}
