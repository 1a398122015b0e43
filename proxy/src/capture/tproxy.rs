//! Inbound capture in TPROXY mode, which keeps the client's address.
//!
//! Packets for the transparent listener are marked, and the mark routes them to the loopback interface (see
//! `routes`). The proxy marks its own connections to the application too; the connection remembers the mark, so
//! that the application's answers come back to the proxy instead of leaving for the client.

use super::address_family::AddressFamily;
use super::config::{Config, Ports};
use super::inbound::{TCP, captures_nothing, tcp_port};
use super::outbound::{loopback, over_loopback};
use super::plan::owners;
use super::rule::{Action, ChainName, ConnState, Match, Rule, RuleSet, TableName, Test};

/// Mark of the proxy's outbound calls to its own pod, which do go through the inbound listener.
pub(super) const OUTBOUND_MARK: u32 = 1338;

pub(super) fn intercept(config: &Config, mark: u32, rules: &mut RuleSet) {
    let in_redirect = Rule::new([TCP], Action::Redirect(config.inbound_port));
    rules.push(TableName::Nat, ChainName::InRedirect, in_redirect);
    let mut push = |chain, rule| rules.push(TableName::Mangle, chain, rule);
    if !captures_nothing(&config.inbound_ports) {
        push(
            ChainName::Prerouting,
            Rule::new([TCP], Action::Jump(ChainName::Inbound)),
        );
        leave_out(config, mark, &mut push);
        to_listener(config, &mut push);
        deliver(config, mark, &mut push);
    }
    remember_marks(config, mark, &mut push);
}

fn leave_out(config: &Config, mark: u32, push: &mut impl FnMut(ChainName, Rule)) {
    let by_loopback = Match::Is(Test::InInterface("lo".to_owned()));
    let mut skip =
        |matches: Vec<Match>| push(ChainName::Inbound, Rule::new(matches, Action::Return));
    skip(vec![TCP, Match::Is(Test::Mark(mark))]);
    for family in AddressFamily::BOTH {
        let source = Match::Is(Test::Source(family.passthrough_source()));
        skip(vec![TCP, source, by_loopback.clone()]);
    }
    // The application's calls to its own address stay direct; the proxy's, which carry the outbound mark, do not.
    skip(vec![
        TCP,
        by_loopback,
        Match::Not(Test::Mark(OUTBOUND_MARK)),
    ]);
    skip(vec![tcp_port(config.tunnel_port)]);
}

fn to_listener(config: &Config, push: &mut impl FnMut(ChainName, Rule)) {
    let established = Match::Is(Test::ConnState(ConnState::RelatedOrEstablished));
    let mut inbound =
        |matches: Vec<Match>, action| push(ChainName::Inbound, Rule::new(matches, action));
    match &config.inbound_ports {
        Ports::All => {
            for port in &config.inbound_ports_exclude {
                inbound(vec![tcp_port(*port)], Action::Return);
            }
            inbound(vec![TCP, established], Action::Jump(ChainName::Divert));
            inbound(vec![TCP], Action::Jump(ChainName::Tproxy));
        }
        Ports::These(ports) => {
            for port in ports {
                inbound(
                    vec![tcp_port(*port), established.clone()],
                    Action::Jump(ChainName::Divert),
                );
                inbound(vec![tcp_port(*port)], Action::Jump(ChainName::Tproxy));
            }
        }
    }
}

fn deliver(config: &Config, mark: u32, push: &mut impl FnMut(ChainName, Rule)) {
    push(ChainName::Divert, Rule::always(Action::SetMark(mark)));
    push(ChainName::Divert, Rule::always(Action::Accept));
    for family in AddressFamily::BOTH {
        let elsewhere = Match::Not(Test::Destination(loopback(config, family)));
        let action = Action::Tproxy {
            port: config.inbound_port,
            mark,
        };
        push(ChainName::Tproxy, Rule::new([TCP, elsewhere], action));
    }
}

fn remember_marks(config: &Config, mark: u32, push: &mut impl FnMut(ChainName, Rule)) {
    let marked = Match::Is(Test::Mark(mark));
    push(
        ChainName::Prerouting,
        Rule::new([TCP, marked.clone()], Action::SaveMark),
    );
    push(
        ChainName::Output,
        Rule::new([TCP, over_loopback(), marked], Action::Return),
    );
    for owner in owners(&config.proxy) {
        for family in AddressFamily::BOTH {
            let elsewhere = Match::Not(Test::Destination(loopback(config, family)));
            let matches = [elsewhere, TCP, over_loopback(), Match::Is(owner.clone())];
            push(
                ChainName::Output,
                Rule::new(matches, Action::SetMark(OUTBOUND_MARK)),
            );
        }
    }
    let restored = [TCP, Match::Is(Test::ConnMark(mark))];
    push(ChainName::Output, Rule::new(restored, Action::RestoreMark));
}
