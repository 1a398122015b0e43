//! Where a redirected connection was going before the redirect rules changed its destination.

use socket2::SockRef;
use std::io;
use std::net::SocketAddr;
use tokio::net::TcpStream;

/// The destination the client meant: asked from connection tracking for redirected connections; for transparent ones
/// (TPROXY) it is the local address itself, and so it is where nothing was redirected.
///
/// # Errors
/// If the socket has no local address, which means it is already closed.
pub(crate) fn original_dst(socket: &TcpStream) -> io::Result<SocketAddr> {
    let local = canonical(socket.local_addr()?);
    let asked = match local {
        SocketAddr::V4(_) => SockRef::from(socket).original_dst_v4(),
        SocketAddr::V6(_) => SockRef::from(socket).original_dst_v6(),
    };
    Ok(asked
        .ok()
        .and_then(|address| address.as_socket())
        .map_or(local, canonical))
}

/// IPv4 addresses as such, also where an IPv6 socket took the connection.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn without_redirection_the_destination_is_the_local_address() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).await.unwrap();
            let address = listener.local_addr().unwrap();
            let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
            assert_eq!(original_dst(&accepted.unwrap().0).unwrap(), address);
            drop(client);
        }
    }
}
