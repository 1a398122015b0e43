//! What happens in the demo, second by second: traffic, a canary shift, a killed endpoint, an explanation.

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::MissedTickBehavior;

use super::isolation::{self, Isolation};
use super::kubelet::PodEvent;
use super::manifest::Manifest;
use super::mesh::{self, Mesh};
use super::pod::Event;
use super::view::{Seen, View};
use super::{DemoFlags, door};
use crate::app::Report;
use count::Counting;
use steps::{STEPS, Step};

mod count;
mod logs;
mod mtls;
mod steps;

/// How long the story takes when nobody says how long the demo runs.
const FULL_LENGTH: Duration = Duration::from_secs(30);
/// For ever.
const NO_END: Duration = Duration::from_secs(365 * 24 * 3600);
/// Exit code of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

fn word(seen: bool) -> &'static str {
    if seen { "seen" } else { "not seen" }
}

/// Runs the inner process of the demo.
pub(super) fn run(flags: &DemoFlags, isolation: Isolation) -> anyhow::Result<ExitCode> {
    let start = Instant::now();
    let settled = isolation::settle(isolation, flags.state.clone())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let settings = mesh::Settings {
        isolation,
        state: &settled.dir,
        verbose: flags.verbose,
    };
    let told = runtime.block_on(async {
        let mut ending = Ending::listen()?;
        tokio::select! {
            story = Story::begin(flags, settings, View::new(flags.json, start)) => story?.tell(flags, &settled.dir, &mut ending).await,
            () = ending.came() => Ok(ExitCode::from(INTERRUPTED)),
        }
    });
    drop(runtime);
    told
}

/// The signals that end the demo.
struct Ending {
    interrupt: Signal,
    terminate: Signal,
}

impl Ending {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn came(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
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

impl Story {
    /// Starts the mesh and waits until it runs.
    async fn begin(
        flags: &DemoFlags,
        settings: mesh::Settings<'_>,
        view: View,
    ) -> anyhow::Result<Self> {
        let manifest = match &flags.config {
            Some(dir) => Manifest::of_directory(dir)?,
            None => Manifest::built_in()?,
        };
        let described = settings.isolation.describe();
        view.say(&format!(
            "Tulle {}: {} pods, {described}",
            env!("CARGO_PKG_VERSION"),
            manifest.pods.len(),
        ));
        if let Some(reason) = &flags.reason {
            view.say(&format!(
                "explicit ports, because namespaces cannot be had here: {reason}"
            ));
        }
        if let Some(warning) = settings.isolation.warning() {
            view.say(warning);
        }
        for problem in &manifest.problems {
            view.say(problem);
        }
        let outcome = Mesh::start(&manifest, settings).await;
        let mesh = outcome.map_err(|error| error.context(logs::tails(settings.state)))?;
        let sockets = mesh
            .pods
            .keys()
            .map(|pod| Ok((pod.clone(), mesh.sockets(pod)?)))
            .collect::<anyhow::Result<_>>()?;
        tokio::spawn(door::serve(sockets));
        let seen = Seen {
            mode: described,
            reason: flags.reason.clone(),
            remarks: mesh.remarks.clone(),
            ..Seen::default()
        };
        let mut story = Self {
            mesh,
            manifest,
            view,
            seen,
            traffic: Report::default(),
            counting: None,
            built_in: flags.config.is_none(),
        };
        let outcome = story.wait_until_running().await;
        outcome.map_err(|error| error.context(logs::tails(settings.state)))?;
        Ok(story)
    }

    async fn tell(
        mut self,
        flags: &DemoFlags,
        state: &Path,
        ending: &mut Ending,
    ) -> anyhow::Result<ExitCode> {
        let outcome = self.play(flags.duration, ending).await;
        outcome.map_err(|error| error.context(logs::tails(state)))?;
        self.conclude(flags)
    }

    async fn play(
        &mut self,
        duration: Option<Duration>,
        ending: &mut Ending,
    ) -> anyhow::Result<()> {
        self.counting = self.built_in.then_some(Counting::Shift { percent: 0 });
        let mut look = tokio::time::interval(Duration::from_millis(100));
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        let begun = tokio::time::Instant::now();
        let end = tokio::time::sleep_until(begun + duration.unwrap_or(NO_END));
        tokio::pin!(end);
        let length = duration.unwrap_or(FULL_LENGTH).min(FULL_LENGTH);
        let scale = length.as_secs_f64() / FULL_LENGTH.as_secs_f64();
        let told = STEPS.iter().filter(|_| self.built_in);
        let mut steps: VecDeque<_> = told
            .map(|(at, step)| (begun + Duration::from_secs(*at).mul_f64(scale), *step))
            .collect();
        loop {
            let next = steps.front().map_or(begun + NO_END, |(at, _)| *at);
            tokio::select! {
                () = &mut end => return Ok(()),
                () = ending.came() => return Ok(()),
                // a slow machine gets the time that it needs: what comes later comes as much later
                () = tokio::time::sleep_until(next), if !self.is_waiting() => {
                    let late = next.elapsed();
                    let until = end.deadline() + late;
                    end.as_mut().reset(until);
                    steps.iter_mut().for_each(|(at, _)| *at += late);
                    if let Some((_, step)) = steps.pop_front() {
                        self.take_or_tell(step).await;
                    }
                }
                _ = look.tick() => self.notice_shift().await,
                event = self.mesh.events.recv() => self.hear(event.context("every pod runtime is gone")?)?,
                _ = tick.tick() => self.show_second(),
            }
            self.notice_control_plane();
        }
    }

    /// Takes a step; one that fails is not seen, and the story goes on.
    async fn take_or_tell(&mut self, step: Step) {
        if let Err(error) = self.take(step).await {
            self.view.say(&format!("{step:?} failed: {error:#}"));
        }
    }

    /// Says once that the control plane has ended.
    fn notice_control_plane(&mut self) {
        if let Some(status) = self.mesh.control_plane_ended() {
            self.view.say(&format!(
                "the control plane ended: {status}; the sidecars go on with the configuration they have"
            ));
        }
    }

    async fn wait_until_running(&mut self) -> anyhow::Result<()> {
        let mut waiting: BTreeSet<_> = self.mesh.pods.keys().cloned().collect();
        while !waiting.is_empty() {
            let (pod, event) = self
                .mesh
                .events
                .recv()
                .await
                .context("every pod runtime is gone")?;
            match event {
                Event::Running => {
                    self.mesh.set_ready(&pod, true)?;
                    waiting.remove(&pod);
                }
                Event::Gone => bail!("the runtime of pod {pod} ended before the pod was ready"),
                event @ (Event::Namespaces
                | Event::Line { .. }
                | Event::Exited { .. }
                | Event::Failed { .. }) => self.hear((pod, event))?,
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
            Event::Gone => {
                self.view
                    .say(&format!("{pod} is gone: its runtime has ended"));
                self.mesh.set_ready(&pod, false)?;
            }
            Event::Running => {
                self.view.say(&format!("{pod} runs again"));
                self.mesh.set_ready(&pod, true)?;
            }
            Event::Namespaces => {}
        }
        Ok(())
    }

    fn conclude(&self, flags: &DemoFlags) -> anyhow::Result<ExitCode> {
        if flags.json {
            println!("{}", serde_json::to_string_pretty(&self.seen)?);
        }
        if !self.built_in {
            return Ok(ExitCode::SUCCESS);
        }
        let verdict = self.seen.verdict();
        let lines = verdict.map(|(seen, what)| format!("{what}: {}", word(seen)));
        self.view.say(&format!("verdict: {}", lines.join(", ")));
        let failed = flags.duration.is_some() && verdict.iter().any(|(seen, _)| !seen);
        if failed && flags.json {
            eprintln!("demo: {}", lines.join(", "));
        }
        Ok(if failed {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }
}
