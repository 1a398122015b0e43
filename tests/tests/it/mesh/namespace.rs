//! Network namespaces that end with the test.

use std::fs::File;
use std::io;
use std::net::Ipv4Addr;

use nix::sched::{CloneFlags, setns, unshare};
use nlink::netlink::addr::Ipv4Address;
use nlink::netlink::link::VethLink;
use nlink::netlink::route::Ipv4Route;
use nlink::netlink::{Connection, Route};

/// A network namespace with a working loopback. It has no name: it is gone when nothing uses it any more.
pub(crate) struct Namespace {
    handle: File,
}

impl Namespace {
    /// # Errors
    /// When this user may not make namespaces.
    pub(crate) fn new() -> io::Result<Self> {
        let made = std::thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET)?;
            File::open("/proc/thread-self/ns/net")
        });
        let namespace = Self {
            handle: made.join().unwrap()?,
        };
        namespace.block_on(async || rtnetlink().set_link_up("lo").await.unwrap());
        Ok(namespace)
    }

    /// Runs `work` on a thread inside; threads and processes that it starts stay inside.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let outcome = std::thread::scope(|scope| {
            let inside = scope.spawn(|| {
                setns(&self.handle, CloneFlags::CLONE_NEWNET).unwrap();
                work()
            });
            inside.join()
        });
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Runs an async `work` on a runtime of one thread inside.
    pub(crate) fn block_on<T: Send>(&self, work: impl AsyncFnOnce() -> T + Send) -> T {
        self.run(|| {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            runtime.enable_all().build().unwrap().block_on(work())
        })
    }

    /// A runtime whose one thread is inside, for servers that outlive a call.
    pub(crate) fn runtime(&self) -> tokio::runtime::Runtime {
        self.run(|| {
            let mut runtime = tokio::runtime::Builder::new_multi_thread();
            runtime.worker_threads(1).enable_all().build().unwrap()
        })
    }

    /// Gives the loopback interface one more address.
    pub(crate) fn add_local(&self, address: Ipv4Addr) {
        self.block_on(async || {
            let address = Ipv4Address::new("lo", address, 32);
            rtnetlink().add_address(address).await.unwrap();
        });
    }

    /// Lets packets pass between the interfaces.
    pub(crate) fn forward(&self) {
        self.run(|| std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap());
    }

    /// Joins `other` by a pair of interfaces: `name` here at `network`.1, `eth0` there at `network`.2, and everything
    /// that `other` has no better route for goes here.
    pub(crate) fn join(&self, other: &Self, name: &str, network: [u8; 3]) {
        let [a, b, c] = network;
        let (here, there) = (Ipv4Addr::new(a, b, c, 1), Ipv4Addr::new(a, b, c, 2));
        self.block_on(async || {
            let netlink = rtnetlink();
            let pair = VethLink::new(name, "eth0").peer_netns_fd(&other.handle);
            netlink.add_link(pair).await.unwrap();
            let address = Ipv4Address::new(name, here, 24);
            netlink.add_address(address).await.unwrap();
            netlink.set_link_up(name).await.unwrap();
        });
        other.block_on(async || {
            let netlink = rtnetlink();
            let address = Ipv4Address::new("eth0", there, 24);
            netlink.add_address(address).await.unwrap();
            netlink.set_link_up("eth0").await.unwrap();
            let route = Ipv4Route::default_route().gateway(here);
            netlink.add_route(route).await.unwrap();
        });
    }
}

fn rtnetlink() -> Connection<Route> {
    Connection::<Route>::new().unwrap()
}
