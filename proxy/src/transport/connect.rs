//! Opening connections to endpoints: the socket with its options, and TLS where the endpoint's transport wants it.

use super::raw::Raw;
use super::socket::Socket;
use super::stream::{Stream, Upstream};
use super::{UpstreamTransport, tls};
use socket2::{Domain, Protocol, SockRef, TcpKeepalive, Type};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpSocket, UnixStream};

/// Where an endpoint listens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// An IP address and TCP port.
    Ip(SocketAddr),
    /// The path of a Unix socket; a leading `@` means the abstract name space.
    Unix(Arc<Path>),
}

/// TCP keep-alive probes; what is absent is the kernel's default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Keepalive {
    /// Silence before the first probe.
    pub time: Option<Duration>,
    /// Time between probes.
    pub interval: Option<Duration>,
    /// Unanswered probes until the connection is given up.
    pub probes: Option<u32>,
}

/// What to observe when a connection is opened.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// Limit for everything, the TLS handshake included.
    pub timeout: Duration,
    /// Local address to bind to (`127.0.0.6` for inbound traffic of a sidecar); port 0 lets the kernel choose.
    pub source: Option<SocketAddr>,
    /// Bind to `source` even if it is not an address of this machine.
    pub freebind: bool,
    /// `SO_MARK`, which keeps the proxy's own traffic out of the redirect rules.
    pub mark: Option<u32>,
    /// Keep-alive probes; `None` leaves them off.
    pub keepalive: Option<Keepalive>,
    /// Application protocols to offer instead of those of the TLS context, in order of preference.
    pub alpn: Option<Arc<[Box<[u8]>]>>,
    /// Server name to ask for instead of that of the TLS context.
    pub sni: Option<Arc<str>>,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(5),
            source: None,
            freebind: false,
            mark: None,
            keepalive: None,
            alpn: None,
            sni: None,
        }
    }
}

/// A connection that did not come about. Nothing was delivered: it is always safe to try another endpoint.
#[derive(Debug, thiserror::Error)]
#[error("connecting to {to}: {failure}")]
pub struct ConnectError {
    /// The endpoint.
    pub to: Address,
    /// Why.
    #[source]
    pub failure: ConnectFailure,
}

/// Why a connection did not come about.
#[derive(Debug, thiserror::Error)]
pub enum ConnectFailure {
    /// The configured time passed first.
    #[error("no connection within {0:?}")]
    TimedOut(Duration),
    /// The socket could not be made, bound or connected.
    #[error("{doing}: {source}")]
    Socket {
        /// The step that failed.
        doing: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The TLS handshake failed.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
}

/// Opens a connection to an endpoint through the transport of its cluster.
///
/// The future is large; callers on the request path keep it in a box.
///
/// # Errors
/// [`ConnectError`] with the address and the step that failed.
pub async fn connect(
    to: &Address,
    transport: &UpstreamTransport,
    options: &ConnectOptions,
) -> Result<Upstream, ConnectError> {
    let attempt = open(to, transport, options);
    match tokio::time::timeout(options.timeout, attempt).await {
        Ok(Ok(upstream)) => Ok(upstream),
        Ok(Err(failure)) => Err(ConnectError {
            to: to.clone(),
            failure,
        }),
        Err(_elapsed) => Err(ConnectError {
            to: to.clone(),
            failure: ConnectFailure::TimedOut(options.timeout),
        }),
    }
}

async fn open(
    to: &Address,
    transport: &UpstreamTransport,
    options: &ConnectOptions,
) -> Result<Upstream, ConnectFailure> {
    let raw = match to {
        Address::Ip(addr) => Raw::Tcp(tcp(*addr, options).await?),
        Address::Unix(path) => {
            Raw::Unix(unix(path).await.map_err(during("connecting the socket"))?)
        }
    };
    let socket = Socket::new(raw);
    match transport {
        UpstreamTransport::Plain => Ok(Upstream::new(Stream::Plain(socket), None)),
        UpstreamTransport::Tls(context) => {
            let (stream, facts) = context.connect(socket, options).await?;
            Ok(Upstream::new(stream, Some(facts)))
        }
    }
}

async fn tcp(
    to: SocketAddr,
    options: &ConnectOptions,
) -> Result<tokio::net::TcpStream, ConnectFailure> {
    let socket = socket2::Socket::new(
        Domain::for_address(to),
        Type::STREAM.nonblocking().cloexec(),
        Some(Protocol::TCP),
    )
    .map_err(during("making a socket"))?;
    configure(&socket, to, options).map_err(during("setting socket options"))?;
    if let Some(source) = options.source {
        bind(&socket, source, options.freebind).map_err(during("binding to the source address"))?;
    }
    TcpSocket::from_std_stream(socket.into())
        .connect(to)
        .await
        .map_err(during("connecting the socket"))
}

fn configure(socket: &socket2::Socket, to: SocketAddr, options: &ConnectOptions) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    if let Some(mark) = options.mark {
        socket.set_mark(mark)?;
    }
    if let Some(keepalive) = options.keepalive {
        set_keepalive(&SockRef::from(socket), keepalive)?;
    }
    if options.freebind {
        match to {
            SocketAddr::V4(_) => socket.set_freebind_v4(true)?,
            SocketAddr::V6(_) => socket.set_freebind_v6(true)?,
        }
    }
    Ok(())
}

/// Turns keep-alive probes on.
pub(crate) fn set_keepalive(socket: &SockRef<'_>, keepalive: Keepalive) -> io::Result<()> {
    let mut params = TcpKeepalive::new();
    if let Some(time) = keepalive.time {
        params = params.with_time(time);
    }
    if let Some(interval) = keepalive.interval {
        params = params.with_interval(interval);
    }
    if let Some(probes) = keepalive.probes {
        params = params.with_retries(probes);
    }
    socket.set_tcp_keepalive(&params)
}

/// Binds to the source address. The port is left for `connect` to choose, so that one local port can serve many
/// destinations.
fn bind(socket: &socket2::Socket, source: SocketAddr, freebind: bool) -> io::Result<()> {
    if freebind || source.port() == 0 {
        socket.set_reuse_address(true)?;
    }
    socket.bind(&source.into())
}

async fn unix(path: &Path) -> io::Result<UnixStream> {
    use std::os::linux::net::SocketAddrExt as _;
    let Some(name) = path.to_str().and_then(|path| path.strip_prefix('@')) else {
        return UnixStream::connect(path).await;
    };
    let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
    let stream = std::os::unix::net::UnixStream::connect_addr(&address)?;
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}

fn during(doing: &'static str) -> impl Fn(io::Error) -> ConnectFailure {
    move |source| ConnectFailure::Socket { doing, source }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Ip(addr) => addr.fmt(f),
            Address::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(addr: SocketAddr) -> Self {
        Address::Ip(addr)
    }
}
