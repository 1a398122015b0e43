//! A connection of the backend, whatever it speaks.

use std::io;

use super::http1::Http1;
use super::http2::Http2;
use crate::connection::Connection;
use crate::exchange::Exchange;
use crate::pattern;
use crate::poller::Poller;

/// How much one connection sends before others have their turn.
const TURN: usize = 1 << 20;

/// What is spoken on a connection.
#[derive(Debug)]
pub(crate) enum Server {
    Http1(Http1),
    Http2(Box<Http2>),
    Echo,
    Download { position: u64, asked: bool },
}

impl Server {
    pub(crate) fn new(exchange: Exchange) -> Server {
        match exchange {
            Exchange::Http1 { response, .. } => Server::Http1(Http1::new(response)),
            Exchange::Http2 { response } => Server::Http2(Box::new(Http2::get(response))),
            Exchange::Grpc => Server::Http2(Box::new(Http2::call())),
            Exchange::Echo { .. } => Server::Echo,
            Exchange::Download => Server::Download {
                position: 0,
                asked: false,
            },
        }
    }

    /// Reads and answers; whether the connection goes on.
    pub(crate) fn read(&mut self, input: &[u8], out: &mut Vec<u8>) -> bool {
        match self {
            Server::Http1(server) => server.read(input, out),
            Server::Http2(server) => server.read(input, out).is_ok(),
            Server::Echo => {
                out.extend_from_slice(input);
                true
            }
            Server::Download { asked, .. } => {
                *asked = true;
                true
            }
        }
    }

    /// Sends more of what has no end.
    pub(crate) fn stream(
        &mut self,
        connection: &mut Connection,
        poller: &Poller,
    ) -> io::Result<()> {
        let Server::Download {
            position,
            asked: true,
        } = self
        else {
            return Ok(());
        };
        let end = *position + TURN as u64;
        while *position < end {
            let Some(count) =
                connection.write(pattern::from(*position, pattern::LONGEST), poller)?
            else {
                return Ok(());
            };
            *position += count as u64;
        }
        connection.more(poller)
    }
}
