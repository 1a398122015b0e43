//! One exchange over a connection of its own: whether everything on the path works.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::client::Client;
use crate::exchange::Exchange;

const PATIENCE: Duration = Duration::from_secs(5);

/// Connects, asks and waits for the right answer.
pub(crate) fn ping(to: SocketAddr, exchange: Exchange) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(to).with_context(|| format!("cannot connect to {to}"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    ask(&mut stream, exchange)
}

/// Asks over a connection that exists.
pub(crate) fn ask(stream: &mut TcpStream, exchange: Exchange) -> anyhow::Result<()> {
    let (mut out, mut answers) = (Vec::new(), Vec::new());
    let mut client = Client::new(exchange);
    client.begin(Instant::now(), &mut out);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        stream.write_all(&out)?;
        out.clear();
        let count = stream.read(&mut buffer).context("no answer")?;
        ensure!(count > 0, "the connection was closed before the answer");
        client.read(&buffer[..count], &mut out, &mut answers)?;
        if !answers.is_empty() || exchange == Exchange::Download {
            return Ok(());
        }
    }
}
