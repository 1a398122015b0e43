//! Proof that the rules are in effect: a connection to a loopback address where nobody listens must arrive at one of the
//! proxy's ports, with its original destination remembered. What Istio's `istio-validation` container does.
//!
//! Only traffic of the proxy's user takes that path, so validation runs as that user (or with that mark).

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::{sleep, timeout};

use super::config::{Config, ProbeConfig, ProxyOwner};
use super::error::CaptureError;

/// Between two attempts to connect.
const RETRY: Duration = Duration::from_millis(200);

pub(super) async fn run(config: &Config, probe: &ProbeConfig) -> Result<(), CaptureError> {
    let outbound = listen(config.outbound_port)?;
    let inbound = listen(config.inbound_port)?;
    let target = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 6), probe.port));
    let arrived = async {
        tokio::select! {
            done = arrive(&outbound, target) => done,
            done = arrive(&inbound, target) => done,
            never = keep_connecting(config, target) => never,
        }
    };
    match timeout(probe.timeout, arrived).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(not_captured(target, error.to_string())),
        Err(_) => {
            let ports = format!(
                "neither port {} nor {}",
                config.outbound_port, config.inbound_port
            );
            Err(not_captured(
                target,
                format!("{ports} saw it in {:?}", probe.timeout),
            ))
        }
    }
}

fn not_captured(target: SocketAddr, what: String) -> CaptureError {
    let hint = "run it as the proxy's user";
    CaptureError::NotCaptured {
        problem: format!("a connection to {target} was not redirected: {what} ({hint})"),
    }
}

fn listen(port: u16) -> Result<TcpListener, CaptureError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    reusable(address).map_err(|error| CaptureError::NotCaptured {
        problem: format!(
            "cannot listen on {address} to look for the redirected connection: {error}"
        ),
    })
}

fn reusable(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(16)?;
    TcpListener::from_std(socket.into())
}

/// Ends when a connection arrives that was meant for `target`.
async fn arrive(listener: &TcpListener, target: SocketAddr) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let original = SockRef::from(&stream).original_dst_v4()?.as_socket();
        if original == Some(target) {
            return Ok(());
        }
    }
}

/// Connects until dropped; a refused connection is tried again, since rules may be on their way.
async fn keep_connecting(config: &Config, target: SocketAddr) -> io::Result<()> {
    loop {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)))?;
        if let ProxyOwner::Mark(mark) = config.proxy {
            SockRef::from(&socket).set_mark(mark)?;
        }
        if let Err(error) = socket.connect(target).await {
            tracing::debug!("validation: connecting to {target}: {error}");
        }
        sleep(RETRY).await;
    }
}
