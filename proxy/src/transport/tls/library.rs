//! The TLS library's unbuffered connection, one step at a time: it makes the handshakes, and all of TLS 1.2.

use crate::transport::buffer::{ReadAhead, Size};
use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use rustls::{CommonState, Error};
use std::fmt;

/// Our side of a connection.
pub(super) enum Role {
    /// We connected.
    Client(UnbufferedClientConnection),
    /// We accepted.
    Server(UnbufferedServerConnection),
}

/// Where a step puts what it makes.
pub(super) struct Sinks<'a> {
    /// What is to be sent. There must be room for a record.
    pub(super) out: &'a mut ReadAhead,
    /// Application data that was received.
    pub(super) plaintext: &'a mut Vec<u8>,
}

/// What to do once nothing else is left to do.
#[derive(Debug, Clone, Copy)]
pub(super) enum Task<'a> {
    /// Nothing.
    Wait,
    /// Seal this, which must fit in one record.
    Seal(&'a [u8]),
    /// Seal the notice that we have sent all.
    Close,
}

/// What a step has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Something; there may be more.
    Again,
    /// The other side has said that it has sent all.
    PeerClosed,
    /// The task, where the handshake is over. More comes of more input.
    Done,
}

impl Role {
    /// What both roles can tell.
    pub(super) fn common(&self) -> &CommonState {
        match self {
            Role::Client(client) => client,
            Role::Server(server) => server,
        }
    }

    /// One step, with the records in `incoming`; also says how many bytes at its beginning were used.
    pub(super) fn step(
        &mut self,
        incoming: &mut [u8],
        task: Task<'_>,
        sinks: &mut Sinks<'_>,
    ) -> (usize, Result<Step, Error>) {
        match self {
            Role::Client(client) => step(client.process_tls_records(incoming), task, sinks),
            Role::Server(server) => step(server.process_tls_records(incoming), task, sinks),
        }
    }

    /// Puts what the library has to say of its error into the sink.
    pub(super) fn last_words(&mut self, incoming: &mut ReadAhead, sinks: &mut Sinks<'_>) {
        while self.common().wants_write() {
            let (used, step) = self.step(incoming.bytes_mut(), Task::Wait, sinks);
            incoming.consume(used);
            if step.is_err() {
                return;
            }
        }
    }
}

fn step<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    task: Task<'_>,
    sinks: &mut Sinks<'_>,
) -> (usize, Result<Step, Error>) {
    let UnbufferedStatus { mut discard, state } = status;
    let step = state.and_then(|state| act(state, &mut discard, task, sinks));
    (discard, step)
}

fn act<Data>(
    state: ConnectionState<'_, '_, Data>,
    discard: &mut usize,
    task: Task<'_>,
    sinks: &mut Sinks<'_>,
) -> Result<Step, Error> {
    match state {
        ConnectionState::EncodeTlsData(mut message) => {
            let room = sinks.out.spare(Size::Usual);
            let count = message.encode(room).map_err(|error| no_room(&error))?;
            sinks.out.filled(count);
            Ok(Step::Again)
        }
        // It waits in the sink, from which it is sent before anything else.
        ConnectionState::TransmitTlsData(sent) => {
            sent.done();
            Ok(Step::Again)
        }
        ConnectionState::ReadTraffic(mut traffic) => {
            while let Some(record) = traffic.next_record() {
                let record = record?;
                *discard += record.discard;
                sinks.plaintext.extend_from_slice(record.payload);
            }
            Ok(Step::Again)
        }
        ConnectionState::WriteTraffic(mut traffic) => {
            let count = match task {
                Task::Wait => return Ok(Step::Done),
                Task::Seal(bytes) => traffic.encrypt(bytes, sinks.out.spare(Size::Usual)),
                Task::Close => traffic.queue_close_notify(sinks.out.spare(Size::Usual)),
            };
            sinks.out.filled(count.map_err(|error| unsealed(&error))?);
            Ok(Step::Done)
        }
        ConnectionState::PeerClosed => Ok(Step::PeerClosed),
        ConnectionState::BlockedHandshake | ConnectionState::Closed => match task {
            Task::Wait | Task::Close => Ok(Step::Done),
            Task::Seal(_) => Err(Error::General("nothing can be sealed now".into())),
        },
        ConnectionState::ReadEarlyData(_) => {
            Err(Error::General("early data, which we do not take".into()))
        }
        _ => Err(Error::General("a state that is not known here".into())),
    }
}

fn no_room(error: &EncodeError) -> Error {
    Error::General(error.to_string())
}

fn unsealed(error: &EncryptError) -> Error {
    Error::General(error.to_string())
}

/// Nothing of a connection belongs in a log.
impl fmt::Debug for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Client(_) => "Client",
            Role::Server(_) => "Server",
        })
    }
}
