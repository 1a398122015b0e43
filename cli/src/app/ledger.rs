//! The TCP service of the demo: it speaks first, as databases do, then answers line by line.

use std::net::{IpAddr, SocketAddr};

use clap::Args;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Flags of `tulle app ledger`.
#[derive(Debug, Args)]
pub(crate) struct LedgerFlags {
    /// Port to listen on
    #[arg(long, default_value_t = 9000)]
    port: u16,
    /// Address to listen on
    #[arg(long, default_value = "0.0.0.0")]
    address: IpAddr,
}

/// The first line of every connection.
pub(super) const GREETING: &str = "ledger ready";

pub(super) async fn run(flags: LedgerFlags) -> anyhow::Result<()> {
    let listener = TcpListener::bind(SocketAddr::new(flags.address, flags.port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(stream));
    }
}

async fn serve(stream: TcpStream) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(format!("{GREETING}\n").as_bytes()).await?;
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        stream
            .write_all(format!("recorded {line}").as_bytes())
            .await?;
        line.clear();
    }
    Ok(())
}
