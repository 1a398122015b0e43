//! A connection of the generator, whatever it speaks.

use std::time::Instant;

use super::http1::Http1;
use super::http2::Http2;
use super::tcp::{Download, Echo};
use crate::exchange::Exchange;

/// What is spoken on a connection, and what it waits for.
#[derive(Debug)]
pub(crate) enum Client {
    Http1 {
        client: Http1,
        intended: Option<Instant>,
    },
    Http2(Box<Http2>),
    Echo {
        client: Echo,
        intended: Option<Instant>,
    },
    Download {
        client: Download,
        asked: bool,
    },
}

impl Client {
    pub(crate) fn new(exchange: Exchange) -> Client {
        match exchange {
            Exchange::Http1 { heads, response } => Client::Http1 {
                client: Http1::new(heads, response),
                intended: None,
            },
            Exchange::Http2 { response } => Client::Http2(Box::new(Http2::get(response))),
            Exchange::Grpc => Client::Http2(Box::new(Http2::call())),
            Exchange::Echo { size } => Client::Echo {
                client: Echo::new(size),
                intended: None,
            },
            Exchange::Download => Client::Download {
                client: Download::default(),
                asked: false,
            },
        }
    }

    /// Sends a request that was due at `due`.
    pub(crate) fn begin(&mut self, due: Instant, out: &mut Vec<u8>) {
        match self {
            Client::Http1 { client, intended } => {
                *intended = Some(due);
                client.begin(out);
            }
            Client::Http2(client) => client.begin(due, out),
            Client::Echo { client, intended } => {
                *intended = Some(due);
                client.begin(out);
            }
            Client::Download { asked, .. } => {
                *asked = true;
                Download::begin(out);
            }
        }
    }

    /// Reads what came.
    pub(crate) fn read(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
        answers: &mut Vec<Instant>,
    ) -> anyhow::Result<()> {
        match self {
            Client::Http1 { client, intended } => {
                if client.read(input)? {
                    answers.extend(intended.take());
                }
            }
            Client::Http2(client) => client.read(input, out, answers)?,
            Client::Echo { client, intended } => {
                if client.read(input)? {
                    answers.extend(intended.take());
                }
            }
            Client::Download { client, .. } => client.read(input)?,
        }
        Ok(())
    }

    /// Takes the times of all requests that are not answered; a download never is, and is not among them.
    pub(crate) fn abandon(&mut self) -> Vec<Instant> {
        match self {
            Client::Http1 { intended, .. } | Client::Echo { intended, .. } => {
                intended.take().into_iter().collect()
            }
            Client::Http2(client) => client.abandon(),
            Client::Download { .. } => Vec::new(),
        }
    }

    /// Whether nothing is asked for: the peer may close such a connection.
    pub(crate) fn is_idle(&self) -> bool {
        match self {
            Client::Http1 { intended, .. } | Client::Echo { intended, .. } => intended.is_none(),
            Client::Http2(client) => client.in_flight() == 0,
            Client::Download { asked, .. } => !asked,
        }
    }
}
