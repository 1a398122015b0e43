use clap::Parser;

use super::*;

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    flags: Flags,
}

fn config(args: &[&str]) -> Result<Config, CaptureError> {
    let args = ["capture"].iter().chain(args);
    Config::from_flags(Program::try_parse_from(args).expect("flags parse").flags)
}

#[test]
fn the_arguments_of_istios_init_container_are_understood() {
    let args = [
        "-p",
        "15001",
        "-z",
        "15006",
        "-u",
        "1337",
        "-m",
        "REDIRECT",
        "-i",
        "*",
        "-x",
        "",
        "-b",
        "*",
        "-d",
        "15090,15021,15020",
        "--log_output_level=default:info",
    ];
    let config = config(&args).unwrap();
    assert_eq!(config.outbound_ranges, Ranges::All);
    assert_eq!(config.inbound_ports, Ports::All);
    assert_eq!(config.inbound_ports_exclude, [15090, 15021, 15020]);
    assert_eq!(
        config.proxy,
        ProxyOwner::Ids {
            uids: vec![1337],
            gids: vec![1337]
        }
    );
    assert_eq!(config.mode, InterceptionMode::Redirect);
    assert_eq!(config.backend, Backend::Detect);
}

#[test]
fn without_flags_nothing_is_captured() {
    let config = config(&[]).unwrap();
    assert_eq!(config.inbound_ports, Ports::These(vec![]));
    assert_eq!(config.outbound_ranges, Ranges::These(vec![]));
}

#[test]
fn long_forms_spaces_and_go_booleans_are_understood() {
    let args = [
        "--istio-inbound-interception-mode",
        "TPROXY",
        "--istio-service-cidr",
        "10.1.2.3/8, fd00::/8",
        "--istio-local-outbound-ports-exclude",
        " 3306 ,, 6379",
        "--drop-invalid=T",
        "--dry-run",
    ];
    let config = config(&args).unwrap();
    assert_eq!(
        config.mode,
        InterceptionMode::Tproxy {
            mark: 1337,
            table: 133
        }
    );
    let ranges = ["10.0.0.0/8", "fd00::/8"].map(|range| range.parse().unwrap());
    assert_eq!(config.outbound_ranges, Ranges::These(ranges.to_vec()));
    assert_eq!(config.outbound_ports_exclude, [3306, 6379]);
    assert!(config.drop_invalid && config.dry_run);
}

#[test]
fn a_proxy_mark_takes_the_place_of_ids() {
    assert_eq!(
        config(&["-u", "1337", "--proxy-mark", "7"]).unwrap().proxy,
        ProxyOwner::Mark(7)
    );
}

#[test]
fn groups_are_resolved_by_name() {
    let only = config(&["--outbound-owner-groups", "root,1000"])
        .unwrap()
        .groups;
    assert_eq!(only, GroupFilter::Only(vec![0, 1000]));
}

#[test]
fn validation_takes_durations_in_gos_form() {
    let probe = |timeout| {
        config(&["--run-validation", "--probe-timeout", timeout])
            .unwrap()
            .validation
            .unwrap()
    };
    assert_eq!(probe("5s").timeout, Duration::from_secs(5));
    assert_eq!(probe("1m0.5s").timeout, Duration::from_millis(60_500));
    assert_eq!(probe("250ms").port, 15002);
}

#[test]
fn what_cannot_be_honoured_is_refused_by_name() {
    let cases: &[(&[&str], &str)] = &[
        (&["--redirect-dns"], "--redirect-dns is not supported"),
        (
            &["--capture-all-dns=true"],
            "--capture-all-dns is not supported",
        ),
        (&["--cni-mode"], "--cni-mode is not supported"),
        (
            &["-m", "NONE"],
            "--istio-inbound-interception-mode \"NONE\"",
        ),
        (&["-p", "0"], "--envoy-port \"0\""),
        (&["-b", "80,http"], "--istio-inbound-ports \"http\""),
        (&["-i", "10.0.0.0"], "--istio-service-cidr \"10.0.0.0\""),
        (&["-x", "*"], "--istio-service-exclude-cidr \"*\""),
        (&["-u", "proxy"], "--proxy-uid \"proxy\""),
        (
            &["-c", "a-name-that-is-too-long"],
            "--istio-exclude-interfaces",
        ),
        (
            &["--outbound-owner-groups", "no-such-group"],
            "--outbound-owner-groups \"no-such-group\"",
        ),
        (
            &["--outbound-ipv4-loopback-cidr", "10.0.0.0/8"],
            "--outbound-ipv4-loopback-cidr",
        ),
        (&["--proxy-mark", "0"], "--proxy-mark \"0\""),
        (
            &["--proxy-mark", "1337", "-m", "TPROXY"],
            "--proxy-mark \"1337\"",
        ),
        (
            &["--force-iptables-binary", "ebtables"],
            "--force-iptables-binary",
        ),
        (
            &["--force-iptables-binary", "nft", "--native-nftables"],
            "contradicts --native-nftables",
        ),
        (
            &["--run-validation", "--probe-timeout", "soon"],
            "--probe-timeout \"soon\"",
        ),
    ];
    for (args, message) in cases {
        let error = config(args).unwrap_err();
        assert!(error.to_string().contains(message), "{args:?}: {error}");
        assert_eq!(error.exit_code(), 2, "{args:?}");
    }
}
