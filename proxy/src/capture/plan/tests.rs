use clap::Parser;

use super::*;
use crate::capture::Flags;
use crate::capture::script::nft_script;

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    flags: Flags,
}

fn planned(args: &str) -> RuleSet {
    let args = std::iter::once("capture").chain(args.split_whitespace());
    let flags = Program::try_parse_from(args).unwrap().flags;
    rules(&Config::from_flags(flags).unwrap())
}

/// The rules of a chain as the nft script shows them, without counters.
fn chain(args: &str, table: &str, chain: &str) -> Vec<String> {
    let script = nft_script(&planned(args));
    script
        .lines()
        .skip_while(|line| *line != format!("table inet {table} {{"))
        .skip_while(|line| *line != format!("  chain {chain} {{"))
        .skip(1)
        .take_while(|line| *line != "  }")
        .map(|line| line.trim().replace("counter ", ""))
        .collect()
}

#[test]
fn inbound_redirect_leaves_out_the_tunnel_and_the_excluded_ports() {
    let args = "-u 1337 -b * -d 15090,15021";
    assert_eq!(
        chain(args, "istio-proxy-nat", "prerouting"),
        ["meta l4proto tcp jump istio-inbound"]
    );
    assert_eq!(
        chain(args, "istio-proxy-nat", "istio-inbound"),
        [
            "tcp dport 15008 return",
            "tcp dport 15090 return",
            "tcp dport 15021 return",
            "meta l4proto tcp jump istio-in-redirect"
        ]
    );
    assert_eq!(
        chain(args, "istio-proxy-nat", "istio-in-redirect"),
        ["meta l4proto tcp redirect to :15006"]
    );
}

#[test]
fn inbound_ports_may_be_listed() {
    assert_eq!(
        chain(
            "-u 1337 -b 80,443 -z 16000",
            "istio-proxy-nat",
            "istio-inbound"
        ),
        [
            "tcp dport 15008 return",
            "tcp dport 80 jump istio-in-redirect",
            "tcp dport 443 jump istio-in-redirect"
        ]
    );
}

#[test]
fn no_inbound_ports_means_no_inbound_capture() {
    assert!(chain("-u 1337", "istio-proxy-nat", "prerouting").is_empty());
}

#[test]
fn outbound_capture_keeps_istios_order() {
    assert_eq!(
        chain(
            "-u 1337 -g 1338 -i * -x 10.9.0.0/16 -o 22 -q 9000",
            "istio-proxy-nat",
            "istio-output"
        ),
        [
            "tcp dport 22 return",
            "udp dport 22 return",
            "oifname \"lo\" ip saddr 127.0.0.6/32 return",
            "oifname \"lo\" ip6 saddr ::6/128 return",
            "oifname \"lo\" ip daddr != 127.0.0.1/32 meta l4proto tcp tcp dport != 15008 meta skuid 1337 jump istio-in-redirect",
            "oifname \"lo\" ip6 daddr != ::1/128 meta l4proto tcp tcp dport != 15008 meta skuid 1337 jump istio-in-redirect",
            "oifname \"lo\" meta skuid != 1337 return",
            "meta skuid 1337 return",
            "oifname \"lo\" ip daddr != 127.0.0.1/32 meta l4proto tcp tcp dport != 15008 meta skgid 1338 jump istio-in-redirect",
            "oifname \"lo\" ip6 daddr != ::1/128 meta l4proto tcp tcp dport != 15008 meta skgid 1338 jump istio-in-redirect",
            "oifname \"lo\" meta skgid != 1338 return",
            "meta skgid 1338 return",
            "ip daddr 127.0.0.1/32 return",
            "ip6 daddr ::1/128 return",
            "ip daddr 10.9.0.0/16 return",
            "tcp dport 9000 jump istio-redirect",
            "jump istio-redirect",
        ]
    );
}

#[test]
fn a_socket_mark_stands_for_the_proxy() {
    let rules = chain("--proxy-mark 77 -i *", "istio-proxy-nat", "istio-output");
    assert!(
        rules.contains(&"meta mark 77 return".to_owned()),
        "{rules:#?}"
    );
    assert!(
        rules.contains(&"oifname \"lo\" meta mark != 77 return".to_owned()),
        "{rules:#?}"
    );
    assert!(
        !rules
            .iter()
            .any(|rule| rule.contains("skuid") || rule.contains("skgid")),
        "{rules:#?}"
    );
}

#[test]
fn listed_ranges_are_captured_and_no_others() {
    let rules = chain(
        "-u 1337 -i 10.0.0.0/8,fd00::/8",
        "istio-proxy-nat",
        "istio-output",
    );
    let last = &rules[rules.len() - 2..];
    assert_eq!(
        last,
        [
            "ip daddr 10.0.0.0/8 jump istio-redirect",
            "ip6 daddr fd00::/8 jump istio-redirect"
        ]
    );
}

#[test]
fn asking_for_a_loopback_range_captures_the_applications_loopback_calls() {
    let rules = chain("-u 1337 -i 127.0.0.0/8", "istio-proxy-nat", "istio-output");
    assert!(
        !rules.iter().any(|rule| rule.contains("skuid != 1337")),
        "{rules:#?}"
    );
}

#[test]
fn groups_narrow_what_is_captured() {
    let except = chain(
        "-u 1 --outbound-owner-groups-exclude 8,9 -i *",
        "istio-proxy-nat",
        "istio-output",
    );
    assert!(except.contains(&"meta skgid 8 return".to_owned()));
    let only = chain(
        "-u 1 --outbound-owner-groups 8,9 -i *",
        "istio-proxy-nat",
        "istio-output",
    );
    assert!(only.contains(&"meta skgid != 8 meta skgid != 9 return".to_owned()));
}

#[test]
fn interfaces_are_left_out_or_treated_as_guests() {
    let args = "-u 1337 -i 10.0.0.0/8 -b * -c eth1 -k net1";
    assert_eq!(
        chain(args, "istio-proxy-nat", "prerouting"),
        [
            "iifname \"net1\" ip daddr 10.0.0.0/8 jump istio-redirect",
            "iifname \"net1\" return",
            "iifname \"eth1\" return",
            "meta l4proto tcp jump istio-inbound"
        ]
    );
    assert_eq!(
        chain(args, "istio-proxy-nat", "output"),
        ["oifname \"eth1\" return", "jump istio-output"]
    );
}

#[test]
fn tproxy_keeps_istios_order_in_the_mangle_table() {
    let args = "-u 1337 -m TPROXY -b * -d 15020 -i *";
    let table = "istio-proxy-mangle";
    assert_eq!(
        chain(args, table, "istio-inbound"),
        [
            "meta l4proto tcp meta mark 1337 return",
            "meta l4proto tcp ip saddr 127.0.0.6/32 iifname \"lo\" return",
            "meta l4proto tcp ip6 saddr ::6/128 iifname \"lo\" return",
            "meta l4proto tcp iifname \"lo\" meta mark != 1338 return",
            "tcp dport 15008 return",
            "tcp dport 15020 return",
            "meta l4proto tcp ct state established,related jump istio-divert",
            "meta l4proto tcp jump istio-tproxy",
        ]
    );
    assert_eq!(
        chain(args, table, "istio-tproxy"),
        [
            "meta l4proto tcp ip daddr != 127.0.0.1/32 tproxy ip to :15006 meta mark set 1337 accept",
            "meta l4proto tcp ip6 daddr != ::1/128 tproxy ip6 to :15006 meta mark set 1337 accept",
        ]
    );
    let saved = "meta l4proto tcp meta mark 1337 ct mark set meta mark";
    assert_eq!(
        chain(args, table, "prerouting"),
        ["meta l4proto tcp jump istio-inbound", saved]
    );
    let restored = chain(args, table, "output");
    assert_eq!(
        restored.last().unwrap(),
        "meta l4proto tcp ct mark 1337 meta mark set ct mark"
    );
}

#[test]
fn invalid_packets_are_dropped_only_on_request() {
    assert!(chain("-u 1337", "istio-proxy-mangle", "istio-drop").is_empty());
    assert_eq!(
        chain("-u 1337 --drop-invalid", "istio-proxy-mangle", "istio-drop"),
        ["drop"]
    );
}
