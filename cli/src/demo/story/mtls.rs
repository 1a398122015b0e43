//! The proof of mutual TLS: what the server's sidecar says of its requests.

use std::time::Duration;

use super::Story;
use crate::demo::mesh::ask_admin;

impl Story {
    /// Looks into a server's metrics until they tell of a request over mTLS.
    pub(super) async fn see_mtls(&mut self) -> anyhow::Result<()> {
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
