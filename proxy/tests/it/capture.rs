//! Capture in real network namespaces: which listener a connection arrives at, and what it was meant for.

mod fallback;
mod pods;

use std::net::SocketAddr;

use clap::Parser;
use nlink::netlink::nftables::Family;
use nlink::netlink::{Connection, Nftables};
use tulle_proxy::capture::{self, CaptureError, Flags};

use pods::{As, Pods, needs_root};

const OUTBOUND: u16 = 15001;
const INBOUND: u16 = 15006;
/// A port that nothing in the rules knows of.
const APP: u16 = 8080;

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    flags: Flags,
}

fn flags(args: &str) -> Flags {
    let args = std::iter::once("capture").chain(args.split_whitespace());
    Program::try_parse_from(args).unwrap().flags
}

fn install(args: &str) {
    capture::run(flags(args)).unwrap();
}

fn our_tables() -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        Connection::<Nftables>::new()
            .unwrap()
            .list_tables_in(Family::Inet)
            .await
            .unwrap()
            .len()
    })
}

fn rule_count(table: &str) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let connection = Connection::<Nftables>::new().unwrap();
        connection
            .list_rules(table, Family::Inet)
            .await
            .unwrap()
            .len()
    })
}

/// Redirect works both ways, with every exclusion, whichever backend installed the rules.
fn redirects_as_istio_does(pods: &Pods) {
    for (remote, local, any) in pods.addresses() {
        let outbound = pods.ours(|| pods::listen(any, OUTBOUND));
        let inbound = pods.ours(|| pods::listen(any, INBOUND));
        let meant = SocketAddr::new(remote, APP);
        pods.ours(|| pods::connect(meant, As::Application));
        assert_eq!(pods::arrived(&outbound), meant, "outbound is captured");

        let there = pods.theirs(|| pods::listen(any, APP));
        pods.ours(|| pods::connect(meant, As::Proxy));
        pods::arrived(&there);

        let excluded = SocketAddr::new(remote, 3306);
        let database = pods.theirs(|| pods::listen(any, 3306));
        pods.ours(|| pods::connect(excluded, As::Application));
        pods::arrived(&database);

        let meant = SocketAddr::new(local, APP);
        pods.theirs(|| pods::connect(meant, As::Application));
        assert_eq!(pods::arrived(&inbound), meant, "inbound is captured");

        let health = pods.ours(|| pods::listen(any, 15021));
        pods.theirs(|| pods::connect(SocketAddr::new(local, 15021), As::Application));
        pods::arrived(&health);

        pods.ours(|| pods::connect(meant, As::Proxy));
        assert_eq!(
            pods::arrived(&inbound),
            meant,
            "the proxy's call to its own pod is inbound"
        );

        let application = pods.ours(|| pods::listen(any, APP));
        pods.ours(|| pods::connect(meant, As::Application));
        pods::arrived(&application);
    }
}

const REDIRECT: &str = "-m REDIRECT -i * -b * -d 15090,15021,15020 -o 3306";

#[test]
fn nftables_redirects_by_the_proxys_user() {
    pods::with("nftables_redirects_by_the_proxys_user", |pods| {
        pods.ours(|| install(&format!("-u 1337 -g 1337 --native-nftables {REDIRECT}")));
        redirects_as_istio_does(pods);
    });
}

#[test]
fn nftables_redirects_by_the_proxys_mark() {
    pods::with("nftables_redirects_by_the_proxys_mark", |pods| {
        let pods = &pods.proxy_marks_its_sockets();
        pods.ours(|| {
            install(&format!(
                "--proxy-mark {} --native-nftables {REDIRECT}",
                pods::PROXY_MARK
            ))
        });
        redirects_as_istio_does(pods);
    });
}

#[test]
fn iptables_redirects_where_it_is_forced() {
    for variant in pods::installed_iptables("iptables_redirects_where_it_is_forced") {
        pods::with("iptables_redirects_where_it_is_forced", |pods| {
            let args = format!("-u 1337 --force-iptables-binary {variant} {REDIRECT}");
            pods.ours(|| install(&args));
            pods.ours(|| install(&args));
            redirects_as_istio_does(pods);
            pods.ours(|| install(&format!("{args} --cleanup-only")));
            let remote = pods.addresses()[0].0;
            let meant = SocketAddr::new(remote, APP);
            let there = pods.theirs(|| pods::listen(pods.addresses()[0].2, APP));
            pods.ours(|| pods::connect(meant, As::Application));
            pods::arrived(&there);
            assert_eq!(
                pods.ours(|| pods::iptables_rules(variant)),
                Vec::<String>::new()
            );
        });
    }
}

#[test]
fn excluded_ranges_go_direct() {
    pods::with("excluded_ranges_go_direct", |pods| {
        let (remote, _, any) = pods.addresses()[0];
        pods.ours(|| install(&format!("-u 1337 -i * -x {remote}/32")));
        let there = pods.theirs(|| pods::listen(any, APP));
        pods.ours(|| pods::connect(SocketAddr::new(remote, APP), As::Application));
        pods::arrived(&there);
    });
}

#[test]
fn tproxy_keeps_both_addresses() {
    pods::with("tproxy_keeps_both_addresses", |pods| {
        let args = "-u 1337 -m TPROXY -i * -b * -d 15021";
        pods.ours(|| install(args));
        pods.ours(|| install(args));
        for (remote, local, any) in pods.addresses() {
            let inbound = pods.ours(|| pods::listen_transparent(any, INBOUND));
            let meant = SocketAddr::new(local, APP);
            pods.theirs(|| pods::connect(meant, As::Application));
            let (at, from) = pods::accept(&inbound);
            assert_eq!((at, from.ip()), (meant, remote));
        }
        pods.ours(|| install(&format!("{args} --cleanup-only")));
        assert_eq!(pods.ours(our_tables), 0);
    });
}

#[test]
fn applying_twice_is_the_same_as_once_and_cleaning_leaves_nothing() {
    pods::with(
        "applying_twice_is_the_same_as_once_and_cleaning_leaves_nothing",
        |pods| {
            let args = format!("-u 1337 {REDIRECT}");
            pods.ours(|| install(&args));
            let once = pods.ours(|| rule_count("istio-proxy-nat"));
            pods.ours(|| install(&args));
            assert_eq!(pods.ours(|| rule_count("istio-proxy-nat")), once);
            pods.ours(|| install(&format!("{args} --drop-invalid")));
            assert_eq!(pods.ours(our_tables), 2);
            pods.ours(|| install(&args));
            assert_eq!(
                pods.ours(our_tables),
                1,
                "the mangle table is no longer wanted"
            );
            pods.ours(|| install("--cleanup-only"));
            assert_eq!(pods.ours(our_tables), 0);
            pods.ours(|| install("--cleanup-only"));
        },
    );
}

#[test]
fn validation_tells_whether_rules_are_in_effect() {
    pods::with("validation_tells_whether_rules_are_in_effect", |pods| {
        let args = format!("--proxy-mark 7 {REDIRECT} --run-validation");
        pods.ours(|| install(&args));
        pods.ours(|| install("--cleanup-only"));
        let missing = flags(&format!("{args} --skip-rule-apply --probe-timeout 300ms"));
        let error = pods.ours(|| capture::run(missing)).unwrap_err();
        assert!(matches!(error, CaptureError::NotCaptured { .. }), "{error}");
        assert_eq!(error.exit_code(), 126);
    });
}

#[test]
fn the_dry_runs_script_is_valid_for_nft() {
    if !needs_root("the_dry_runs_script_is_valid_for_nft")
        || !pods::has_nft("the_dry_runs_script_is_valid_for_nft")
    {
        return;
    }
    pods::with("the_dry_runs_script_is_valid_for_nft", |pods| {
        for args in [
            REDIRECT,
            "-m TPROXY -i 10.0.0.0/8,fd00::/8 -b 80 -c eth9 -k net1 --drop-invalid",
        ] {
            let config = capture::Config::from_flags(flags(&format!("-u 1337 {args}"))).unwrap();
            let script = capture::nft_script(&capture::rules(&config));
            pods.ours(|| pods::check_nft_script(&script));
        }
    });
}

#[test]
fn rules_go_into_the_named_namespace() {
    pods::with("rules_go_into_the_named_namespace", |pods| {
        let args = format!("-u 1337 --network-namespace {}", pods.their_path());
        pods.ours(|| install(&args));
        assert_eq!(pods.ours(our_tables), 0);
        assert_eq!(pods.theirs(our_tables), 1);
    });
}
