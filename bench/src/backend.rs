//! The backend of all scenarios: one thread that answers at once and checks what it is asked.

mod http1;
mod http2;
mod server;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use anyhow::Context;
use socket2::{Domain, Socket, Type};

use crate::connection::Connection;
use crate::exchange::Exchange;
use crate::pattern;
use crate::poller::{Events, Interest, Poller, Ready};
use server::Server;

const BACKLOG: i32 = 4096;
const LISTENER: usize = 0;

/// Starts a backend that ends with the process; where it listens.
pub(crate) fn start(exchange: Exchange, at: SocketAddr) -> anyhow::Result<SocketAddr> {
    let socket = Socket::new(Domain::for_address(at), Type::STREAM.nonblocking(), None)?;
    socket.set_reuse_address(true)?;
    socket
        .bind(&at.into())
        .with_context(|| format!("cannot listen on {at}"))?;
    socket.listen(BACKLOG)?;
    let listener: TcpListener = socket.into();
    let address = listener.local_addr()?;
    let mut backend = Backend {
        exchange,
        listener,
        poller: Poller::new()?,
        slots: vec![None],
        free: Vec::new(),
        buffer: vec![0; pattern::LONGEST],
    };
    backend
        .poller
        .add(&backend.listener, LISTENER, Interest::Read)?;
    thread::Builder::new()
        .name("backend".to_owned())
        .spawn(move || backend.run())?;
    Ok(address)
}

struct Backend {
    exchange: Exchange,
    listener: TcpListener,
    poller: Poller,
    /// By token; the listener's slot stays empty.
    slots: Vec<Option<Open>>,
    free: Vec<usize>,
    buffer: Vec<u8>,
}

struct Open {
    connection: Connection,
    server: Server,
}

impl Backend {
    fn run(&mut self) {
        let mut events = Events::new();
        while self.poller.wait(None, &mut events).is_ok() {
            for ready in events.ready() {
                if ready.token == LISTENER {
                    self.accept();
                } else if !self.serve(ready) {
                    self.slots[ready.token] = None;
                    self.free.push(ready.token);
                }
            }
        }
    }

    fn accept(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            if stream.set_nonblocking(true).is_ok() {
                self.adopt(stream);
            }
        }
    }

    fn adopt(&mut self, stream: TcpStream) {
        let token = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        match Connection::adopt(stream, token, &self.poller) {
            Ok(connection) => {
                let server = Server::new(self.exchange);
                self.slots[token] = Some(Open { connection, server });
            }
            Err(_) => self.free.push(token),
        }
    }

    /// Whether the connection goes on. What goes wrong here is the peer's business, and shows at the client.
    fn serve(&mut self, ready: Ready) -> bool {
        let Some(open) = &mut self.slots[ready.token] else {
            return true;
        };
        let Open { connection, server } = open;
        if ready.readable {
            match connection.read(&mut self.buffer) {
                Ok(Some(0)) | Err(_) => return false,
                Ok(Some(count)) if !server.read(&self.buffer[..count], &mut connection.out) => {
                    // the refusal is written before the connection ends
                    let _ = connection.flush(&self.poller);
                    return false;
                }
                Ok(_) => {}
            }
        }
        connection.flush(&self.poller).is_ok() && server.stream(connection, &self.poller).is_ok()
    }
}
