//! What happens in the demo, second by second: traffic, a canary shift, a killed endpoint, an explanation.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use super::DemoFlags;
use super::door::{self, PodSockets};
use super::isolation::{self, Isolation};
use super::kubelet::PodEvent;
use super::manifest::{Manifest, identity};
use super::mesh::{Mesh, ask_admin};
use super::pod::Event;
use super::view::{Failover, Phase, Seen, View};
use crate::app::Report;

/// How long the story takes when nobody says how long the demo runs.
const FULL_LENGTH: Duration = Duration::from_secs(30);
/// The pod that is killed.
const VICTIM: &str = "server-v2-0";

/// What happens, and when in a story of [`FULL_LENGTH`].
const STEPS: [(u64, Step); 8] = [
    (5, Step::Shift(25)),
    (9, Step::Shift(50)),
    (13, Step::Shift(100)),
    (17, Step::Kill),
    (18, Step::MarkUnready),
    (22, Step::Restart),
    (24, Step::CloseFailover),
    (25, Step::Explain),
];

#[derive(Debug, Clone, Copy)]
enum Step {
    Shift(u32),
    Kill,
    MarkUnready,
    Restart,
    CloseFailover,
    Explain,
}

/// Runs the inner process of the demo.
pub(super) fn run(flags: &DemoFlags, isolation: Isolation) -> anyhow::Result<ExitCode> {
    let start = Instant::now();
    let state = isolation::settle()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(Story::tell(
        flags,
        isolation,
        state.clone(),
        View::new(flags.json, start),
    ))
}

struct Story {
    mesh: Mesh,
    manifest: Manifest,
    view: View,
    seen: Seen,
    /// Summed up until the next line of traffic.
    traffic: Report,
    /// Counted for the step that goes on.
    counting: Option<Counting>,
    built_in: bool,
}

/// What the reports are counted for, from a moment on.
enum Counting {
    Phase { percent: u32, from: Instant },
    Failover,
}

impl Story {
    async fn tell(
        flags: &DemoFlags,
        isolation: Isolation,
        state: PathBuf,
        view: View,
    ) -> anyhow::Result<ExitCode> {
        let manifest = match &flags.config {
            Some(dir) => Manifest::of_directory(dir)?,
            None => Manifest::built_in()?,
        };
        view.say(&format!(
            "Tulle {}: {} pods, {}",
            env!("CARGO_PKG_VERSION"),
            manifest.pods.len(),
            isolation.describe()
        ));
        let mesh = Mesh::start(&manifest, isolation, &state, flags.verbose).await?;
        let sockets = mesh
            .pods
            .keys()
            .map(|pod| Ok((pod.clone(), mesh.sockets(pod)?)))
            .collect::<anyhow::Result<_>>()?;
        tokio::spawn(answer_door(sockets));
        let seen = Seen {
            mode: isolation.describe(),
            remarks: mesh.remarks.clone(),
            ..Seen::default()
        };
        let counting = Some(Counting::Phase {
            percent: 0,
            from: Instant::now() + Duration::from_secs(1),
        });
        let built_in = flags.config.is_none();
        let mut story = Self {
            mesh,
            manifest,
            view,
            seen,
            traffic: Report::default(),
            counting,
            built_in,
        };
        let outcome = story.play(flags).await;
        if let Err(error) = outcome {
            return Err(error.context(logs(&state)));
        }
        story.conclude(flags)
    }

    async fn play(&mut self, flags: &DemoFlags) -> anyhow::Result<()> {
        self.wait_until_running().await?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        let begun = tokio::time::Instant::now();
        let end = tokio::time::sleep_until(
            begun
                + flags
                    .duration
                    .unwrap_or(Duration::from_secs(365 * 24 * 3600)),
        );
        tokio::pin!(end);
        let scale = flags
            .duration
            .unwrap_or(FULL_LENGTH)
            .as_secs_f64()
            .min(FULL_LENGTH.as_secs_f64())
            / FULL_LENGTH.as_secs_f64();
        let mut steps = STEPS
            .iter()
            .filter(|_| self.built_in)
            .copied()
            .collect::<std::collections::VecDeque<_>>();
        loop {
            let next = steps
                .front()
                .map_or(Duration::from_secs(365 * 24 * 3600), |(at, _)| {
                    Duration::from_secs(*at).mul_f64(scale)
                });
            tokio::select! {
                () = &mut end => return Ok(()),
                _ = interrupt.recv() => return Ok(()),
                _ = terminate.recv() => return Ok(()),
                () = tokio::time::sleep_until(begun + next) => {
                    if let Some((_, step)) = steps.pop_front() {
                        self.take(step).await?;
                    }
                }
                event = self.mesh.events.recv() => self.hear(event.context("every pod runtime is gone")?)?,
                _ = tick.tick() => self.show_second(),
            }
        }
    }

    async fn wait_until_running(&mut self) -> anyhow::Result<()> {
        let mut waiting: std::collections::BTreeSet<_> = self.mesh.pods.keys().cloned().collect();
        while !waiting.is_empty() {
            let (pod, event) = self
                .mesh
                .events
                .recv()
                .await
                .context("every pod runtime is gone")?;
            match event {
                Event::Running => drop(waiting.remove(&pod)),
                event @ (Event::Namespaces
                | Event::Line { .. }
                | Event::Exited { .. }
                | Event::Failed { .. }) => {
                    self.hear((pod, event))?;
                }
            }
        }
        self.seen.ready_ms = Some(self.view.elapsed().as_millis());
        self.view.say("every pod is ready");
        for remark in &self.seen.remarks {
            self.view.say(remark);
        }
        if self.built_in {
            self.see_mtls().await?;
        }
        Ok(())
    }

    /// Looks into a server's metrics until they tell of a request over mTLS.
    async fn see_mtls(&mut self) -> anyhow::Result<()> {
        let socket = self.mesh.sockets("server-v1")?.admin;
        for _ in 0..500 {
            let metrics = ask_admin(&socket, "/stats/prometheus")
                .await
                .unwrap_or_default();
            if let Some(pair) = mtls_pair(&metrics) {
                self.seen.first_mtls_ms = Some(self.view.elapsed().as_millis());
                self.view.say(&format!(
                    "first request over mTLS: {} -> {}",
                    pair.0, pair.1
                ));
                self.seen.mtls.push(pair);
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.view.say("no request over mTLS was seen within 10 s");
        Ok(())
    }

    fn hear(&mut self, (pod, event): PodEvent) -> anyhow::Result<()> {
        match event {
            Event::Line { container, line } => match serde_json::from_str::<Report>(&line) {
                Ok(report) if container == "client" => self.count(&report),
                _ => self.view.say(&format!("{pod}/{container}: {line}")),
            },
            Event::Exited { container, status } => {
                self.view.say(&format!("{pod}/{container} ended: {status}"));
                self.mesh.set_ready(&pod, false)?;
            }
            Event::Failed { reason } => bail!("pod {pod} cannot run: {reason}"),
            Event::Running => {
                self.view.say(&format!("{pod} runs again"));
                self.mesh.set_ready(&pod, true)?;
            }
            Event::Namespaces => {}
        }
        Ok(())
    }

    fn count(&mut self, report: &Report) {
        self.seen.add(report);
        let mut sum = Seen::default();
        sum.add(&self.traffic);
        sum.add(report);
        self.traffic = Report {
            answered: sum.answered,
            failed: sum.failed,
            tcp_ok: sum.tcp_ok,
            tcp_failed: sum.tcp_failed,
            ..report.clone()
        };
        match &self.counting {
            Some(Counting::Phase { percent, from }) if Instant::now() > *from => {
                let percent = *percent;
                if self
                    .seen
                    .canary
                    .last()
                    .is_none_or(|phase| phase.wanted_percent != percent)
                {
                    self.seen.canary.push(Phase {
                        wanted_percent: percent,
                        ..Phase::default()
                    });
                }
                let phase = self
                    .seen
                    .canary
                    .last_mut()
                    .expect("one was pushed if there was none");
                for (version, count) in &report.answered {
                    *phase.answered.entry(version.clone()).or_default() += count;
                }
            }
            Some(Counting::Failover) => {
                let failover = self.seen.failover.get_or_insert_with(|| Failover {
                    pod: VICTIM.to_owned(),
                    ..Failover::default()
                });
                failover.answered += report.answered.values().sum::<u64>();
                failover.failed += report.failed.values().sum::<u64>();
            }
            Some(Counting::Phase { .. }) | None => {}
        }
    }

    fn show_second(&mut self) {
        let traffic = std::mem::take(&mut self.traffic);
        if self.built_in && traffic != Report::default() {
            self.view.traffic(&traffic);
        }
    }

    async fn take(&mut self, step: Step) -> anyhow::Result<()> {
        match step {
            Step::Shift(percent) => {
                self.view.say(&format!(
                    "canary: {percent} % of the requests to v2 (VirtualService shop/server)"
                ));
                self.set_weights(percent)?;
                self.counting = Some(Counting::Phase {
                    percent,
                    from: Instant::now() + Duration::from_secs(1),
                });
            }
            Step::Kill => {
                self.view.say(&format!(
                    "failure: {VICTIM} is killed, sidecar and all; the registry does not know yet"
                ));
                self.counting = Some(Counting::Failover);
                self.mesh.kill(VICTIM).await?;
            }
            Step::MarkUnready => {
                self.view
                    .say(&format!("the kubelet finds {VICTIM} not ready"));
                self.mesh.set_ready(VICTIM, false)?;
            }
            Step::Restart => self.mesh.restart(VICTIM).await?,
            Step::CloseFailover => {
                self.counting = None;
                if let Some(failover) = &self.seen.failover {
                    let (answered, failed) = (failover.answered, failover.failed);
                    self.view.say(&format!(
                        "failover: {answered} idempotent requests answered, {failed} failed"
                    ));
                }
            }
            Step::Explain => self.explain().await?,
        }
        Ok(())
    }

    fn set_weights(&mut self, percent: u32) -> anyhow::Result<()> {
        let is_route = |object: &&mut Value| {
            object["kind"] == "VirtualService" && identity(object).1 == "server"
        };
        let route = self
            .manifest
            .objects
            .iter_mut()
            .find(is_route)
            .context("the built-in mesh has a VirtualService server")?;
        route["spec"]["http"][0]["route"][0]["weight"] = json!(100 - percent);
        route["spec"]["http"][0]["route"][1]["weight"] = json!(percent);
        self.mesh.registry.put(route)
    }

    async fn explain(&mut self) -> anyhow::Result<()> {
        let query = crate::explain::query("GET", "http://server/", &[])?;
        let answer = ask_admin(&self.mesh.sockets("client")?.admin, &query).await?;
        let explanation: Value =
            serde_json::from_str(&answer).context("the proxy's explanation is not JSON")?;
        self.view
            .say("explain: tulle explain --from client --to http://server/");
        for line in crate::explain::lines(&explanation) {
            self.view.say(&format!("  {line}"));
        }
        self.seen.explanation = Some(explanation);
        Ok(())
    }

    fn conclude(&self, flags: &DemoFlags) -> anyhow::Result<ExitCode> {
        if flags.json {
            println!("{}", serde_json::to_string_pretty(&self.seen)?);
        }
        let missing = if self.built_in && flags.duration.is_some() {
            self.seen.missing()
        } else {
            Vec::new()
        };
        for line in &missing {
            eprintln!("demo: {line}");
        }
        Ok(if missing.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

/// Source and destination identity of a request that the server's sidecar saw over mTLS.
fn mtls_pair(metrics: &str) -> Option<(String, String)> {
    let label = |line: &str, name: &str| {
        let (_, rest) = line.split_once(&format!("{name}=\""))?;
        Some(rest.split('"').next()?.to_owned())
    };
    let seen = |line: &&str| {
        line.starts_with("istio_requests_total{")
            && line.contains("reporter=\"destination\"")
            && line.contains("connection_security_policy=\"mutual_tls\"")
    };
    let line = metrics.lines().find(seen)?;
    Some((
        label(line, "source_principal")?,
        label(line, "destination_principal")?,
    ))
}

/// The last lines of every log, for an error that ends the demo.
fn logs(state: &std::path::Path) -> String {
    let mut text = String::new();
    let mut files = vec![state.join("control-plane.log")];
    for pod in std::fs::read_dir(state.join("pods"))
        .into_iter()
        .flatten()
        .flatten()
    {
        files.push(pod.path().join("istio-proxy.log"));
    }
    for file in files {
        let log = std::fs::read_to_string(&file).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        for line in &lines[lines.len().saturating_sub(3)..] {
            text.push_str(&format!(
                "{}: {line}\n",
                file.strip_prefix(state).unwrap_or(&file).display()
            ));
        }
    }
    text + "the demo ended early"
}

/// Answers `tulle explain` and `tulle exec` at the door.
async fn answer_door(sockets: std::collections::BTreeMap<String, PodSockets>) {
    let Ok(Some(listener)) = door::take() else {
        return;
    };
    let sockets = std::sync::Arc::new(sockets);
    while let Ok((stream, _)) = listener.accept().await {
        let sockets = sockets.clone();
        // a broken visitor only loses its own answer
        tokio::spawn(async move { door::answer(stream, &sockets).await });
    }
}
