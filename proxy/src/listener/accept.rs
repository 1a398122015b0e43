//! Accepting connections: one worker accepts from a socket and hands each connection to the worker with the fewest, so
//! that few long-lived connections still spread.

use super::active::Active;
use super::dispatch::Shared;
use super::original_dst::canonical;
use super::serve::{self, Arrival};
use crate::drain;
use crate::transport::set_keepalive;
use crate::worker::{Job, Load, Thread};
use arc_swap::ArcSwapOption;
use socket2::SockRef;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// How long accepting rests when the process has run out of file descriptors.
const REST: Duration = Duration::from_millis(50);

/// Everything that accepting from one socket needs.
pub(crate) struct Acceptor {
    pub(crate) socket: Arc<TcpListener>,
    pub(crate) slot: Arc<ArcSwapOption<Active>>,
    pub(crate) stop: drain::Signal,
    pub(crate) shared: Arc<Shared>,
}

impl Acceptor {
    /// The acceptor as a job for some worker.
    pub(crate) fn into_job(self) -> Job {
        Box::new(move |worker| {
            tokio::task::spawn_local(self.run(worker));
        })
    }

    async fn run(self, worker: Rc<Thread>) {
        let listener = self
            .socket
            .try_clone()
            .and_then(tokio::net::TcpListener::from_std);
        let listener = match listener {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(%error, "cannot accept from a listening socket");
                return;
            }
        };
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.stop.draining() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((socket, peer)) => self.place(socket, peer, &worker),
                Err(error) if is_about_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "accepting rests for a moment");
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }

    /// Gives a connection to the worker with the fewest.
    fn place(&self, socket: TcpStream, peer: SocketAddr, worker: &Rc<Thread>) {
        let Some(active) = self.slot.load_full() else {
            return;
        };
        if let Err(error) = configure(&socket, &active) {
            tracing::debug!(%error, %peer, "the client was gone before it was served");
            return;
        }
        let arrival = Arrival {
            peer: canonical(peer),
            active,
            shared: Arc::clone(&self.shared),
        };
        let (least, load) = self.shared.workers.least_loaded(worker.id());
        if least == worker.id() {
            start(socket, arrival, load, worker);
            return;
        }
        let socket = match socket.into_std() {
            Ok(socket) => socket,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be handed to another worker");
                return;
            }
        };
        let job: Job = Box::new(move |worker| match TcpStream::from_std(socket) {
            Ok(socket) => start(socket, arrival, load, &worker),
            Err(error) => tracing::warn!(%error, "a connection could not be taken over"),
        });
        if let Err(job) = self.shared.workers.send(least, job) {
            job(Rc::clone(worker));
        }
    }
}

/// Begins to serve a connection.
///
/// Invariant: nothing here blocks or panics. It runs in the loop of the worker, between two polls of its tasks: all its
/// connections would wait, or end with it.
fn start(socket: TcpStream, arrival: Arrival, load: Load, worker: &Rc<Thread>) {
    let peer = arrival.peer;
    match serve::arrive(socket, arrival) {
        Ok((arrived, record)) => {
            let serving = serve::serve(arrived, record, load, Rc::clone(worker));
            tokio::task::spawn_local(serving);
        }
        Err(error) => {
            tracing::debug!(%error, %peer, "the client was gone before it was served");
        }
    }
}

fn configure(socket: &TcpStream, active: &Active) -> io::Result<()> {
    let socket = SockRef::from(socket);
    socket.set_tcp_nodelay(true)?;
    match active.listener.bind.keepalive {
        Some(keepalive) => set_keepalive(&socket, keepalive),
        None => Ok(()),
    }
}

/// Errors that accept(2) reports for the connection it would have returned, not for the socket.
fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionReset, HostUnreachable, Interrupted, NetworkDown,
        NetworkUnreachable, PermissionDenied,
    };
    matches!(
        error.kind(),
        ConnectionAborted
            | ConnectionReset
            | HostUnreachable
            | Interrupted
            | NetworkDown
            | NetworkUnreachable
            | PermissionDenied
    )
}
