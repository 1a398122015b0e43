//! The steps of the story: a canary shift, a killed endpoint, an explanation.

use anyhow::Context;
use serde_json::{Value, json};

use super::Story;
use super::count::Counting;
use crate::demo::manifest::identity;
use crate::explain::{self, Asked};

/// The pod that is killed.
pub(super) const VICTIM: &str = "server-v2-0";

/// What happens, and when in a story of full length.
pub(super) const STEPS: [(u64, Step); 8] = [
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
pub(super) enum Step {
    Shift(u32),
    Kill,
    MarkUnready,
    Restart,
    CloseFailover,
    Explain,
}

impl Story {
    /// Takes a step.
    pub(super) async fn take(&mut self, step: Step) -> anyhow::Result<()> {
        match step {
            Step::Shift(percent) => {
                self.view.say(&format!(
                    "canary: {percent} % of the requests to v2 (VirtualService shop/server)"
                ));
                self.set_weights(percent)?;
                self.counting = Some(Counting::Shift { percent });
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

    /// What the client's sidecar makes of a request.
    pub(super) async fn explanation(&self) -> anyhow::Result<Value> {
        let asked = Asked::new("GET", "http://server/", &[])?;
        let answer = self.mesh.sockets("client")?.explain(&asked).await?;
        serde_json::from_str(&answer).context("the proxy's explanation is not JSON")
    }

    async fn explain(&mut self) -> anyhow::Result<()> {
        let explanation = self.explanation().await?;
        self.view
            .say("explain: tulle explain --from client --to http://server/");
        for line in explain::lines(&explanation) {
            self.view.say(&format!("  {line}"));
        }
        self.seen.explanation = Some(explanation);
        Ok(())
    }
}
