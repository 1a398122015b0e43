//! Starts pod runtimes, hears what they say and gives them orders.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::Context;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;

use super::network::bridge;
use super::pod::{Event, Order, PodSpec};

/// What a pod said.
pub(super) type PodEvent = (String, Event);

/// A pod that runs.
#[derive(Debug)]
pub(super) struct Pod {
    pub(super) spec: PodSpec,
    orders: ChildStdin,
    _runtime: Child,
}

impl Pod {
    /// Starts the runtime and, once its namespaces are there and connected, its containers.
    pub(super) async fn start(
        spec: PodSpec,
        index: u8,
        events: mpsc::Sender<PodEvent>,
    ) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&spec.dir)?;
        let file: PathBuf = spec.dir.join("spec.json");
        std::fs::write(&file, serde_json::to_vec(&spec)?)?;
        let mut runtime = Command::new("/proc/self/exe")
            .arg0("tulle")
            .arg("demo-pod")
            .arg(&file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0) // Ctrl-C in a terminal is the demo's business
            .kill_on_drop(true)
            .spawn()
            .context("cannot start a pod runtime")?;
        let orders = runtime.stdin.take().context("standard input is piped")?;
        let mut lines =
            BufReader::new(runtime.stdout.take().context("standard output is piped")?).lines();
        let first = lines
            .next_line()
            .await?
            .with_context(|| format!("the runtime of pod {} ended at once", spec.name))?;
        anyhow::ensure!(
            serde_json::from_str::<Event>(&first)? == Event::Namespaces,
            "pod {}: {first}",
            spec.name
        );
        if spec.files.is_some() {
            bridge::connect(index, runtime.id().context("the runtime has not ended")?).await?;
        }
        let name = spec.name.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let Ok(event) = serde_json::from_str(&line) else {
                    continue;
                };
                if events.send((name.clone(), event)).await.is_err() {
                    return;
                }
            }
            // nobody listens any more when the demo ends
            let _ = events.send((name, Event::Gone)).await;
        });
        let mut pod = Self {
            spec,
            orders,
            _runtime: runtime,
        };
        pod.order(Order::Start).await?;
        Ok(pod)
    }

    /// Gives an order.
    pub(super) async fn order(&mut self, order: Order) -> anyhow::Result<()> {
        let line = serde_json::to_string(&order)? + "\n";
        self.orders
            .write_all(line.as_bytes())
            .await
            .with_context(|| format!("the runtime of pod {} is gone", self.spec.name))
    }
}
