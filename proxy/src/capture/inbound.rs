//! Inbound capture in REDIRECT mode.

use super::config::{Config, Ports};
use super::rule::{Action, ChainName, Match, Rule, RuleSet, TableName, Test, Transport};

pub(super) const TCP: Match = Match::Is(Test::Transport(Transport::Tcp));

pub(super) fn tcp_port(port: u16) -> Match {
    Match::Is(Test::Port(Transport::Tcp, port))
}

pub(super) fn redirect(config: &Config, rules: &mut RuleSet) {
    let mut push = |chain, rule| rules.push(TableName::Nat, chain, rule);
    push(
        ChainName::InRedirect,
        Rule::new([TCP], Action::Redirect(config.inbound_port)),
    );
    if captures_nothing(&config.inbound_ports) {
        return;
    }
    push(
        ChainName::Prerouting,
        Rule::new([TCP], Action::Jump(ChainName::Inbound)),
    );
    push(
        ChainName::Inbound,
        Rule::new([tcp_port(config.tunnel_port)], Action::Return),
    );
    match &config.inbound_ports {
        Ports::All => {
            for port in &config.inbound_ports_exclude {
                push(
                    ChainName::Inbound,
                    Rule::new([tcp_port(*port)], Action::Return),
                );
            }
            push(
                ChainName::Inbound,
                Rule::new([TCP], Action::Jump(ChainName::InRedirect)),
            );
        }
        Ports::These(ports) => {
            for port in ports {
                push(
                    ChainName::Inbound,
                    Rule::new([tcp_port(*port)], Action::Jump(ChainName::InRedirect)),
                );
            }
        }
    }
}

pub(super) fn captures_nothing(ports: &Ports) -> bool {
    match ports {
        Ports::All => false,
        Ports::These(ports) => ports.is_empty(),
    }
}
