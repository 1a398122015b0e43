//! Outbound capture, the same in every mode.

use ipnet::IpNet;

use super::address_family::AddressFamily;
use super::config::{Config, GroupFilter, Ranges};
use super::inbound::{TCP, tcp_port};
use super::plan::owners;
use super::rule::{Action, ChainName, Match, Rule, RuleSet, TableName, Test, Transport};

const TO_PROXY: Action = Action::Jump(ChainName::Redirect);

pub(super) fn over_loopback() -> Match {
    Match::Is(Test::OutInterface("lo".to_owned()))
}

/// The range that is the application's own loopback in that family.
pub(super) fn loopback(config: &Config, family: AddressFamily) -> IpNet {
    match family {
        AddressFamily::V4 => config.loopback_v4.into(),
        AddressFamily::V6 => IpNet::from(std::net::IpAddr::from(std::net::Ipv6Addr::LOCALHOST)),
    }
}

/// What arrives by a virtual interface is a guest's outbound traffic; what of it is not captured is left alone.
pub(super) fn reroute_virtual_interfaces(config: &Config, rules: &mut RuleSet) {
    for name in &config.reroute_interfaces {
        let from_guest = Match::Is(Test::InInterface(name.clone()));
        let mut push = |rule| rules.push(TableName::Nat, ChainName::Prerouting, rule);
        match &config.outbound_ranges {
            Ranges::All => push(Rule::new([from_guest.clone()], TO_PROXY)),
            Ranges::These(ranges) => {
                for range in ranges {
                    let to = Match::Is(Test::Destination(*range));
                    push(Rule::new([from_guest.clone(), to], TO_PROXY));
                }
            }
        }
        push(Rule::new([from_guest], Action::Return));
    }
}

pub(super) fn capture(config: &Config, rules: &mut RuleSet) {
    let mut push = |rule| rules.push(TableName::Nat, ChainName::Outbound, rule);
    leave_out_ports(config, &mut push);
    leave_out_proxy(config, &mut push);
    leave_out_groups(&config.groups, &mut push);
    leave_out_ranges(config, &mut push);
    for port in &config.outbound_ports {
        push(Rule::new([tcp_port(*port)], TO_PROXY));
    }
    match &config.outbound_ranges {
        Ranges::All => push(Rule::always(TO_PROXY)),
        Ranges::These(ranges) => {
            for range in ranges {
                push(Rule::new([Match::Is(Test::Destination(*range))], TO_PROXY));
            }
        }
    }
    let to_proxy = Rule::new([TCP], Action::Redirect(config.outbound_port));
    rules.push(TableName::Nat, ChainName::Redirect, to_proxy);
    let everything = Rule::always(Action::Jump(ChainName::Outbound));
    rules.push(TableName::Nat, ChainName::Output, everything);
}

fn leave_out_ports(config: &Config, push: &mut impl FnMut(Rule)) {
    for port in &config.outbound_ports_exclude {
        for transport in [Transport::Tcp, Transport::Udp] {
            push(Rule::new(
                [Match::Is(Test::Port(transport, *port))],
                Action::Return,
            ));
        }
    }
}

/// The proxy's traffic is not captured, but for one case: a call to its own pod's address goes through the inbound
/// listener like a call from anywhere else. The application's calls to itself over loopback stay direct.
fn leave_out_proxy(config: &Config, push: &mut impl FnMut(Rule)) {
    for family in AddressFamily::BOTH {
        let source = Match::Is(Test::Source(family.passthrough_source()));
        push(Rule::new([over_loopback(), source], Action::Return));
    }
    for owner in owners(&config.proxy) {
        for family in AddressFamily::BOTH {
            let matches = [
                over_loopback(),
                Match::Not(Test::Destination(loopback(config, family))),
                TCP,
                Match::Not(Test::Port(Transport::Tcp, config.tunnel_port)),
                Match::Is(owner.clone()),
            ];
            push(Rule::new(matches, Action::Jump(ChainName::InRedirect)));
        }
        if !config.captures_loopback() {
            push(Rule::new(
                [over_loopback(), Match::Not(owner.clone())],
                Action::Return,
            ));
        }
        push(Rule::new([Match::Is(owner)], Action::Return));
    }
}

fn leave_out_groups(groups: &GroupFilter, push: &mut impl FnMut(Rule)) {
    match groups {
        GroupFilter::AllExcept(ids) => {
            for id in ids {
                push(Rule::new([Match::Is(Test::Gid(*id))], Action::Return));
            }
        }
        GroupFilter::Only(ids) => {
            let none_of = ids.iter().map(|id| Match::Not(Test::Gid(*id)));
            push(Rule::new(none_of, Action::Return));
        }
    }
}

fn leave_out_ranges(config: &Config, push: &mut impl FnMut(Rule)) {
    let loopbacks = AddressFamily::BOTH.map(|family| loopback(config, family));
    for range in loopbacks.iter().chain(&config.outbound_ranges_exclude) {
        push(Rule::new(
            [Match::Is(Test::Destination(*range))],
            Action::Return,
        ));
    }
}
