//! Two network namespaces joined by a veth pair: ours, where rules are installed, and theirs, the rest of the world.

use std::fs::File;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sched::{CloneFlags, setns, unshare};
use nlink::netlink::addr::{Ipv4Address, Ipv6Address};
use nlink::netlink::link::VethLink;
use nlink::netlink::{Connection, Route};
use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_res_gid, set_thread_res_uid};
use socket2::{Domain, Socket, Type};

pub(super) const PROXY_MARK: u32 = 77;
const PROXY_ID: u32 = 1337;
const PATIENCE: Duration = Duration::from_secs(10);

const OURS_V4: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);
const THEIRS_V4: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 2);
const OURS_V6: Ipv6Addr = Ipv6Addr::new(0xfd99, 0, 0, 0, 0, 0, 0, 1);
const THEIRS_V6: Ipv6Addr = Ipv6Addr::new(0xfd99, 0, 0, 0, 0, 0, 0, 2);

/// Who opens a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum As {
    Application,
    /// Uid and gid 1337.
    Proxy,
    /// `SO_MARK`.
    MarkedProxy,
}

pub(super) struct Pods {
    ours: File,
    theirs: File,
    proxy: As,
}

/// Runs the body in a thread of its own with fresh namespaces, or skips loudly without root.
pub(super) fn with(test: &str, body: impl FnOnce(&Pods) + Send) {
    if !needs_root(test) {
        return;
    }
    std::thread::scope(|scope| {
        scope
            .spawn(|| {
                let pods = Pods::new();
                body(&pods);
            })
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

pub(super) fn needs_root(test: &str) -> bool {
    nix::unistd::geteuid().is_root() || skip(test, "needs root for network namespaces")
}

pub(super) fn has_nft(test: &str) -> bool {
    runs("nft") || skip(test, "needs the nft program (apt-get install nftables)")
}

/// The iptables variants on this machine whose kernel side works.
pub(super) fn installed_iptables(test: &str) -> Vec<&'static str> {
    let found: Vec<_> = ["legacy", "nft"]
        .into_iter()
        .filter(|v| runs(&format!("iptables-{v}-restore")))
        .collect();
    if found.is_empty() {
        skip(test, "needs iptables-restore (apt-get install iptables)");
    }
    found
}

/// Where a program is.
pub(super) fn find(program: &str) -> std::path::PathBuf {
    let folders = ["/usr/sbin", "/sbin", "/usr/bin"];
    let mut places = folders
        .iter()
        .map(|folder| std::path::Path::new(folder).join(program));
    places
        .find(|place| place.exists())
        .unwrap_or_else(|| panic!("{program} is not in {folders:?}"))
}

fn runs(program: &str) -> bool {
    let version = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    version.is_ok_and(|status| status.success())
}

/// Records a skip where the test command counts them; in CI nothing may be skipped.
fn skip(test: &str, why: &str) -> bool {
    assert!(
        std::env::var_os("CI").is_none(),
        "{test}: {why}, and in CI nothing is skipped"
    );
    eprintln!("SKIPPED {test}: {why}");
    let skips = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/skips");
    std::fs::create_dir_all(&skips).unwrap();
    std::fs::write(skips.join(test), format!("{why}\n")).unwrap();
    false
}

impl Pods {
    fn new() -> Self {
        let theirs = fresh_namespace();
        let ours = fresh_namespace();
        let pods = Self {
            ours,
            theirs,
            proxy: As::Proxy,
        };
        let there = pods.theirs.try_clone().unwrap();
        pods.ours(|| {
            on_link(async |link| {
                let veth = VethLink::new("eth0", "eth0").peer_netns_fd(&there);
                link.add_link(veth).await.unwrap();
                address(&link, OURS_V4, OURS_V6).await;
            });
        });
        pods.theirs(|| on_link(async |link| address(&link, THEIRS_V4, THEIRS_V6).await));
        pods
    }

    pub(super) fn proxy_marks_its_sockets(&self) -> Self {
        let (ours, theirs) = (
            self.ours.try_clone().unwrap(),
            self.theirs.try_clone().unwrap(),
        );
        Self {
            ours,
            theirs,
            proxy: As::MarkedProxy,
        }
    }

    /// Remote address, local address and wildcard, per family.
    pub(super) fn addresses(&self) -> [(IpAddr, IpAddr, IpAddr); 2] {
        [
            (
                THEIRS_V4.into(),
                OURS_V4.into(),
                Ipv4Addr::UNSPECIFIED.into(),
            ),
            (
                THEIRS_V6.into(),
                OURS_V6.into(),
                Ipv6Addr::UNSPECIFIED.into(),
            ),
        ]
    }

    pub(super) fn their_path(&self) -> String {
        format!(
            "/proc/{}/fd/{}",
            std::process::id(),
            self.theirs.as_raw_fd()
        )
    }

    pub(super) fn ours<T>(&self, body: impl FnOnce() -> T) -> T {
        PROXY.set(self.proxy);
        setns(&self.ours, CloneFlags::CLONE_NEWNET).unwrap();
        body()
    }

    pub(super) fn theirs<T>(&self, body: impl FnOnce() -> T) -> T {
        setns(&self.theirs, CloneFlags::CLONE_NEWNET).unwrap();
        let result = body();
        setns(&self.ours, CloneFlags::CLONE_NEWNET).unwrap();
        result
    }
}

thread_local! {
    /// What "as the proxy" means in the namespace entered last.
    static PROXY: std::cell::Cell<As> = const { std::cell::Cell::new(As::Proxy) };
}

fn fresh_namespace() -> File {
    unshare(CloneFlags::CLONE_NEWNET).unwrap();
    File::open("/proc/thread-self/ns/net").unwrap()
}

fn on_link(body: impl AsyncFnOnce(Connection<Route>)) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async { body(Connection::<Route>::new().unwrap()).await });
}

async fn address(link: &Connection<Route>, v4: Ipv4Addr, v6: Ipv6Addr) {
    link.set_link_up("lo").await.unwrap();
    link.add_address(Ipv4Address::new("eth0", v4, 24))
        .await
        .unwrap();
    link.add_address(Ipv6Address::new("eth0", v6, 64).nodad())
        .await
        .unwrap();
    link.set_link_up("eth0").await.unwrap();
}

pub(super) fn listen(ip: IpAddr, port: u16) -> Socket {
    listener(ip, port, |_| {})
}

pub(super) fn listen_transparent(ip: IpAddr, port: u16) -> Socket {
    listener(ip, port, |socket| match ip {
        IpAddr::V4(_) => socket.set_ip_transparent_v4(true).unwrap(),
        IpAddr::V6(_) => socket.set_ip_transparent_v6(true).unwrap(),
    })
}

fn listener(ip: IpAddr, port: u16, prepare: impl FnOnce(&Socket)) -> Socket {
    let address = SocketAddr::new(ip, port);
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    if ip.is_ipv6() {
        socket.set_only_v6(true).unwrap();
    }
    socket.set_reuse_address(true).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    prepare(&socket);
    socket.bind(&address.into()).unwrap();
    socket.listen(16).unwrap();
    socket
}

/// Opens a connection and drops it; where it arrived is the listener's to say.
pub(super) fn connect(to: SocketAddr, who: As) {
    let who = if who == As::Proxy { PROXY.get() } else { who };
    let socket = match who {
        As::Application | As::MarkedProxy => {
            Socket::new(Domain::for_address(to), Type::STREAM, None).unwrap()
        }
        As::Proxy => {
            as_proxy_user(|| Socket::new(Domain::for_address(to), Type::STREAM, None).unwrap())
        }
    };
    if who == As::MarkedProxy {
        socket.set_mark(PROXY_MARK).unwrap();
    }
    socket
        .connect_timeout(&to.into(), PATIENCE)
        .unwrap_or_else(|error| panic!("connecting to {to}: {error}"));
}

/// A socket belongs to whom its thread was when it was made.
fn as_proxy_user<T>(body: impl FnOnce() -> T) -> T {
    let (root, group) = (Uid::ROOT, Gid::ROOT);
    set_thread_res_gid(None, Gid::from_raw(PROXY_ID), group).unwrap();
    set_thread_res_uid(None, Uid::from_raw(PROXY_ID), root).unwrap();
    let result = body();
    set_thread_res_uid(None, root, root).unwrap();
    set_thread_res_gid(None, group, group).unwrap();
    result
}

/// Takes the connection that must have arrived; its original destination, or where it was accepted if not redirected.
pub(super) fn arrived(listener: &Socket) -> SocketAddr {
    let (stream, _) = listener.accept().expect("a connection arrives here");
    let local = stream.local_addr().unwrap().as_socket().unwrap();
    let original = if local.is_ipv4() {
        stream.original_dst_v4()
    } else {
        stream.original_dst_v6()
    };
    original
        .ok()
        .and_then(|address| address.as_socket())
        .unwrap_or(local)
}

/// Local and peer address of the connection that must have arrived.
pub(super) fn accept(listener: &Socket) -> (SocketAddr, SocketAddr) {
    let (stream, peer) = listener.accept().expect("a connection arrives here");
    (
        stream.local_addr().unwrap().as_socket().unwrap(),
        peer.as_socket().unwrap(),
    )
}

/// What `iptables-save` shows of ours.
pub(super) fn iptables_rules(variant: &str) -> Vec<String> {
    let output = Command::new(format!("iptables-{variant}-save"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .filter(|line| line.contains("ISTIO"))
        .map(str::to_owned)
        .collect()
}

pub(super) fn check_nft_script(script: &str) {
    let mut nft = Command::new("nft")
        .args(["-c", "-f", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    nft.stdin
        .take()
        .unwrap()
        .write_all(script.as_bytes())
        .unwrap();
    assert!(nft.wait().unwrap().success(), "nft refuses:\n{script}");
}
