//! The listening sockets of the process: bound when a listener is accepted from configuration, kept while any listener
//! uses their address, so that a changed listener loses no connection.

use super::{Bind, ListenAddress, Listener};
use parking_lot::Mutex;
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;

/// A socket that could not be bound.
#[derive(Debug, thiserror::Error)]
#[error(
    "listener {listener} cannot bind {address}: {source}; is another program or proxy using the port?"
)]
pub struct BindError {
    /// The listener.
    pub listener: Arc<str>,
    /// The address it wants.
    pub address: SocketAddr,
    /// The kernel's answer.
    pub source: io::Error,
}

/// All listening sockets by the address that configuration names.
#[derive(Debug, Default)]
pub struct Sockets {
    bound: Mutex<HashMap<ListenAddress, Arc<TcpListener>>>,
}

impl Sockets {
    /// No sockets yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Binds what a listener needs and is not bound yet; if any address fails, none stays bound for it. To be called before the
    /// listener is put in force, so that a failure refuses that one resource.
    ///
    /// # Errors
    /// [`BindError`] names the address.
    pub fn bind(&self, listener: &Listener) -> Result<(), BindError> {
        if !listener.bind.bind_to_port {
            return Ok(());
        }
        let mut bound = self.bound.lock();
        let mut new = Vec::new();
        for address in &listener.addresses {
            if bound.contains_key(address) {
                continue;
            }
            let socket = listen(address, &listener.bind).map_err(|source| BindError {
                listener: Arc::clone(&listener.name),
                address: address.addr,
                source,
            })?;
            new.push((*address, Arc::new(socket)));
        }
        bound.extend(new);
        Ok(())
    }

    /// The socket of an address.
    pub(crate) fn get(&self, address: &ListenAddress) -> Option<Arc<TcpListener>> {
        self.bound.lock().get(address).cloned()
    }

    /// Forgets the sockets of all other addresses; they close when their acceptors end.
    pub(crate) fn keep_only(&self, wanted: impl Fn(&ListenAddress) -> bool) {
        self.bound.lock().retain(|address, _| wanted(address));
    }

    /// Where the socket of a configured address really listens: differs where the port is 0.
    pub fn local_addr(&self, address: &ListenAddress) -> Option<SocketAddr> {
        self.get(address)?.local_addr().ok()
    }
}

fn listen(address: &ListenAddress, bind: &Bind) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address.addr),
        Type::STREAM.nonblocking().cloexec(),
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    if bind.reuse_port {
        socket.set_reuse_port(true)?;
    }
    match address.addr.ip() {
        IpAddr::V4(_) => {
            socket
                .set_ip_transparent_v4(bind.transparent)
                .or_else(unless(bind.transparent))?;
            socket.set_freebind_v4(bind.freebind)?;
        }
        IpAddr::V6(_) => {
            socket.set_only_v6(!address.ipv4_compat)?;
            socket
                .set_ip_transparent_v6(bind.transparent)
                .or_else(unless(bind.transparent))?;
            socket.set_freebind_v6(bind.freebind)?;
        }
    }
    socket.bind(&address.addr.into())?;
    socket.listen(i32::try_from(bind.backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

/// Turning off what was never on needs no privilege that we could lack.
fn unless(wanted: bool) -> impl Fn(io::Error) -> io::Result<()> {
    move |error| if wanted { Err(error) } else { Ok(()) }
}
