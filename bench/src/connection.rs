//! A non-blocking socket with what is still to be written to it.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use socket2::{Domain, Socket, Type};

use crate::poller::{Interest, Poller};

/// A socket that is watched by a poller.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    token: usize,
    /// Bytes to write; those before `sent` are written.
    pub(crate) out: Vec<u8>,
    sent: usize,
    interest: Interest,
}

impl Connection {
    /// Begins to connect; the outcome shows at the first read or write.
    pub(crate) fn open(to: SocketAddr, token: usize, poller: &Poller) -> io::Result<Connection> {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM.nonblocking(), None)?;
        match socket.connect(&to.into()) {
            Ok(()) => {}
            Err(error)
                if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {}
            Err(error) => return Err(error),
        }
        Connection::adopt(socket.into(), token, poller)
    }

    /// Takes a connected, non-blocking socket.
    pub(crate) fn adopt(
        stream: TcpStream,
        token: usize,
        poller: &Poller,
    ) -> io::Result<Connection> {
        stream.set_nodelay(true)?;
        poller.add(&stream, token, Interest::Read)?;
        Ok(Connection {
            stream,
            token,
            out: Vec::new(),
            sent: 0,
            interest: Interest::Read,
        })
    }

    /// Reads once; `None` where nothing is there, 0 at the end of the stream.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        would_block(self.stream.read(buffer))
    }

    /// Writes what is to be written, and waits for room where there is too little.
    pub(crate) fn flush(&mut self, poller: &Poller) -> io::Result<()> {
        while self.sent < self.out.len() {
            match would_block(self.stream.write(&self.out[self.sent..]))? {
                Some(count) => self.sent += count,
                None => return self.wait_for(Interest::ReadAndWrite, poller),
            }
        }
        self.out.clear();
        self.sent = 0;
        self.wait_for(Interest::Read, poller)
    }

    /// Writes from `bytes` past the buffer, which must be empty; `None` where there is no room, of which the poller will tell.
    pub(crate) fn write(&mut self, bytes: &[u8], poller: &Poller) -> io::Result<Option<usize>> {
        let written = would_block(self.stream.write(bytes))?;
        let interest = match written {
            Some(_) => Interest::Read,
            None => Interest::ReadAndWrite,
        };
        self.wait_for(interest, poller)?;
        Ok(written)
    }

    /// There is more to write: the poller shall tell when there is room.
    pub(crate) fn more(&mut self, poller: &Poller) -> io::Result<()> {
        self.wait_for(Interest::ReadAndWrite, poller)
    }

    fn wait_for(&mut self, interest: Interest, poller: &Poller) -> io::Result<()> {
        if self.interest != interest {
            self.interest = interest;
            poller.change(&self.stream, self.token, interest)?;
        }
        Ok(())
    }
}

/// What was done; `None` where the socket is not ready.
pub(crate) fn would_block(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(count) => Ok(Some(count)),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
