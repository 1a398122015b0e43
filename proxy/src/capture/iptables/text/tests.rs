use clap::Parser;

use super::*;
use crate::capture::{Config, Flags, rules};

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    flags: Flags,
}

fn planned(args: &str) -> RuleSet {
    let args = std::iter::once("capture").chain(args.split_whitespace());
    rules(&Config::from_flags(Program::try_parse_from(args).unwrap().flags).unwrap())
}

#[test]
fn a_fresh_table_gets_chains_one_jump_per_hook_and_the_familys_rules() {
    let script = replace("", &planned("-u 1337 -i * -b 80"), AddressFamily::V6);
    let expected = "\
*nat
:ISTIO_HOOK_OUTPUT - [0:0]
:ISTIO_HOOK_PREROUTING - [0:0]
:ISTIO_INBOUND - [0:0]
:ISTIO_IN_REDIRECT - [0:0]
:ISTIO_OUTPUT - [0:0]
:ISTIO_REDIRECT - [0:0]
-A PREROUTING -j ISTIO_HOOK_PREROUTING
-A ISTIO_HOOK_PREROUTING -p tcp -j ISTIO_INBOUND
-A OUTPUT -j ISTIO_HOOK_OUTPUT
-A ISTIO_HOOK_OUTPUT -j ISTIO_OUTPUT
-A ISTIO_INBOUND -p tcp --dport 15008 -j RETURN
-A ISTIO_INBOUND -p tcp --dport 80 -j ISTIO_IN_REDIRECT
-A ISTIO_OUTPUT -o lo -s ::6/128 -j RETURN
-A ISTIO_OUTPUT -p tcp -o lo ! -d ::1/128 ! --dport 15008 -m owner --uid-owner 1337 -j ISTIO_IN_REDIRECT
-A ISTIO_OUTPUT -o lo -m owner ! --uid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -m owner --uid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -p tcp -o lo ! -d ::1/128 ! --dport 15008 -m owner --gid-owner 1337 -j ISTIO_IN_REDIRECT
-A ISTIO_OUTPUT -o lo -m owner ! --gid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -m owner --gid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -d ::1/128 -j RETURN
-A ISTIO_OUTPUT -j ISTIO_REDIRECT
-A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports 15001
-A ISTIO_IN_REDIRECT -p tcp -j REDIRECT --to-ports 15006
COMMIT
";
    assert_eq!(script, expected);
}

#[test]
fn what_an_earlier_run_left_goes_and_what_others_own_stays() {
    let saved = "\
*nat
:PREROUTING ACCEPT [0:0]
:DOCKER - [0:0]
:ISTIO_INBOUND - [0:0]
-A PREROUTING -p tcp -j ISTIO_INBOUND
-A PREROUTING -j DOCKER
-A ISTIO_INBOUND -p tcp -m tcp --dport 15008 -j RETURN
COMMIT
*filter
:ISTIO_UNRELATED_TABLE - [0:0]
COMMIT
";
    let script = replace(saved, &RuleSet::default(), AddressFamily::V4);
    let expected = "*nat\n:ISTIO_INBOUND - [0:0]\n-D PREROUTING -p tcp -j ISTIO_INBOUND\n-X ISTIO_INBOUND\nCOMMIT\n";
    assert_eq!(script, expected);
}

#[test]
fn nothing_installed_and_nothing_wanted_is_no_script() {
    assert_eq!(
        replace(
            "*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n",
            &RuleSet::default(),
            AddressFamily::V4
        ),
        ""
    );
}
