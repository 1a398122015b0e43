//! Requests that look which configuration answers them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::ads::catalogue::VERSION_FIELD;
use crate::exchange::{AUTHORITY, PATH};

const HEADERS: usize = 32;
const PATIENCE: Duration = Duration::from_secs(30);

/// One connection.
#[derive(Debug)]
pub(crate) struct Probe {
    stream: TcpStream,
    request: String,
}

/// What tells configurations apart.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Of the virtual host that answered.
    pub(crate) version: Option<String>,
    /// Of the body.
    pub(crate) length: usize,
}

impl Probe {
    pub(crate) fn connect(to: SocketAddr) -> anyhow::Result<Probe> {
        let stream = TcpStream::connect(to).context("cannot connect")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Probe {
            stream,
            request: format!("GET {PATH} HTTP/1.1\r\nhost: {AUTHORITY}\r\n\r\n"),
        })
    }

    /// Asks, and reads the answer to its end.
    pub(crate) fn ask(&mut self) -> anyhow::Result<Answer> {
        self.stream.write_all(self.request.as_bytes())?;
        let (mut read, mut piece) = (Vec::new(), [0; 16 * 1024]);
        loop {
            if let Some((answer, end)) = parse(&read)?
                && read.len() >= end
            {
                return Ok(answer);
            }
            let count = self.stream.read(&mut piece).context("no answer")?;
            ensure!(count > 0, "the connection was closed before the answer");
            read.extend_from_slice(&piece[..count]);
        }
    }
}

/// The answer and where it ends, once its head is complete.
fn parse(input: &[u8]) -> anyhow::Result<Option<(Answer, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(input)? else {
        return Ok(None);
    };
    ensure!(
        response.code == Some(200),
        "the status is {:?}",
        response.code
    );
    let field = |name: &str| {
        let found = response
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(found.value).ok()
    };
    let length = field("content-length").context("an answer without length")?;
    let length: usize = length.parse().context("a length that is no number")?;
    let version = field(VERSION_FIELD).map(str::to_owned);
    Ok(Some((Answer { version, length }, head + length)))
}
