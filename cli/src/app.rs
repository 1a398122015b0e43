//! The small programs that the demo runs as applications: a server, a TCP service, a client that keeps asking.

use clap::Subcommand;

mod client;
mod ledger;
mod server;

pub(crate) use client::Report;

/// One of the demo's applications.
#[derive(Debug, Subcommand)]
pub(crate) enum App {
    /// Answer HTTP/1.1 and HTTP/2 requests with the name and version of the server and what it saw
    Server(server::ServerFlags),
    /// Answer each line with a receipt, over plain TCP, the greeting first
    Ledger(ledger::LedgerFlags),
    /// Send requests at a constant rate and report what came back, a JSON line each half second
    Client(client::ClientFlags),
}

/// Runs one application until it is killed.
pub(crate) fn run(app: App) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match app {
            App::Server(flags) => server::run(flags).await,
            App::Ledger(flags) => ledger::run(flags).await,
            App::Client(flags) => client::run(flags).await,
        }
    })
}
